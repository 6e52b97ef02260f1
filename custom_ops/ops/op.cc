#include "custom_ops/ops/op.h"

#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/dense.h"
#include "custom_ops/ops/attributes.h"

namespace bifsmn {
namespace {

int CountRequired(const TensorNames& names) {
  const auto may_be_absent = [](const char* name) {
    return name[std::strlen(name) - 1] == '?';
  };
  return static_cast<int>(
      std::find_if(names.begin(), names.end(), may_be_absent) - names.begin());
}

std::string Quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string JsonList(const TensorNames& names) {
  std::string json;
  for (const char* name : names) {
    json += (json.empty() ? "" : ", ") + Quoted(name);
  }
  return "[" + json + "]";
}

const char* NameOf(AttributeType type) {
  switch (type) {
    case AttributeType::kInt32:
      return "int32";
    case AttributeType::kFloat32:
      return "float32";
    case AttributeType::kInt32s:
      return "int32+";
    case AttributeType::kOptionalInt32:
      break;
  }
  return "int32?";
}

std::string AttributeJson(const AttributeSpec& attribute) {
  return "[" + Quoted(attribute.name) + ", " + Quoted(NameOf(attribute.type)) +
         "]";
}

}  // namespace

bool OpDefinition::repeats_last_attribute() const {
  return !attributes.empty() &&
         attributes.back().type == AttributeType::kInt32s;
}

bool OpDefinition::may_lack_last_attribute() const {
  return !attributes.empty() &&
         attributes.back().type == AttributeType::kOptionalInt32;
}

bool OpDefinition::repeats_last_input() const {
  return std::string_view(inputs.back()).back() == '+';
}

int OpDefinition::required_inputs() const { return CountRequired(inputs); }

int OpDefinition::required_outputs() const { return CountRequired(outputs); }

const std::vector<const OpDefinition*>& OpDefinitions() {
#define BIFSMN_ADDRESS(op) &k##op##Op,
  static const std::vector<const OpDefinition*> definitions = {
      BIFSMN_OPS(BIFSMN_ADDRESS)};
#undef BIFSMN_ADDRESS
  return definitions;
}

const OpDefinition* FindOp(std::string_view name) {
  for (const OpDefinition* definition : OpDefinitions()) {
    if (name == definition->name) return definition;
  }
  return nullptr;
}

Status CreateOp(std::string_view name, const void* options,
                size_t options_bytes, std::unique_ptr<Op>* op) {
  const std::string place(name);
  const OpDefinition* definition = FindOp(name);
  if (definition == nullptr) {
    return Status::Error("this library has no such op").In(place);
  }
  Attributes attributes;
  BIFSMN_RETURN_IF_ERROR(
      Attributes::Parse(*definition, options, options_bytes, &attributes)
          .In(place));
  return definition->create(attributes, op).In(place);
}

std::string ContractJson() {
  std::string ops;
  for (const OpDefinition* definition : OpDefinitions()) {
    std::string attributes = AttributeJson({"version", AttributeType::kInt32});
    for (const AttributeSpec& attribute : definition->attributes) {
      attributes += ", " + AttributeJson(attribute);
    }
    ops += std::string(ops.empty() ? "" : ",\n ") +
           "{\"name\": " + Quoted(definition->name) +
           ", \"version\": " + std::to_string(definition->version) +
           ", \"attributes\": [" + attributes +
           "], \"inputs\": " + JsonList(definition->inputs) +
           ", \"outputs\": " + JsonList(definition->outputs) + "}";
  }
  return "{\"contract_version\": " + std::to_string(kContractVersion) +
         ", \"max_binary_terms\": " + std::to_string(kMaxBinaryTerms) +
         ", \"max_quantized_terms\": " + std::to_string(kMaxQuantizedTerms) +
         ", \"max_dense_weights\": " + std::to_string(kMaxDenseWeights) +
         ",\n \"ops\": [" + ops + "]}";
}

}  // namespace bifsmn
