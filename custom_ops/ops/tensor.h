// What an op is told of its tensors before it runs.

#ifndef BIFSMN_CUSTOM_OPS_OPS_TENSOR_H_
#define BIFSMN_CUSTOM_OPS_OPS_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "custom_ops/ops/status.h"

namespace bifsmn {

enum class ElementType { kOther, kFloat32, kFloat16, kInt32, kInt16, kInt8 };

const char* NameOf(ElementType type);

// Bytes of an element; 0 for kOther.
size_t SizeOf(ElementType type);

// Most elements of a tensor: no network for a board comes near, sizes in bytes
// and sums of sizes fit an int64 with room to spare, and an index fits an int.
constexpr int64_t kMaxElements = int64_t{1} << 28;

struct TensorInfo {
  ElementType type = ElementType::kOther;
  std::vector<int> shape;

  // Of a constant, its content and how many bytes that is; null for a tensor
  // whose content is not known before the op runs.
  const void* constant = nullptr;
  size_t constant_bytes = 0;

  // Number of elements; of a shape that CheckShape passed.
  int64_t elements() const;
  size_t bytes() const { return elements() * SizeOf(type); }
};

// "[1, 32, 32]".
std::string ShapeText(const std::vector<int>& shape);

// Checks that every size is positive and that the elements are at most
// kMaxElements.
Status CheckShape(const std::vector<int>& shape);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_TENSOR_H_
