// An op of the project: what defines it, and what a runtime does with it.
//
// custom_ops/README.md is the definition of the ops for every side.

#ifndef BIFSMN_CUSTOM_OPS_OPS_OP_H_
#define BIFSMN_CUSTOM_OPS_OPS_OP_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "custom_ops/ops/op_list.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

class Attributes;
class ConstantPool;

// An op made from its attributes; planned for certain shapes; then run.
class Op {
 public:
  virtual ~Op() = default;

  // Checks everything there is to check, folds and packs the constants, and
  // tells what the first `output_count` outputs are. May be called again, for
  // other shapes.
  //
  // An absent input is null. Constants have to stay where they are until the
  // next call: Run may read them.
  virtual Status Plan(const std::vector<const TensorInfo*>& inputs,
                      int output_count, std::vector<TensorInfo>* outputs) = 0;

  // Takes from the pool what other ops have packed to the same, after Plan.
  virtual void Share(ConstantPool*) {}

  // Bytes that Run needs to work in.
  virtual size_t workspace_bytes() const = 0;

  // Computes the outputs of what was planned, without allocating. `inputs` has
  // one pointer for every planned input (those of constants and absent ones are
  // not looked at), `workspace` is aligned to 64 bytes.
  virtual void Run(const void* const* inputs, void* const* outputs,
                   void* workspace) const = 0;
};

// Only the last attribute may be of the last two types: kInt32s is one word or
// more, all that are left; kOptionalInt32 is one word or none.
enum class AttributeType { kInt32, kFloat32, kInt32s, kOptionalInt32 };

struct AttributeSpec {
  const char* name;
  AttributeType type;
};

// A name that ends in a question mark is of a tensor that may be absent; only
// the last ones may be. A last name that ends in a plus sign is of one tensor
// or more.
using TensorNames = std::vector<const char*>;

struct OpDefinition {
  const char* name;

  // Of the op in a model file's operator codes.
  int version;

  // In the order of the file, after the contract's version.
  std::vector<AttributeSpec> attributes;

  TensorNames inputs;
  TensorNames outputs;

  // Makes the op, or says which attribute has a value that is not allowed.
  Status (*create)(const Attributes& attributes, std::unique_ptr<Op>* op);

  bool repeats_last_attribute() const;
  bool may_lack_last_attribute() const;
  bool repeats_last_input() const;
  int required_inputs() const;
  int required_outputs() const;
};

// First word of every op's attributes.
constexpr int kContractVersion = 3;

// Every op of op_list.h, in its order.
const std::vector<const OpDefinition*>& OpDefinitions();

// The op of that name, or null.
const OpDefinition* FindOp(std::string_view name);

// Makes an op from what a model file has of it.
Status CreateOp(std::string_view name, const void* options,
                size_t options_bytes, std::unique_ptr<Op>* op);

// The definitions as JSON, for the other languages' sides to be tested against.
std::string ContractJson();

#define BIFSMN_DECLARE_OP(op) extern const OpDefinition k##op##Op;
BIFSMN_OPS(BIFSMN_DECLARE_OP)
#undef BIFSMN_DECLARE_OP

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_OP_H_
