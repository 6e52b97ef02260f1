// Ops that run one after another without the runtime in between: planned once
// (order, memory, packed weights), then run without allocating.
//
// Knows nothing of TensorFlow Lite but that tensors have numbers.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_PARTITION_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_PARTITION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "custom_ops/ops/op.h"
#include "custom_ops/ops/shared_constants.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {

class Partition {
 public:
  // Adds the op that runs next. `inputs` and `outputs` are numbers of tensors;
  // a negative one stands for an input that is absent.
  Status AddOp(std::string_view name, const void* options, size_t options_bytes,
               const std::vector<int>& inputs, const std::vector<int>& outputs);

  // Makes tensors that ops compute readable outside.
  Status SetOutputs(const std::vector<int>& tensors);

  // The tensors that come from outside, constants included, and those that go
  // there.
  const std::vector<int>& inputs() const { return inputs_.tensors; }
  const std::vector<int>& outputs() const { return outputs_.tensors; }

  // Plans for inputs as described, in the order of inputs(); describes the
  // outputs in the order of outputs(). May be called again for other shapes.
  Status Plan(const std::vector<TensorInfo>& inputs,
              std::vector<TensorInfo>* outputs) {
    return Plan(inputs, outputs, true);
  }

  // The same for what is run for these shapes alone, with memory of the
  // caller's: of memory_bytes(), aligned to 64 bytes, which others may use
  // between two runs. Settle has to follow; it forgets what planning again
  // would need.
  Status PlanOnce(const std::vector<TensorInfo>& inputs,
                  std::vector<TensorInfo>* outputs) {
    return Plan(inputs, outputs, false);
  }
  size_t memory_bytes() const { return arena_bytes_ + workspace_bytes_; }
  void Settle(std::byte* memory);

  // Keeps constants once that other partitions have, too.
  void Share(ConstantPool* pool);

  // Whether the last Plan succeeded.
  bool planned() const { return planned_; }

  // Runs what was planned. The pointers are in the order of inputs() and
  // outputs(), aligned to their elements; those of constants are not looked at.
  void Run(const void* const* inputs, void* const* outputs);

 private:
  // A tensor as the steps know it, by its position in values_.
  struct Value {
    enum Role { kInput, kInside, kOutput };

    int tensor;
    Role role;
    int first_step;
    int last_step;
    TensorInfo info;
    // Of what is inside.
    size_t offset = 0;
    // Of a constant that a model file holds unaligned.
    AlignedBuffer<char> aligned = {};
  };

  struct Step {
    std::string name;
    std::unique_ptr<Op> op;
    // Positions in values_; negative for an input that is absent.
    std::vector<int> inputs;
    std::vector<int> outputs;
    // What the op is run with: made by Plan, but for what crosses the border.
    std::vector<const void*> input_pointers;
    std::vector<void*> output_pointers;
  };

  // A pointer of a step that crosses the border, and which one of the inputs
  // or outputs it is.
  template <typename Pointer>
  struct Crossing {
    Pointer* slot;
    size_t number;
  };

  struct Free {
    void operator()(std::byte* memory) const;
  };

  // Tensors that cross the border, by number and by position in values_.
  struct Border {
    std::vector<int> tensors;
    std::vector<int> values;

    void Add(int tensor, int value) {
      tensors.push_back(tensor);
      values.push_back(value);
    }
  };

  // The position in values_ of a tensor, or -1.
  int ValueOf(int tensor) const;

  Status Plan(const std::vector<TensorInfo>& inputs,
              std::vector<TensorInfo>* outputs, bool allocates);
  static void SetInput(const TensorInfo& info, Value* value);
  Status PlanStep(const Step& step);
  Status PlaceValues();
  // Lets the steps work in memory of memory_bytes().
  void SetPointers(std::byte* memory);
  void RunProfiled();

  std::vector<Value> values_;
  std::vector<Step> steps_;
  Border inputs_;
  Border outputs_;
  bool planned_ = false;

  // What inside values and the ops' workspace lie in.
  std::unique_ptr<std::byte[], Free> memory_;
  size_t arena_bytes_ = 0;
  size_t workspace_bytes_ = 0;
  void* workspace_ = nullptr;

  std::vector<Crossing<const void*>> input_crossings_;
  std::vector<Crossing<void*>> output_crossings_;
  // Results that later steps read, too.
  std::vector<Crossing<const void*>> read_back_crossings_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_PARTITION_H_
