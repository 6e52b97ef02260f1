#include "custom_ops/ops/attributes.h"

#include <cassert>
#include <cstring>

namespace bifsmn {

Status Attributes::Parse(const OpDefinition& definition, const void* options,
                         size_t bytes, Attributes* attributes) {
  const size_t count = definition.attributes.size();
  const size_t expected = (1 + count) * sizeof(int32_t);
  if (options == nullptr || bytes != expected) {
    return Status::Error("attributes are %zu bytes, got %zu", expected,
                         options == nullptr ? size_t{0} : bytes);
  }
  int32_t version;
  std::memcpy(&version, options, sizeof(version));
  if (version != kContractVersion) {
    return Status::Error(
        "contract version %d is not %d, which this library is "
        "of",
        version, kContractVersion);
  }
  attributes->definition_ = &definition;
  attributes->words_.resize(count);
  // An empty vector may have no address, which memcpy does not allow.
  if (count > 0) {
    std::memcpy(attributes->words_.data(),
                static_cast<const char*>(options) + sizeof(version),
                count * sizeof(int32_t));
  }
  return Status();
}

int Attributes::Int(std::string_view name) const {
  return WordOf(name, AttributeType::kInt32);
}

float Attributes::Float(std::string_view name) const {
  const int32_t word = WordOf(name, AttributeType::kFloat32);
  float value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

int32_t Attributes::WordOf(std::string_view name,
                           [[maybe_unused]] AttributeType type) const {
  for (size_t i = 0; i < words_.size(); ++i) {
    if (name == definition_->attributes[i].name) {
      assert(definition_->attributes[i].type == type);
      return words_[i];
    }
  }
  assert(false && "the definition does not list the attribute");
  return 0;
}

}  // namespace bifsmn
