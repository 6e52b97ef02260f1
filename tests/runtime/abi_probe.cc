// A delegate that checks tflite_abi.h against the runtime that loads it.
//
// Its model has one node of "Probe" with inputs "x" (float32 [2, 3]) and "c",
// a constant int16 [4] of 1, 2, 3, 4, then an absent one, and output "y"
// (float32 [2, 3]); attributes are the bytes "probe". The kernel adds 1.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tflite_delegate/tflite_abi.h"

namespace {

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      context->ReportError(context, "line %d: %s", __LINE__, #condition); \
      return kTfLiteError;                                                \
    }                                                                     \
  } while (false)

struct Found {
  int x, c, y;
  bool parameters;
};

bool IsList(const TfLiteIntArray* array, int size, int first) {
  return array != nullptr && array->size == size && array->data()[0] == first;
}

TfLiteStatus CheckTensors(TfLiteContext* context, const Found& found) {
  const size_t last = context->tensors_size - 1;
  CHECK(context->tensors_size >= 3 && context->tensors_size < 100);
  CHECK(context->tensors[last].name == nullptr ||
        std::strlen(context->tensors[last].name) < 100);

  const TfLiteTensor& x = context->tensors[found.x];
  CHECK(std::strcmp(x.name, "x") == 0);
  CHECK(x.type == kTfLiteFloat32);
  CHECK(IsList(x.dims, 2, 2) && x.dims->data()[1] == 3);
  CHECK(x.bytes == 24);
  CHECK(x.allocation_type != kTfLiteMmapRo);
  CHECK(!x.is_variable && !x.data_is_stale);

  const TfLiteTensor& c = context->tensors[found.c];
  // Only inputs and outputs have names.
  CHECK(std::strcmp(c.name, "") == 0);
  CHECK(c.type == kTfLiteInt16);
  CHECK(IsList(c.dims, 1, 4));
  CHECK(c.bytes == 8);
  CHECK(c.allocation_type == kTfLiteMmapRo);
  const int16_t values[] = {1, 2, 3, 4};
  CHECK(std::memcmp(c.data, values, sizeof(values)) == 0);

  const TfLiteTensor& y = context->tensors[found.y];
  CHECK(std::strcmp(y.name, "y") == 0);
  CHECK(y.type == kTfLiteFloat32);
  return kTfLiteOk;
}

TfLiteStatus Prepare(TfLiteContext* context, TfLiteNode* node) {
  const Found& found = *static_cast<Found*>(node->user_data);
  CHECK(found.parameters);
  CHECK(node->delegate != nullptr);
  CHECK(IsList(node->outputs, 1, found.y));
  if (CheckTensors(context, found) != kTfLiteOk) return kTfLiteError;
  auto* size = static_cast<TfLiteIntArray*>(std::malloc(12));
  size->size = 2;
  size->data()[0] = 2;
  size->data()[1] = 3;
  TfLiteTensor* y = &context->tensors[found.y];
  CHECK(context->ResizeTensor(context, y, size) == kTfLiteOk);
  CHECK(y->dims == size && y->bytes == 24);
  // Nodes can be looked at only while a delegate is being applied.
  TfLiteNode* other;
  TfLiteRegistration* registration;
  CHECK(context->GetNodeAndRegistration(context, 0, &other, &registration) !=
        kTfLiteOk);
  return kTfLiteOk;
}

TfLiteStatus Invoke(TfLiteContext* context, TfLiteNode* node) {
  const Found& found = *static_cast<Found*>(node->user_data);
  const auto* x = static_cast<const float*>(context->tensors[found.x].data);
  auto* y = static_cast<float*>(context->tensors[found.y].data);
  CHECK(x != nullptr && y != nullptr);
  CHECK(context->tensors[found.y].bytes == 24);
  for (int i = 0; i < 6; ++i) y[i] = x[i] + 1.0f;
  return kTfLiteOk;
}

Found found;

void* Init(TfLiteContext*, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  found.parameters = params->delegate != nullptr &&
                     params->delegate->data == &found &&
                     IsList(params->nodes_to_replace, 1, 0) &&
                     params->input_tensors->size >= 1 &&
                     IsList(params->output_tensors, 1, found.y);
  return &found;
}

TfLiteStatus Apply(TfLiteContext* context, TfLiteDelegate* delegate) {
  CHECK(delegate->data == &found);
  TfLiteIntArray* plan = nullptr;
  CHECK(context->GetExecutionPlan(context, &plan) == kTfLiteOk);
  CHECK(IsList(plan, 1, 0));
  TfLiteNode* node;
  TfLiteRegistration* registration;
  CHECK(context->GetNodeAndRegistration(context, 0, &node, &registration) ==
        kTfLiteOk);
  CHECK(registration->builtin_code == kTfLiteBuiltinCustom);
  CHECK(std::strcmp(registration->custom_name, "Probe") == 0);
  CHECK(registration->version == 1);
  CHECK(node->inputs->size == 3);
  CHECK(node->inputs->data()[2] == kTfLiteOptionalTensor);
  CHECK(node->outputs->size == 1);
  CHECK(node->custom_initial_data_size == 5);
  CHECK(std::memcmp(node->custom_initial_data, "probe", 5) == 0);
  CHECK(node->builtin_data == nullptr);
  CHECK(node->delegate == nullptr);
  found = {node->inputs->data()[0], node->inputs->data()[1],
           node->outputs->data()[0], false};
  if (CheckTensors(context, found) != kTfLiteOk) return kTfLiteError;

  TfLiteRegistration kernel = {};
  kernel.init = Init;
  kernel.prepare = Prepare;
  kernel.invoke = Invoke;
  kernel.builtin_code = kTfLiteBuiltinDelegate;
  kernel.custom_name = "ProbeKernel";
  kernel.version = 1;
  return context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, plan,
                                                        delegate);
}

}  // namespace

extern "C" TfLiteDelegate* tflite_plugin_create_delegate(
    char**, char**, size_t, void (*)(const char*)) {
  auto* delegate = new TfLiteDelegate();
  delegate->data = &found;
  delegate->Prepare = Apply;
  delegate->flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return delegate;
}

extern "C" void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) {
  delete delegate;
}
