#include "custom_ops/ops/attributes.h"

#include <cassert>
#include <cstring>

namespace bifsmn {

Status Attributes::Parse(const OpDefinition& definition, const void* options,
                         size_t bytes, Attributes* attributes) {
  const size_t all = (1 + definition.attributes.size()) * sizeof(int32_t);
  const bool may_be_more = definition.repeats_last_attribute();
  const bool may_be_less = definition.may_lack_last_attribute();
  const size_t least = may_be_less ? all - sizeof(int32_t) : all;
  if (options == nullptr) bytes = 0;
  if (bytes < least || bytes % sizeof(int32_t) != 0 ||
      (bytes > all && !may_be_more)) {
    return Status::Error("attributes are %zu bytes%s, got %zu", least,
                         may_be_more   ? " or more, in words of four"
                         : may_be_less ? " or four more"
                                       : "",
                         bytes);
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
  attributes->words_.resize(bytes / sizeof(int32_t) - 1);
  // An empty vector may have no address, which memcpy does not allow.
  if (!attributes->words_.empty()) {
    std::memcpy(attributes->words_.data(),
                static_cast<const char*>(options) + sizeof(version),
                bytes - sizeof(version));
  }
  return Status();
}

int Attributes::Int(std::string_view name) const {
  return words_[Find(name, AttributeType::kInt32)];
}

int Attributes::IntOr(std::string_view name, int fallback) const {
  const size_t number = Find(name, AttributeType::kOptionalInt32);
  return number < words_.size() ? words_[number] : fallback;
}

float Attributes::Float(std::string_view name) const {
  const int32_t word = words_[Find(name, AttributeType::kFloat32)];
  float value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

std::vector<int> Attributes::Ints(std::string_view name) const {
  return {words_.begin() + Find(name, AttributeType::kInt32s), words_.end()};
}

size_t Attributes::Find(std::string_view name,
                        [[maybe_unused]] AttributeType type) const {
  for (size_t i = 0; i < definition_->attributes.size(); ++i) {
    if (name == definition_->attributes[i].name) {
      assert(definition_->attributes[i].type == type);
      return i;
    }
  }
  assert(false && "the definition does not list the attribute");
  return 0;
}

}  // namespace bifsmn
