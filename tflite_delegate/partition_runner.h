// A partition as a node of TensorFlow Lite.

#ifndef BIFSMN_TFLITE_DELEGATE_PARTITION_RUNNER_H_
#define BIFSMN_TFLITE_DELEGATE_PARTITION_RUNNER_H_

#include <exception>
#include <string>
#include <vector>

#include "custom_ops/engine/partition.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"
#include "tflite_delegate/tflite_abi.h"

namespace bifsmn {

// Runs `action`, which gives a Status, and reports its failure through the
// context. No exception may reach the runtime.
template <typename Action>
TfLiteStatus Report(TfLiteContext* context, const Action& action) noexcept {
  try {
    const Status status = action();
    if (status.ok()) return kTfLiteOk;
    context->ReportError(context, "%s", status.message().c_str());
  } catch (const std::exception& exception) {
    context->ReportError(context, "BiFSMN ops: %s", exception.what());
  }
  return kTfLiteError;
}

// Binds a partition to the tensors of a context.
class PartitionRunner {
 public:
  // Its ops have to be added before Prepare.
  Partition& partition() { return partition_; }

  // Plans for the shapes that the context has, and resizes the outputs.
  Status Prepare(TfLiteContext* context);

  // Checks that the tensors are still those that were planned with, and runs.
  Status Invoke(TfLiteContext* context);

 private:
  Partition partition_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  // Numbers in inputs_ of those that are no constants.
  std::vector<size_t> changing_;
  std::vector<const void*> input_pointers_;
  std::vector<void*> output_pointers_;
};

// The numbers in a runtime's array; none if it is null.
std::vector<int> ToVector(const TfLiteIntArray* array);

}  // namespace bifsmn

#endif  // BIFSMN_TFLITE_DELEGATE_PARTITION_RUNNER_H_
