#include "tflite_delegate/fake_runtime.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace bifsmn {
namespace {

TfLiteIntArray* MakeArray(const std::vector<int>& values) {
  auto* array = static_cast<TfLiteIntArray*>(
      std::malloc(sizeof(TfLiteIntArray) + values.size() * sizeof(int)));
  array->size = static_cast<int>(values.size());
  std::copy(values.begin(), values.end(), array->data());
  return array;
}

std::vector<int> Values(const TfLiteIntArray* array) {
  return std::vector<int>(array->data(), array->data() + array->size);
}

size_t BytesOf(TfLiteType type, const TfLiteIntArray* dims) {
  size_t bytes = 4;
  if (type == kTfLiteInt16) bytes = 2;
  if (type == kTfLiteInt8) bytes = 1;
  for (const int size : Values(dims)) bytes *= size;
  return bytes;
}

TfLiteStatus PrepareUnresolved(TfLiteContext* context, TfLiteNode*) {
  context->ReportError(context, "Encountered unresolved custom op");
  return kTfLiteError;
}

TfLiteStatus PrepareCopy(TfLiteContext* context, TfLiteNode* node) {
  const TfLiteTensor& from = context->tensors[node->inputs->data()[0]];
  TfLiteTensor* to = &context->tensors[node->outputs->data()[0]];
  return context->ResizeTensor(context, to, MakeArray(Values(from.dims)));
}

TfLiteStatus InvokeCopy(TfLiteContext* context, TfLiteNode* node) {
  const TfLiteTensor& from = context->tensors[node->inputs->data()[0]];
  const TfLiteTensor& to = context->tensors[node->outputs->data()[0]];
  std::memcpy(to.data, from.data, to.bytes);
  return kTfLiteOk;
}

}  // namespace

FakeRuntime::FakeRuntime() {
  context_.impl = this;
  context_.GetExecutionPlan = GetExecutionPlan;
  context_.ResizeTensor = ResizeTensor;
  context_.ReportError = ReportError;
  context_.GetNodeAndRegistration = GetNodeAndRegistration;
  context_.ReplaceNodeSubsetsWithDelegateKernels = ReplaceNodes;
}

FakeRuntime::~FakeRuntime() {
  for (Node& node : nodes_) {
    if (node.registration.free != nullptr) {
      node.registration.free(&context_, node.node.user_data);
    }
  }
  for (TfLiteTensor& tensor : tensors_) std::free(tensor.dims);
  for (TfLiteIntArray* array : arrays_) std::free(array);
}

FakeRuntime* FakeRuntime::Of(TfLiteContext* context) {
  return static_cast<FakeRuntime*>(context->impl);
}

int FakeRuntime::AddTensor(TfLiteType type, const std::vector<int>& shape) {
  TfLiteTensor tensor = {};
  tensor.type = type;
  tensor.dims = MakeArray(shape);
  tensor.bytes = BytesOf(type, tensor.dims);
  tensor.name = "a tensor";
  tensors_.push_back(tensor);
  context_.tensors = tensors_.data();
  context_.tensors_size = tensors_.size();
  return static_cast<int>(tensors_.size()) - 1;
}

int FakeRuntime::AddNode(const std::string& op,
                         const std::vector<int32_t>& options,
                         const std::vector<int>& inputs,
                         const std::vector<int>& outputs) {
  nodes_.push_back({{}, {}, options});
  Node& node = nodes_.back();
  node.node.inputs = MakeArray(inputs);
  node.node.outputs = MakeArray(outputs);
  arrays_.push_back(node.node.inputs);
  arrays_.push_back(node.node.outputs);
  node.node.custom_initial_data = node.options.data();
  node.node.custom_initial_data_size =
      static_cast<int>(node.options.size() * sizeof(int32_t));
  if (op == "Copy") {
    node.registration.prepare = PrepareCopy;
    node.registration.invoke = InvokeCopy;
  } else {
    node.registration.builtin_code = kTfLiteBuiltinCustom;
    node.registration.prepare = PrepareUnresolved;
  }
  static std::deque<std::string>* const names = new std::deque<std::string>;
  names->push_back(op);
  node.registration.custom_name = names->back().c_str();
  plan_.push_back(static_cast<int>(nodes_.size()) - 1);
  return plan_.back();
}

void FakeRuntime::Register(TfLiteRegistration* registration) {
  for (Node& node : nodes_) {
    if (std::strcmp(node.registration.custom_name, registration->custom_name) !=
        0) {
      continue;
    }
    node.registration = *registration;
    node.node.user_data = registration->init(
        &context_, reinterpret_cast<const char*>(node.options.data()),
        node.options.size() * sizeof(int32_t));
  }
}

TfLiteStatus FakeRuntime::Apply(TfLiteDelegate* delegate) {
  delegating_ = true;
  const TfLiteStatus status = delegate->Prepare(&context_, delegate);
  delegating_ = false;
  return status;
}

