// TensorFlow Lite's C ABI, as far as the delegate needs it.
//
// No package that a user installs ships TensorFlow Lite's C headers, and a
// plugin links against no runtime: it is handed a context, and calls what the
// context points to. So the public structs are declared here, from the public C
// API (tensorflow/lite/core/c/common.h), under their public names. Their layout
// has not changed since TensorFlow 2.5 except at the tail of
// TfLiteRegistration; tests/runtime/test_interpreter.py checks it against the
// runtime at hand.

#ifndef BIFSMN_TFLITE_DELEGATE_TFLITE_ABI_H_
#define BIFSMN_TFLITE_DELEGATE_TFLITE_ABI_H_

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct TfLiteContext;
struct TfLiteDelegate;

enum TfLiteStatus : int { kTfLiteOk = 0, kTfLiteError = 1 };

enum TfLiteType : int {
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
  kTfLiteFloat16 = 10,
};

enum TfLiteAllocationType : int {
  // Read-only memory of the model file: a constant.
  kTfLiteMmapRo = 1,
};

enum TfLiteDelegateFlags : int64_t {
  kTfLiteDelegateFlagsAllowDynamicTensors = 1
};

enum TfLiteBuiltinOperator : int32_t {
  kTfLiteBuiltinCustom = 32,
  kTfLiteBuiltinDelegate = 51,
};

// An index in a list of tensors that stands for no tensor.
constexpr int kTfLiteOptionalTensor = -1;

// `size` integers follow the struct.
struct TfLiteIntArray {
  int size;

  const int* data() const { return reinterpret_cast<const int*>(this + 1); }
  int* data() { return reinterpret_cast<int*>(this + 1); }
};

struct TfLiteTensor {
  TfLiteType type;
  void* data;
  TfLiteIntArray* dims;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  TfLiteAllocationType allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  TfLiteDelegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct {
    int type;
    void* params;
  } quantization;
  void* sparsity;
  const TfLiteIntArray* dims_signature;
};

struct TfLiteNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  TfLiteIntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  TfLiteDelegate* delegate;
  bool might_have_side_effect;
};

struct TfLiteRegistration {
  void* (*init)(TfLiteContext* context, const char* buffer, size_t length);
  void (*free)(TfLiteContext* context, void* buffer);
  TfLiteStatus (*prepare)(TfLiteContext* context, TfLiteNode* node);
  TfLiteStatus (*invoke)(TfLiteContext* context, TfLiteNode* node);
  const char* (*profiling_string)(const TfLiteContext* context,
                                  const TfLiteNode* node);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  // Passed by value, so the tail that newer runtimes read has to be there.
  void* registration_external;
  void* async_kernel;
  uint64_t inplace_operator;
};

// The first members of a longer struct, which only a runtime makes.
struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext* context,
                                   TfLiteIntArray** execution_plan);
  TfLiteTensor* tensors;
  void* impl;
  // Takes `new_size` over, and releases it with free().
  TfLiteStatus (*ResizeTensor)(TfLiteContext* context, TfLiteTensor* tensor,
                               TfLiteIntArray* new_size);
  void (*ReportError)(TfLiteContext* context, const char* format, ...);
  TfLiteStatus (*AddTensors)(TfLiteContext* context, int count,
                             int* first_new_tensor_index);
  TfLiteStatus (*GetNodeAndRegistration)(TfLiteContext* context, int node_index,
                                         TfLiteNode** node,
                                         TfLiteRegistration** registration);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(
      TfLiteContext* context, TfLiteRegistration registration,
      const TfLiteIntArray* nodes_to_replace, TfLiteDelegate* delegate);
};

struct TfLiteDelegate {
  void* data;
  TfLiteStatus (*Prepare)(TfLiteContext* context, TfLiteDelegate* delegate);
  TfLiteStatus (*CopyFromBufferHandle)(TfLiteContext* context,
                                       TfLiteDelegate* delegate, int handle,
                                       TfLiteTensor* tensor);
  TfLiteStatus (*CopyToBufferHandle)(TfLiteContext* context,
                                     TfLiteDelegate* delegate, int handle,
                                     TfLiteTensor* tensor);
  void (*FreeBufferHandle)(TfLiteContext* context, TfLiteDelegate* delegate,
                           int* handle);
  int64_t flags;
  void* opaque_delegate_builder;
};

// What the kernel of a partition is made from.
struct TfLiteDelegateParams {
  TfLiteDelegate* delegate;
  TfLiteIntArray* nodes_to_replace;
  TfLiteIntArray* input_tensors;
  TfLiteIntArray* output_tensors;
};

}  // extern "C"

static_assert(sizeof(void*) == 8 && sizeof(long) == 8,
              "the layout below is that of 64-bit Linux (LP64)");
static_assert(sizeof(TfLiteIntArray) == 4);
static_assert(sizeof(TfLiteTensor) == 112);
static_assert(offsetof(TfLiteTensor, dims) == 16);
static_assert(offsetof(TfLiteTensor, allocation_type) == 32);
static_assert(offsetof(TfLiteTensor, bytes) == 40);
static_assert(sizeof(TfLiteNode) == 80);
static_assert(offsetof(TfLiteNode, user_data) == 32);
static_assert(offsetof(TfLiteNode, custom_initial_data) == 48);
static_assert(sizeof(TfLiteRegistration) == 88);
static_assert(offsetof(TfLiteRegistration, custom_name) == 48);
static_assert(sizeof(TfLiteDelegate) == 56);
static_assert(offsetof(TfLiteDelegate, flags) == 40);
static_assert(offsetof(TfLiteContext, ResizeTensor) == 32);
static_assert(offsetof(TfLiteContext, ReplaceNodeSubsetsWithDelegateKernels) ==
              64);

#endif  // BIFSMN_TFLITE_DELEGATE_TFLITE_ABI_H_
