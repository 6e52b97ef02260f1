#include "tflite_delegate/partition.h"

#include <algorithm>
#include <new>

#include "custom_ops/ops/workspace.h"
#include "tflite_delegate/arena.h"

namespace bifsmn {

void Partition::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, std::align_val_t{kWorkspaceAlignment});
}

int Partition::ValueOf(int tensor) const {
  for (size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].tensor == tensor) return static_cast<int>(i);
  }
  return -1;
}

Status Partition::AddOp(std::string_view name, const void* options,
                        size_t options_bytes, const std::vector<int>& inputs,
                        const std::vector<int>& outputs) {
  Step step;
  step.name = name;
  BIFSMN_RETURN_IF_ERROR(CreateOp(name, options, options_bytes, &step.op));
  const int index = static_cast<int>(steps_.size());
  for (const int tensor : inputs) {
    if (tensor < 0) {
      step.inputs.push_back(-1);
      continue;
    }
    int value = ValueOf(tensor);
    if (value < 0) {
      value = static_cast<int>(values_.size());
      values_.push_back({tensor, Value::kInput, index, index, {}});
      inputs_.Add(tensor, value);
    }
    values_[value].last_step = index;
    step.inputs.push_back(value);
  }
  for (const int tensor : outputs) {
    if (tensor < 0 || ValueOf(tensor) >= 0) {
      return Status::Error(
                 "tensor %d cannot be written here: it is absent, or "
                 "read or written before",
                 tensor)
          .In(step.name);
    }
    step.outputs.push_back(static_cast<int>(values_.size()));
    values_.push_back({tensor, Value::kInside, index, index, {}});
  }
  steps_.push_back(std::move(step));
  return Status();
}

Status Partition::SetOutputs(const std::vector<int>& tensors) {
  for (const int tensor : tensors) {
    const int value = ValueOf(tensor);
    if (value < 0 || values_[value].role != Value::kInside) {
      return Status::Error("tensor %d is no result of the delegated ops",
                           tensor);
    }
    values_[value].role = Value::kOutput;
    outputs_.Add(tensor, value);
  }
  return Status();
}

Status Partition::Plan(const std::vector<TensorInfo>& inputs,
                       std::vector<TensorInfo>* outputs) {
  planned_ = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    values_[inputs_.values[i]].info = inputs[i];
  }
  for (const Step& step : steps_) {
    BIFSMN_RETURN_IF_ERROR(PlanStep(step).In(step.name));
  }
  PlaceValues();
  outputs->clear();
  for (const int value : outputs_.values) {
    outputs->push_back(values_[value].info);
  }
  planned_ = true;
  return Status();
}

Status Partition::PlanStep(const Step& step) {
  std::vector<const TensorInfo*> inputs;
  for (const int value : step.inputs) {
    inputs.push_back(value < 0 ? nullptr : &values_[value].info);
  }
  std::vector<TensorInfo> outputs;
  BIFSMN_RETURN_IF_ERROR(
      step.op->Plan(inputs, static_cast<int>(step.outputs.size()), &outputs));
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    values_[step.outputs[i]].info = outputs[i];
  }
  return Status();
}

void Partition::PlaceValues() {
  std::vector<ArenaBuffer> buffers;
  for (const Value& value : values_) {
    if (value.role == Value::kInside) {
      buffers.push_back(
          {value.info.bytes(), value.first_step, value.last_step});
    }
  }
  const size_t arena_bytes = PlaceBuffers(&buffers);
  size_t workspace_bytes = 0;
  size_t most_inputs = 0;
  size_t most_outputs = 0;
  for (const Step& step : steps_) {
    workspace_bytes = std::max(workspace_bytes, step.op->workspace_bytes());
    most_inputs = std::max(most_inputs, step.inputs.size());
    most_outputs = std::max(most_outputs, step.outputs.size());
  }
  memory_.reset();
  memory_.reset(static_cast<std::byte*>(::operator new[](
      arena_bytes + workspace_bytes, std::align_val_t{kWorkspaceAlignment})));
  workspace_ = memory_.get() + arena_bytes;
  step_inputs_.resize(most_inputs);
  step_outputs_.resize(most_outputs);
  auto buffer = buffers.begin();
  for (Value& value : values_) {
    if (value.role == Value::kInside) {
      value.data = memory_.get() + (buffer++)->offset;
    }
  }
}

void Partition::Run(const void* const* inputs, void* const* outputs) {
  for (const int value : inputs_.values) {
    values_[value].data = const_cast<void*>(*inputs++);
  }
  for (const int value : outputs_.values) values_[value].data = *outputs++;
  for (const Step& step : steps_) {
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int value = step.inputs[i];
      step_inputs_[i] = value < 0 ? nullptr : values_[value].data;
    }
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      step_outputs_[i] = values_[step.outputs[i]].data;
    }
    step.op->Run(step_inputs_.data(), step_outputs_.data(), workspace_);
  }
}

}  // namespace bifsmn