TfLiteStatus FakeRuntime::Allocate() {
  std::vector<bool> used(tensors_.size());
  for (const int number : plan_) {
    Node& node = nodes_[number];
    if (node.registration.prepare(&context_, &node.node) != kTfLiteOk) {
      return kTfLiteError;
    }
    for (const TfLiteIntArray* list : {node.node.inputs, node.node.outputs}) {
      for (const int tensor : Values(list)) {
        if (tensor >= 0 && tensor < static_cast<int>(used.size())) {
          used[tensor] = true;
        }
      }
    }
  }
  // What no node uses any more stays without memory, so that a delegate that
  // reaches for it is found out.
  for (size_t i = 0; i < tensors_.size(); ++i) {
    TfLiteTensor& tensor = tensors_[i];
    if (!used[i] || tensor.allocation_type == kTfLiteMmapRo) continue;
    std::vector<char>& content = contents_[static_cast<int>(i)];
    content.assign(tensor.bytes, '\xff');
    tensor.data = content.data();
  }
  return kTfLiteOk;
}

TfLiteStatus FakeRuntime::Invoke() {
  for (const int number : plan_) {
    Node& node = nodes_[number];
    if (node.registration.invoke(&context_, &node.node) != kTfLiteOk) {
      return kTfLiteError;
    }
  }
  return kTfLiteOk;
}

void FakeRuntime::Resize(int number, const std::vector<int>& shape) {
  ResizeTensor(&context_, &tensors_[number], MakeArray(shape));
}

TfLiteStatus FakeRuntime::GetExecutionPlan(TfLiteContext* context,
                                           TfLiteIntArray** plan) {
  FakeRuntime* self = Of(context);
  *plan = MakeArray(self->plan_);
  self->arrays_.push_back(*plan);
  return kTfLiteOk;
}

TfLiteStatus FakeRuntime::ResizeTensor(TfLiteContext*, TfLiteTensor* tensor,
                                       TfLiteIntArray* size) {
  std::free(tensor->dims);
  tensor->dims = size;
  tensor->bytes = BytesOf(tensor->type, size);
  return kTfLiteOk;
}

void FakeRuntime::ReportError(TfLiteContext* context, const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  Of(context)->errors_ += std::string(text) + "\n";
}

TfLiteStatus FakeRuntime::GetNodeAndRegistration(
    TfLiteContext* context, int number, TfLiteNode** node,
    TfLiteRegistration** registration) {
  FakeRuntime* self = Of(context);
  // The real one forbids it at any other time.
  if (!self->delegating_) return kTfLiteError;
  *node = &self->nodes_[number].node;
  *registration = &self->nodes_[number].registration;
  return kTfLiteOk;
}

bool FakeRuntime::IsReadOutside(int tensor,
                                const std::vector<int>& nodes) const {
  bool read = false;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const std::vector<int> inputs = Values(nodes_[i].node.inputs);
    if (std::find(inputs.begin(), inputs.end(), tensor) == inputs.end()) {
      continue;
    }
    read = true;
    if (std::find(nodes.begin(), nodes.end(), static_cast<int>(i)) ==
        nodes.end()) {
      return true;
    }
  }
  // What nobody reads is the model's output.
  return !read;
}

int FakeRuntime::AddPartition(const TfLiteRegistration& registration,
                              const std::vector<int>& nodes,
                              TfLiteDelegate* delegate) {
  std::set<int> inputs;
  std::vector<int> outputs;
  std::set<int> inside;
  for (const int number : nodes) {
    for (const int tensor : Values(nodes_[number].node.inputs)) {
      if (inside.count(tensor) == 0) inputs.insert(tensor);
    }
    for (const int tensor : Values(nodes_[number].node.outputs)) {
      inside.insert(tensor);
      if (IsReadOutside(tensor, nodes)) outputs.push_back(tensor);
    }
  }
  nodes_.push_back({{}, registration, {}});
  Node& node = nodes_.back();
  node.node.inputs = MakeArray({inputs.begin(), inputs.end()});
  node.node.outputs = MakeArray(outputs);
  TfLiteIntArray* replaced = MakeArray(nodes);
  for (TfLiteIntArray* array :
       {node.node.inputs, node.node.outputs, replaced}) {
    arrays_.push_back(array);
  }
  // The parameters live only while the kernel is made.
  const TfLiteDelegateParams params = {delegate, replaced, node.node.inputs,
                                       node.node.outputs};
  node.node.user_data = registration.init(
      &context_, reinterpret_cast<const char*>(&params), sizeof(params));
  ++partitions_;
  return static_cast<int>(nodes_.size()) - 1;
}

TfLiteStatus FakeRuntime::ReplaceNodes(TfLiteContext* context,
                                       TfLiteRegistration registration,
                                       const TfLiteIntArray* nodes,
                                       TfLiteDelegate* delegate) {
  FakeRuntime* self = Of(context);
  const std::vector<int> claimed = Values(nodes);
  std::vector<int> plan;
  std::vector<int> run;
  const auto end_run = [&] {
    if (run.empty()) return;
    plan.push_back(self->AddPartition(registration, run, delegate));
    run.clear();
  };
  for (const int number : self->plan_) {
    if (std::find(claimed.begin(), claimed.end(), number) != claimed.end()) {
      run.push_back(number);
    } else {
      end_run();
      plan.push_back(number);
    }
  }
  end_run();
  self->plan_ = plan;
  return kTfLiteOk;
}

}  // namespace bifsmn
