#include "custom_ops/ops/value_conv.h"

#include <cmath>
#include <string>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {

Status ValueConv::Plan(const ConvAttributes& attributes,
                       const TensorInfo& values, const char* name,
                       ElementType type, const TensorInfo& weights,
                       ElementType weight_type) {
  const bool has_channels =
      type != ElementType::kFloat32 || values.shape.size() != 3;
  BIFSMN_RETURN_IF_ERROR(
      CheckTensor(values, name, type, size_t{has_channels ? 4u : 3u}));
  BIFSMN_RETURN_IF_ERROR(CheckTensor(weights, "weights", weight_type, 4));
  images = values.shape[0];
  channels = has_channels ? values.shape[3] : 1;
  if (weights.shape[3] != channels) {
    return Status::Error("weights of shape %s, but %s of %d channels",
                         ShapeText(weights.shape).c_str(), name, channels);
  }
  outputs = weights.shape[0];
  const bool in_integers = weight_type == ElementType::kInt8;
  terms = static_cast<int>(weights.elements() / outputs);
  if (in_integers && terms > kMaxQuantizedTerms) {
    return Status::Error(
        "a sum has at most %d products, weights of shape %s have %d",
        kMaxQuantizedTerms, ShapeText(weights.shape).c_str(), terms);
  }
  BIFSMN_RETURN_IF_ERROR(
      attributes.MakeGeometry(values.shape[1], values.shape[2],
                              weights.shape[1], weights.shape[2], &geometry));
  if (!in_integers) return Status();
  padded = {
      ElementType::kInt8,
      {geometry.height + attributes.pad_top + attributes.pad_bottom,
       geometry.width + attributes.pad_left + attributes.pad_right, channels}};
  return CheckShape(padded.shape).In(std::string("padded ") + name);
}

Status ReadScale(const Attributes& attributes, const char* name, float* scale) {
  *scale = attributes.Float(name);
  if (!std::isfinite(*scale) || !(*scale > 0.0f)) {
    return Status::Error("%s has to be finite and positive, is %g", name,
                         static_cast<double>(*scale));
  }
  return Status();
}

}  // namespace bifsmn
