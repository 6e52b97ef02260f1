// The part that the convolutions of values share, unlike those of bits.

#ifndef BIFSMN_CUSTOM_OPS_OPS_VALUE_CONV_H_
#define BIFSMN_CUSTOM_OPS_OPS_VALUE_CONV_H_

#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

struct ValueConv {
  int images = 0;
  int channels = 0;
  int outputs = 0;
  // Products of a sum without padding.
  int terms = 0;
  ConvGeometry geometry = {};
  // An image with its padding in 8 bits, if weights have as many.
  TensorInfo padded;

  // Checks images of `type` [N, H, W, C], of floats also [N, H, W] (C = 1), and
  // weights of `weight_type` [O, KH, KW, C].
  Status Plan(const ConvAttributes& attributes, const TensorInfo& values,
              const char* name, ElementType type, const TensorInfo& weights,
              ElementType weight_type);
};

// Reads an attribute by which values are scaled.
Status ReadScale(const Attributes& attributes, const char* name, float* scale);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_VALUE_CONV_H_
