// The ops one by one, for programs that register them with an interpreter of
// their own instead of loading the delegate.

#include <memory>
#include <string>

#include "custom_ops/ops/op.h"
#include "tflite_delegate/partition_runner.h"
#include "tflite_delegate/plugin.h"
#include "tflite_delegate/tflite_abi.h"

namespace bifsmn {
namespace {

// An op knows its tensors only from when it is prepared.
struct OpNode {
  PartitionRunner runner;
  std::string options;
  bool made = false;
};

void* Init(TfLiteContext* context, const char* buffer, size_t length) {
  OpNode* result = nullptr;
  Report(context, [&] {
    auto made = std::make_unique<OpNode>();
    if (buffer != nullptr) made->options.assign(buffer, length);
    result = made.release();
    return Status();
  });
  return result;
}

void Free(TfLiteContext*, void* node) { delete static_cast<OpNode*>(node); }

template <const OpDefinition& kDefinition>
TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  return Report(context, [&] {
    auto* op = static_cast<OpNode*>(node->user_data);
    if (op == nullptr) return Status::Error("the op was not made");
    if (!op->made) {
      Partition partition;
      const std::vector<int> outputs = ToVector(node->outputs);
      BIFSMN_RETURN_IF_ERROR(
          partition.AddOp(kDefinition.name, op->options.data(),
                          op->options.size(), ToVector(node->inputs), outputs));
      BIFSMN_RETURN_IF_ERROR(partition.SetOutputs(outputs));
      op->runner.partition() = std::move(partition);
      op->made = true;
    }
    return op->runner.Prepare(context);
  });
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  return Report(context, [&] {
    return static_cast<OpNode*>(node->user_data)->runner.Invoke(context);
  });
}

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

}  // namespace
}  // namespace bifsmn

#define BIFSMN_DEFINE_REGISTER(op)                    \
  TfLiteRegistration* BifsmnRegister_##op() {         \
    return bifsmn::Registration<bifsmn::k##op##Op>(); \
  }
BIFSMN_OPS(BIFSMN_DEFINE_REGISTER)
#undef BIFSMN_DEFINE_REGISTER
