#include "tflite_delegate/delegate.h"

#include <memory>
#include <string_view>
#include <vector>

#include "tflite_delegate/partition_runner.h"

namespace bifsmn {
namespace {

constexpr std::string_view kOpPrefix = "Bifsmn";

// What is wrong with a partition's ops is found when its node is made, and told
// when that is prepared: making it cannot fail but for want of memory.
struct PartitionNode {
  PartitionRunner runner;
  Status status;
};

Status AddNode(TfLiteContext* context, int number, Partition* partition) {
  TfLiteNode* node;
  TfLiteRegistration* registration;
  if (context->GetNodeAndRegistration(context, number, &node, &registration) !=
      kTfLiteOk) {
    return Status::Error("node %d cannot be read", number);
  }
  return partition->AddOp(registration->custom_name, node->custom_initial_data,
                          node->custom_initial_data_size,
                          ToVector(node->inputs), ToVector(node->outputs));
}

Status AddNodes(TfLiteContext* context, const TfLiteDelegateParams& params,
                Partition* partition) {
  for (const int number : ToVector(params.nodes_to_replace)) {
    BIFSMN_RETURN_IF_ERROR(AddNode(context, number, partition));
  }
  return partition->SetOutputs(ToVector(params.output_tensors));
}

// The nodes can be looked at here, and not later.
void* Init(TfLiteContext* context, const char* buffer, size_t) {
  PartitionNode* result = nullptr;
  Report(context, [&] {
    auto made = std::make_unique<PartitionNode>();
    made->status = AddNodes(
        context, *reinterpret_cast<const TfLiteDelegateParams*>(buffer),
        &made->runner.partition());
    result = made.release();
    return Status();
  });
  return result;
}

void Free(TfLiteContext*, void* node) {
  delete static_cast<PartitionNode*>(node);
}

TfLiteStatus PrepareNode(TfLiteContext* context, TfLiteNode* node) {
  return Report(context, [&] {
    auto* made = static_cast<PartitionNode*>(node->user_data);
    if (made == nullptr) return Status::Error("BiFSMN ops were not made");
    BIFSMN_RETURN_IF_ERROR(made->status);
    return made->runner.Prepare(context);
  });
}

TfLiteStatus InvokeNode(TfLiteContext* context, TfLiteNode* node) {
  return Report(context, [&] {
    return static_cast<PartitionNode*>(node->user_data)->runner.Invoke(context);
  });
}

Status ClaimNodes(TfLiteContext* context, TfLiteDelegate* delegate) {
  TfLiteIntArray* plan;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) {
    return Status::Error("the model's execution plan cannot be read");
  }
  // A TfLiteIntArray: how many, then the numbers.
  std::vector<int> claimed = {0};
  for (const int number : ToVector(plan)) {
    TfLiteNode* node;
    TfLiteRegistration* registration;
    if (context->GetNodeAndRegistration(context, number, &node,
                                        &registration) != kTfLiteOk) {
      return Status::Error("node %d cannot be read", number);
    }
    const char* name = registration->custom_name;
    if (registration->builtin_code == kTfLiteBuiltinCustom && name != nullptr &&
        std::string_view(name).substr(0, kOpPrefix.size()) == kOpPrefix) {
      claimed.push_back(number);
    }
  }
  claimed[0] = static_cast<int>(claimed.size()) - 1;
  if (claimed[0] == 0) return Status();
  TfLiteRegistration registration = {};
  registration.init = Init;
  registration.free = Free;
  registration.prepare = PrepareNode;
  registration.invoke = InvokeNode;
  registration.builtin_code = kTfLiteBuiltinDelegate;
  registration.custom_name = "BifsmnPartition";
  registration.version = 1;
  if (context->ReplaceNodeSubsetsWithDelegateKernels(
          context, registration,
          reinterpret_cast<const TfLiteIntArray*>(claimed.data()),
          delegate) != kTfLiteOk) {
    return Status::Error("the runtime refused the BiFSMN ops' kernels");
  }
  return Status();
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  return Report(context, [&] { return ClaimNodes(context, delegate); });
}

}  // namespace

TfLiteDelegate* MakeDelegate() {
  auto* delegate = new TfLiteDelegate();
  delegate->Prepare = Prepare;
  // Without it the runtime prepares the nodes itself first, and fails.
  delegate->flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return delegate;
}

}  // namespace bifsmn
