#include "custom_ops/engine/partition.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>

#include "custom_ops/engine/arena.h"
#include "custom_ops/engine/profile.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

// Most bytes for what passes between ops and what they work in. A file of a few
// hundred bytes can ask for any number of large tensors.
constexpr size_t kMaxMemory = size_t{1} << 31;

}  // namespace

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
                       std::vector<TensorInfo>* outputs, bool allocates) {
  planned_ = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    SetInput(inputs[i], &values_[inputs_.values[i]]);
  }
  for (const Step& step : steps_) {
    BIFSMN_RETURN_IF_ERROR(PlanStep(step).In(step.name));
  }
  BIFSMN_RETURN_IF_ERROR(PlaceValues());
  if (allocates) {
    memory_.reset(static_cast<std::byte*>(::operator new[](
        memory_bytes(), std::align_val_t{kWorkspaceAlignment})));
    SetPointers(memory_.get());
  }
  outputs->clear();
  for (const int value : outputs_.values) {
    outputs->push_back(values_[value].info);
  }
  planned_ = true;
  return Status();
}

void Partition::SetInput(const TensorInfo& info, Value* value) {
  value->info = info;
  const size_t element = SizeOf(info.type);
  if (element == 0 ||
      reinterpret_cast<uintptr_t>(info.constant) % element == 0) {
    return;
  }
  value->aligned.Resize(info.constant_bytes);
  std::memcpy(value->aligned.data(), info.constant, info.constant_bytes);
  value->info.constant = value->aligned.data();
}

Status Partition::PlanStep(const Step& step) {
  std::vector<const TensorInfo*> inputs;
  for (const int value : step.inputs) {
    inputs.push_back(value < 0 ? nullptr : &values_[value].info);
  }
  std::vector<TensorInfo> outputs;
  BIFSMN_RETURN_IF_ERROR(
      step.op->Plan(inputs, static_cast<int>(step.outputs.size()), &outputs));
  // An op checks what it copies; what it reads when it runs may be a constant,
  // too.
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] != nullptr && inputs[i]->constant != nullptr) {
      const std::string name = "input " + std::to_string(i);
      BIFSMN_RETURN_IF_ERROR(CheckConstant(*inputs[i], name.c_str()));
    }
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    values_[step.outputs[i]].info = outputs[i];
  }
  return Status();
}

Status Partition::PlaceValues() {
  std::vector<ArenaBuffer> buffers;
  for (const Value& value : values_) {
    if (value.role == Value::kInside) {
      buffers.push_back(
          {value.info.bytes(), value.first_step, value.last_step});
    }
  }
  arena_bytes_ = PlaceBuffers(&buffers);
  workspace_bytes_ = 0;
  for (const Step& step : steps_) {
    workspace_bytes_ = std::max(workspace_bytes_, step.op->workspace_bytes());
  }
  memory_.reset();
  if (memory_bytes() > kMaxMemory) {
    return Status::Error(
        "BiFSMN ops need %zu bytes to work in for these shapes, at most %zu",
        memory_bytes(), kMaxMemory);
  }
  auto buffer = buffers.begin();
  for (Value& value : values_) {
    if (value.role == Value::kInside) {
      value.offset = (buffer++)->offset;
    }
  }
  return Status();
}

void Partition::Settle(std::byte* memory) {
  memory_.reset();
  SetPointers(memory);
  for (Step& step : steps_) {
    std::vector<int>().swap(step.inputs);
    std::vector<int>().swap(step.outputs);
  }
  std::vector<Value>().swap(values_);
  steps_.shrink_to_fit();
}

void Partition::Share(ConstantPool* pool) {
  for (const Step& step : steps_) step.op->Share(pool);
}

void Partition::SetPointers(std::byte* memory) {
  workspace_ = memory + arena_bytes_;
  input_crossings_.clear();
  output_crossings_.clear();
  read_back_crossings_.clear();
  const auto number_of = [](const Border& border, int value) {
    return static_cast<size_t>(
        std::find(border.values.begin(), border.values.end(), value) -
        border.values.begin());
  };
  for (Step& step : steps_) {
    step.input_pointers.assign(step.inputs.size(), nullptr);
    step.output_pointers.assign(step.outputs.size(), nullptr);
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int value = step.inputs[i];
      if (value < 0) continue;
      const void** slot = &step.input_pointers[i];
      switch (values_[value].role) {
        case Value::kInside:
          *slot = memory + values_[value].offset;
          break;
        case Value::kInput:
          *slot = values_[value].info.constant;
          if (*slot == nullptr) {
            input_crossings_.push_back({slot, number_of(inputs_, value)});
          }
          break;
        case Value::kOutput:
          read_back_crossings_.push_back({slot, number_of(outputs_, value)});
          break;
      }
    }
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      const int value = step.outputs[i];
      void** slot = &step.output_pointers[i];
      if (values_[value].role == Value::kInside) {
        *slot = memory + values_[value].offset;
      } else {
        output_crossings_.push_back({slot, number_of(outputs_, value)});
      }
    }
  }
}

void Partition::Run(const void* const* inputs, void* const* outputs) {
  for (const auto& crossing : input_crossings_) {
    *crossing.slot = inputs[crossing.number];
  }
  for (const auto& crossing : output_crossings_) {
    *crossing.slot = outputs[crossing.number];
  }
  for (const auto& crossing : read_back_crossings_) {
    *crossing.slot = outputs[crossing.number];
  }
  if (Profile::enabled()) {
    RunProfiled();
    return;
  }
  for (const Step& step : steps_) {
    step.op->Run(step.input_pointers.data(), step.output_pointers.data(),
                 workspace_);
  }
}

void Partition::RunProfiled() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const auto start = std::chrono::steady_clock::now();
    step.op->Run(step.input_pointers.data(), step.output_pointers.data(),
                 workspace_);
    Profile::Add(i, step.name, std::chrono::steady_clock::now() - start);
  }
}

}  // namespace bifsmn
