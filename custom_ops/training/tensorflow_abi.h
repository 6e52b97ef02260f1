// TensorFlow's C ABI for kernels, as far as the training ops need it.
//
// So that the package builds where there is no TensorFlow, nothing of it is
// linked: the functions are declared here, from the public C API
// (tensorflow/c/ops.h, kernels.h and kernels_experimental.h), under their
// public names, and looked up in the TensorFlow that loads the library.
// tests/network/test_fused.py runs the ops in the one at hand.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_TENSORFLOW_ABI_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_TENSORFLOW_ABI_H_

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_Status;
struct TF_Tensor;

enum TF_Code : int { TF_OK = 0, TF_INVALID_ARGUMENT = 3 };
enum TF_DataType : int { TF_FLOAT = 1 };

using TF_Copy = void (*)(TF_OpKernelContext*, TF_Tensor* source,
                         TF_Tensor* target);

TF_Status* TF_NewStatus();
void TF_DeleteStatus(TF_Status*);
void TF_SetStatus(TF_Status*, TF_Code code, const char* message);
TF_Code TF_GetCode(const TF_Status*);

void TF_DeleteTensor(TF_Tensor*);
int TF_NumDims(const TF_Tensor*);
int64_t TF_Dim(const TF_Tensor*, int index);
int64_t TF_TensorElementCount(const TF_Tensor*);
void* TF_TensorData(const TF_Tensor*);

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* name);
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderSetIsStateful(TF_OpDefinitionBuilder*, bool);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(
    TF_OpDefinitionBuilder*,
    void (*function)(TF_ShapeInferenceContext*, TF_Status*));
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*);
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext*,
                                             TF_Status*);

TF_KernelBuilder* TF_NewKernelBuilder(const char* op, const char* device,
                                      void* (*create)(TF_OpKernelConstruction*),
                                      void (*compute)(void*,
                                                      TF_OpKernelContext*),
                                      void (*destroy)(void*));
void TF_RegisterKernelBuilder(const char* name, TF_KernelBuilder*, TF_Status*);
void TF_OpKernelConstruction_GetAttrInt64(TF_OpKernelConstruction*,
                                          const char* name, int64_t* value,
                                          TF_Status*);
void TF_OpKernelConstruction_GetAttrFloat(TF_OpKernelConstruction*,
                                          const char* name, float* value,
                                          TF_Status*);
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction*, TF_Status*);
void TF_OpKernelContext_Failure(TF_OpKernelContext*, TF_Status*);
void TF_GetInput(TF_OpKernelContext*, int index, TF_Tensor**, TF_Status*);
// A variable's own memory; `copy` makes another one if it is being read. It
// owns its two tensors.
void TF_GetInputTensorFromVariable(TF_OpKernelContext*, int index,
                                   bool lock_held, bool variant, bool sparse,
                                   TF_Copy copy, TF_Tensor**, TF_Status*);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext*, int index, TF_DataType,
                             const int64_t* sizes, int rank, size_t bytes,
                             TF_Status*);

}  // extern "C"

#define BIFSMN_TENSORFLOW_FUNCTIONS(X)               \
  X(TF_NewStatus)                                    \
  X(TF_DeleteStatus)                                 \
  X(TF_SetStatus)                                    \
  X(TF_GetCode)                                      \
  X(TF_DeleteTensor)                                 \
  X(TF_NumDims)                                      \
  X(TF_Dim)                                          \
  X(TF_TensorElementCount)                           \
  X(TF_TensorData)                                   \
  X(TF_NewOpDefinitionBuilder)                       \
  X(TF_OpDefinitionBuilderAddAttr)                   \
  X(TF_OpDefinitionBuilderAddInput)                  \
  X(TF_OpDefinitionBuilderAddOutput)                 \
  X(TF_OpDefinitionBuilderSetIsStateful)             \
  X(TF_OpDefinitionBuilderSetShapeInferenceFunction) \
  X(TF_RegisterOpDefinition)                         \
  X(TF_ShapeInferenceContextSetUnknownShape)         \
  X(TF_NewKernelBuilder)                             \
  X(TF_RegisterKernelBuilder)                        \
  X(TF_OpKernelConstruction_GetAttrInt64)            \
  X(TF_OpKernelConstruction_GetAttrFloat)            \
  X(TF_OpKernelConstruction_Failure)                 \
  X(TF_OpKernelContext_Failure)                      \
  X(TF_GetInput)                                     \
  X(TF_GetInputTensorFromVariable)                   \
  X(TF_AllocateOutput)

namespace bifsmn::training {

struct TensorFlow {
#define BIFSMN_MEMBER(name) decltype(&::name) name;
  BIFSMN_TENSORFLOW_FUNCTIONS(BIFSMN_MEMBER)
#undef BIFSMN_MEMBER
};

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_TENSORFLOW_ABI_H_
