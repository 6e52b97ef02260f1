// Checks that several ops make of their inputs.

#ifndef BIFSMN_CUSTOM_OPS_OPS_VALIDATION_H_
#define BIFSMN_CUSTOM_OPS_OPS_VALIDATION_H_

#include <cstring>
#include <vector>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

// Checks how many inputs and outputs there are, and that the required inputs
// are present.
Status CheckArity(const OpDefinition& definition,
                  const std::vector<const TensorInfo*>& inputs,
                  int output_count);

// Checks the type, the rank and the sizes of a tensor whose shape is free.
Status CheckTensor(const TensorInfo& tensor, const char* name, ElementType type,
                   size_t rank);

// Checks the type and the shape of a tensor whose shape is known.
Status CheckTensor(const TensorInfo& tensor, const char* name, ElementType type,
                   const std::vector<int>& shape);

// Checks that a tensor, whose type and shape are right, is a constant that is
// all there.
Status CheckConstant(const TensorInfo& tensor, const char* name);

// Checks that the type of a tensor is one of two, and its shape.
Status CheckTensor(const TensorInfo& tensor, const char* name, ElementType type,
                   ElementType other_type, const std::vector<int>& shape);

// Checks that the bits that stand for no channel are 0 in [pixels][words].
Status CheckUnusedBits(const std::vector<Word>& bits, const char* name,
                       int channels);

// The elements of a constant that CheckConstant passed. A copy, because a model
// file need not be aligned, nor outlive the plan.
template <typename T>
std::vector<T> CopyConstant(const TensorInfo& tensor) {
  std::vector<T> values(tensor.elements());
  std::memcpy(values.data(), tensor.constant, values.size() * sizeof(T));
  return values;
}

// Checks and copies a constant of a known shape.
template <typename T>
Status ReadConstant(const TensorInfo& tensor, const char* name,
                    ElementType type, const std::vector<int>& shape,
                    std::vector<T>* values) {
  BIFSMN_RETURN_IF_ERROR(CheckTensor(tensor, name, type, shape));
  BIFSMN_RETURN_IF_ERROR(CheckConstant(tensor, name));
  *values = CopyConstant<T>(tensor);
  return Status();
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_VALIDATION_H_
