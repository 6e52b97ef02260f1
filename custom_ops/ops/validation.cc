#include "custom_ops/ops/validation.h"

namespace bifsmn {

Status CheckArity(const OpDefinition& definition,
                  const std::vector<const TensorInfo*>& inputs,
                  int output_count) {
  const int required = definition.required_inputs();
  const int input_count = static_cast<int>(inputs.size());
  const int most_inputs = static_cast<int>(definition.inputs.size());
  const bool may_be_more = definition.repeats_last_input();
  if (input_count < required || (input_count > most_inputs && !may_be_more)) {
    return may_be_more ? Status::Error("takes at least %d inputs, got %d",
                                       required, input_count)
                       : Status::Error("takes %d to %d inputs, got %d",
                                       required, most_inputs, input_count);
  }
  for (int i = 0; i < required; ++i) {
    if (inputs[i] == nullptr) {
      return Status::Error("input %s is missing", definition.inputs[i]);
    }
  }
  for (int i = required; may_be_more && i < input_count; ++i) {
    if (inputs[i] == nullptr) return Status::Error("input %d is missing", i);
  }
  const int required_outputs = definition.required_outputs();
  const int most_outputs = static_cast<int>(definition.outputs.size());
  if (output_count < required_outputs || output_count > most_outputs) {
    return Status::Error("has %d to %d outputs, got %d", required_outputs,
                         most_outputs, output_count);
  }
  return Status();
}

Status CheckTensor(const TensorInfo& tensor, const char* name, ElementType type,
                   size_t rank) {
  if (tensor.type != type) {
    return Status::Error("%s has to be %s, is %s", name, NameOf(type),
                         NameOf(tensor.type));
  }
  if (tensor.shape.size() != rank) {
    return Status::Error("%s has to be of rank %zu, is of shape %s", name, rank,
                         ShapeText(tensor.shape).c_str());
  }
  return CheckShape(tensor.shape).In(name);
}

Status CheckTensor(const TensorInfo& tensor, const char* name, ElementType type,
                   const std::vector<int>& shape) {
  BIFSMN_RETURN_IF_ERROR(CheckTensor(tensor, name, type, shape.size()));
  if (tensor.shape != shape) {
    return Status::Error("%s has to be of shape %s, is of shape %s", name,
                         ShapeText(shape).c_str(),
                         ShapeText(tensor.shape).c_str());
  }
  return Status();
}

Status CheckTensor(const TensorInfo& tensor, const char* name, ElementType type,
                   ElementType other_type, const std::vector<int>& shape) {
  if (tensor.type != type && tensor.type != other_type) {
    return Status::Error("%s has to be %s or %s, is %s", name, NameOf(type),
                         NameOf(other_type), NameOf(tensor.type));
  }
  return CheckTensor(tensor, name, tensor.type, shape);
}

Status CheckConstant(const TensorInfo& tensor, const char* name) {
  if (tensor.constant == nullptr) {
    return Status::Error("%s has to be a constant", name);
  }
  if (tensor.constant_bytes != tensor.bytes()) {
    return Status::Error("%s of shape %s takes %zu bytes, the model has %zu",
                         name, ShapeText(tensor.shape).c_str(), tensor.bytes(),
                         tensor.constant_bytes);
  }
  return Status();
}

Status CheckUnusedBits(const std::vector<Word>& bits, const char* name,
                       int channels) {
  const Word unused = UnusedBits(channels);
  const size_t words = WordsFor(channels);
  for (size_t last = words - 1; last < bits.size(); last += words) {
    if ((bits[last] & unused) != 0) {
      return Status::Error("%s has bits set beyond its %d channels", name,
                           channels);
    }
  }
  return Status();
}

}  // namespace bifsmn
