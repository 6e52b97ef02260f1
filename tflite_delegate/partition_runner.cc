#include "tflite_delegate/partition_runner.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace bifsmn {
namespace {

ElementType TypeOf(const TfLiteTensor& tensor) {
  switch (tensor.type) {
    case kTfLiteFloat32:
      return ElementType::kFloat32;
    case kTfLiteInt32:
      return ElementType::kInt32;
    case kTfLiteInt16:
      return ElementType::kInt16;
    case kTfLiteInt8:
      return ElementType::kInt8;
    case kTfLiteFloat16:
      return ElementType::kFloat16;
  }
  return ElementType::kOther;
}

// The tensor of that number, or null if the context has none.
TfLiteTensor* FindTensor(TfLiteContext* context, int number) {
  if (number < 0 || static_cast<size_t>(number) >= context->tensors_size) {
    return nullptr;
  }
  return &context->tensors[number];
}

std::string Describe(int number, const TfLiteTensor& tensor) {
  return "tensor " + std::to_string(number) + " (" +
         (tensor.name == nullptr ? "" : tensor.name) + ")";
}

Status DescribeInput(TfLiteContext* context, int number, TensorInfo* info) {
  const TfLiteTensor* tensor = FindTensor(context, number);
  if (tensor == nullptr || tensor->dims == nullptr) {
    return Status::Error("tensor %d does not exist or has no shape", number);
  }
  info->type = TypeOf(*tensor);
  info->shape = ToVector(tensor->dims);
  const bool constant = tensor->allocation_type == kTfLiteMmapRo;
  info->constant = constant ? tensor->data : nullptr;
  info->constant_bytes = constant ? tensor->bytes : 0;
  return Status();
}

Status ResizeOutput(TfLiteContext* context, int number,
                    const TensorInfo& info) {
  TfLiteTensor* tensor = FindTensor(context, number);
  if (tensor == nullptr) {
    return Status::Error("tensor %d does not exist", number);
  }
  if (tensor->allocation_type == kTfLiteMmapRo) {
    return Status::Error("a result, but a constant of the model")
        .In(Describe(number, *tensor));
  }
  if (TypeOf(*tensor) != info.type) {
    return Status::Error("has to be %s, is %s", NameOf(info.type),
                         NameOf(TypeOf(*tensor)))
        .In(Describe(number, *tensor));
  }
  // The runtime releases the array with free().
  auto* shape = static_cast<TfLiteIntArray*>(
      std::malloc(sizeof(TfLiteIntArray) + info.shape.size() * sizeof(int)));
  if (shape == nullptr) return Status::Error("out of memory");
  shape->size = static_cast<int>(info.shape.size());
  std::copy(info.shape.begin(), info.shape.end(), shape->data());
  if (context->ResizeTensor(context, tensor, shape) != kTfLiteOk) {
    return Status::Error("cannot be resized to %s",
                         ShapeText(info.shape).c_str())
        .In(Describe(number, *tensor));
  }
  return Status();
}

// Checks that a tensor is what was planned with, and returns its memory.
Status MemoryOf(TfLiteContext* context, int number, const TensorInfo& planned,
                void** memory) {
  const TfLiteTensor* tensor = FindTensor(context, number);
  if (tensor == nullptr) {
    return Status::Error("tensor %d does not exist", number);
  }
  *memory = tensor->data;
  const auto address = reinterpret_cast<uintptr_t>(tensor->data);
  if (address == 0 || address % SizeOf(planned.type) != 0 ||
      tensor->bytes != planned.bytes()) {
    return Status::Error("has %zu bytes at %p, planned were %zu", tensor->bytes,
                         tensor->data, planned.bytes())
        .In(Describe(number, *tensor));
  }
  return Status();
}

}  // namespace

std::vector<int> ToVector(const TfLiteIntArray* array) {
  if (array == nullptr) return {};
  return std::vector<int>(array->data(), array->data() + array->size);
}

Status PartitionRunner::Prepare(TfLiteContext* context) {
  inputs_.clear();
  for (const int number : partition_.inputs()) {
    inputs_.emplace_back();
    BIFSMN_RETURN_IF_ERROR(DescribeInput(context, number, &inputs_.back()));
  }
  BIFSMN_RETURN_IF_ERROR(partition_.Plan(inputs_, &outputs_));
  // Ops copy their constants.
  changing_.clear();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].constant == nullptr) changing_.push_back(i);
  }
  input_pointers_.assign(inputs_.size(), nullptr);
  output_pointers_.assign(outputs_.size(), nullptr);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    BIFSMN_RETURN_IF_ERROR(
        ResizeOutput(context, partition_.outputs()[i], outputs_[i]));
  }
  return Status();
}

Status PartitionRunner::Invoke(TfLiteContext* context) {
  if (!partition_.planned()) return Status::Error("run before it was prepared");
  for (const size_t i : changing_) {
    void* memory = nullptr;
    BIFSMN_RETURN_IF_ERROR(
        MemoryOf(context, partition_.inputs()[i], inputs_[i], &memory));
    input_pointers_[i] = memory;
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    BIFSMN_RETURN_IF_ERROR(MemoryOf(context, partition_.outputs()[i],
                                    outputs_[i], &output_pointers_[i]));
  }
  partition_.Run(input_pointers_.data(), output_pointers_.data());
  return Status();
}

}  // namespace bifsmn
