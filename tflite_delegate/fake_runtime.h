// A runtime that behaves as TensorFlow Lite's C API says, for tests: it holds
// tensors and nodes, lets a delegate replace nodes, and runs the rest.

#ifndef BIFSMN_TFLITE_DELEGATE_FAKE_RUNTIME_H_
#define BIFSMN_TFLITE_DELEGATE_FAKE_RUNTIME_H_

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tflite_delegate/tflite_abi.h"

namespace bifsmn {

class FakeRuntime {
 public:
  FakeRuntime();
  ~FakeRuntime();
  FakeRuntime(const FakeRuntime&) = delete;
  FakeRuntime& operator=(const FakeRuntime&) = delete;

  // Adds a tensor, and returns its number.
  int AddTensor(TfLiteType type, const std::vector<int>& shape);

  template <typename T>
  int AddConstant(TfLiteType type, const std::vector<int>& shape,
                  const std::vector<T>& values) {
    const int number = AddTensor(type, shape);
    contents_[number].assign(
        reinterpret_cast<const char*>(values.data()),
        reinterpret_cast<const char*>(values.data() + values.size()));
    TfLiteTensor& tensor = tensors_[number];
    tensor.allocation_type = kTfLiteMmapRo;
    tensor.data = contents_[number].data();
    tensor.bytes = contents_[number].size();
    return number;
  }

  // Adds a node of a custom op that nothing is known of. Of the runtime's own,
  // there is "Copy" of one tensor into another.
  int AddNode(const std::string& op, const std::vector<int32_t>& options,
              const std::vector<int>& inputs, const std::vector<int>& outputs);

  // Uses a registration for the ops of its name, as an op resolver does.
  void Register(TfLiteRegistration* registration);

  TfLiteStatus Apply(TfLiteDelegate* delegate);

  // Prepares every node and gives every tensor that one uses its memory.
  TfLiteStatus Allocate();
  TfLiteStatus Invoke();

  TfLiteTensor& tensor(int number) { return tensors_[number]; }
  void Resize(int number, const std::vector<int>& shape);

  template <typename T>
  void Set(int number, const std::vector<T>& values) {
    std::memcpy(tensors_[number].data, values.data(),
                values.size() * sizeof(T));
  }

  template <typename T>
  std::vector<T> Get(int number) const {
    const TfLiteTensor& tensor = tensors_[number];
    std::vector<T> values(tensor.bytes / sizeof(T));
    std::memcpy(values.data(), tensor.data, tensor.bytes);
    return values;
  }

  // Everything reported so far.
  const std::string& errors() const { return errors_; }

  // Kernels that a delegate's partitions run in.
  int partitions() const { return partitions_; }

 private:
  struct Node {
    TfLiteNode node;
    TfLiteRegistration registration;
    std::vector<int32_t> options;
  };

  static FakeRuntime* Of(TfLiteContext* context);
  static TfLiteStatus GetExecutionPlan(TfLiteContext* context,
                                       TfLiteIntArray** plan);
  static TfLiteStatus ResizeTensor(TfLiteContext* context, TfLiteTensor* tensor,
                                   TfLiteIntArray* size);
  static void ReportError(TfLiteContext* context, const char* format, ...);
  static TfLiteStatus GetNodeAndRegistration(TfLiteContext* context, int number,
                                             TfLiteNode** node,
                                             TfLiteRegistration** registration);
  static TfLiteStatus ReplaceNodes(TfLiteContext* context,
                                   TfLiteRegistration registration,
                                   const TfLiteIntArray* nodes,
                                   TfLiteDelegate* delegate);

  // Replaces nodes that follow one another by one.
  int AddPartition(const TfLiteRegistration& registration,
                   const std::vector<int>& nodes, TfLiteDelegate* delegate);
  bool IsReadOutside(int tensor, const std::vector<int>& nodes) const;

  TfLiteContext context_ = {};
  std::vector<TfLiteTensor> tensors_;
  std::map<int, std::vector<char>> contents_;
  std::deque<Node> nodes_;
  std::vector<int> plan_;
  std::vector<TfLiteIntArray*> arrays_;
  bool delegating_ = false;
  int partitions_ = 0;
  std::string errors_;
};

}  // namespace bifsmn

#endif  // BIFSMN_TFLITE_DELEGATE_FAKE_RUNTIME_H_
