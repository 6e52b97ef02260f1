#include "tflite_delegate/registration.h"

#include <memory>
#include <string>

#include "tflite_delegate/kernel.h"

namespace bifsmn {
namespace {

// An op knows its tensors only from when it is prepared.
struct OpKernel {
  Kernel kernel;
  std::string options;
  bool made = false;
};

void* Init(TfLiteContext* context, const char* buffer, size_t length) {
  OpKernel* result = nullptr;
  Report(context, [&] {
    auto kernel = std::make_unique<OpKernel>();
    if (buffer != nullptr) kernel->options.assign(buffer, length);
    result = kernel.release();
    return Status();
  });
  return result;
}

void Free(TfLiteContext*, void* kernel) {
  delete static_cast<OpKernel*>(kernel);
}

template <const OpDefinition& kDefinition>
TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  return Report(context, [&] {
    auto* kernel = static_cast<OpKernel*>(node->user_data);
    if (kernel == nullptr) return Status::Error("the op was not made");
    if (!kernel->made) {
      Partition partition;
      const std::vector<int> outputs = ToVector(node->outputs);
      BIFSMN_RETURN_IF_ERROR(partition.AddOp(
          kDefinition.name, kernel->options.data(), kernel->options.size(),
          ToVector(node->inputs), outputs));
      BIFSMN_RETURN_IF_ERROR(partition.SetOutputs(outputs));
      kernel->kernel.partition() = std::move(partition);
      kernel->made = true;
    }
    return kernel->kernel.Prepare(context);
  });
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  return Report(context, [&] {
    return static_cast<OpKernel*>(node->user_data)->kernel.Invoke(context);
  });
}

}  // namespace

template <const OpDefinition& kDefinition>
TfLiteRegistration* Registration() {
  static TfLiteRegistration registration = [] {
    TfLiteRegistration made = {};
    made.init = Init;
    made.free = Free;
    made.prepare = Prepare<kDefinition>;
    made.invoke = Invoke;
    made.builtin_code = kTfLiteBuiltinCustom;
    made.custom_name = kDefinition.name;
    made.version = kDefinition.version;
    return made;
  }();
  return &registration;
}

template TfLiteRegistration* Registration<kQuantConv2DOp>();
template TfLiteRegistration* Registration<kConv2DOp>();
template TfLiteRegistration* Registration<kConv2DAddOp>();
template TfLiteRegistration* Registration<kMemoryOp>();
template TfLiteRegistration* Registration<kDenseOp>();
template TfLiteRegistration* Registration<kLogMelOp>();
template TfLiteRegistration* Registration<kFloatConv2DOp>();
template TfLiteRegistration* Registration<kInt8Conv2DOp>();

}  // namespace bifsmn
