#include "custom_ops/ops/stream_frames.h"

namespace bifsmn {
namespace {

bool MayBeKept(ElementType type) {
  return type == ElementType::kFloat32 || type == ElementType::kInt32 ||
         type == ElementType::kInt16 || type == ElementType::kInt8;
}

}  // namespace

Status CheckFrames(const TensorInfo& tensor, const char* name) {
  if (!MayBeKept(tensor.type)) {
    return Status::Error("%s has to be float32, int32, int16 or int8, is %s",
                         name, NameOf(tensor.type));
  }
  if (tensor.shape.size() < 2 || tensor.shape[0] != 1) {
    return Status::Error("%s has to be of shape [1, T, ...], is of shape %s",
                         name, ShapeText(tensor.shape).c_str());
  }
  return CheckShape(tensor.shape).In(name);
}

int64_t FrameBytes(const TensorInfo& tensor) {
  return static_cast<int64_t>(tensor.bytes()) / tensor.shape[1];
}

}  // namespace bifsmn
