// The attributes of an op in a model file: little-endian 32-bit words.

#ifndef BIFSMN_CUSTOM_OPS_OPS_ATTRIBUTES_H_
#define BIFSMN_CUSTOM_OPS_OPS_ATTRIBUTES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "custom_ops/ops/op.h"
#include "custom_ops/ops/status.h"

namespace bifsmn {

class Attributes {
 public:
  // Reads the bytes of an op's custom options: the contract's version, then
  // what the definition lists.
  static Status Parse(const OpDefinition& definition, const void* options,
                      size_t bytes, Attributes* attributes);

  // The attribute of that name, which the definition has to list.
  int Int(std::string_view name) const;
  // The last attribute, or `fallback` where it is left out.
  int IntOr(std::string_view name, int fallback) const;
  float Float(std::string_view name) const;
  std::vector<int> Ints(std::string_view name) const;

 private:
  // The number of the attribute, and of its first word.
  size_t Find(std::string_view name, AttributeType type) const;

  const OpDefinition* definition_ = nullptr;
  std::vector<int32_t> words_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_ATTRIBUTES_H_
