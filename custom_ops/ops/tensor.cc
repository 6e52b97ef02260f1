#include "custom_ops/ops/tensor.h"

namespace bifsmn {

const char* NameOf(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kFloat16:
      return "float16";
    case ElementType::kInt32:
      return "int32";
    case ElementType::kInt16:
      return "int16";
    case ElementType::kInt8:
      return "int8";
    case ElementType::kOther:
      break;
  }
  return "another type";
}

size_t SizeOf(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kFloat16:
    case ElementType::kInt16:
      return 2;
    case ElementType::kInt8:
      return 1;
    case ElementType::kOther:
      break;
  }
  return 0;
}

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (const int size : shape) count *= size;
  return count;
}

std::string ShapeText(const std::vector<int>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Status CheckShape(const std::vector<int>& shape) {
  int64_t count = 1;
  for (const int size : shape) {
    if (size < 1) {
      return Status::Error("shape %s has a size below 1",
                           ShapeText(shape).c_str());
    }
    count *= size;
    if (count > kMaxElements) {
      return Status::Error("shape %s has more than %lld elements",
                           ShapeText(shape).c_str(),
                           static_cast<long long>(kMaxElements));
    }
  }
  return Status();
}

}  // namespace bifsmn
