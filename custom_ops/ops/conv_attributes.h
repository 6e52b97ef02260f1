// The attributes that every convolution has.

#ifndef BIFSMN_CUSTOM_OPS_OPS_CONV_ATTRIBUTES_H_
#define BIFSMN_CUSTOM_OPS_OPS_CONV_ATTRIBUTES_H_

#include <vector>

#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/status.h"

namespace bifsmn {

// What a convolution's definition lists: its own attributes around those of
// ConvAttributes.
std::vector<AttributeSpec> WithConvAttributes(
    std::vector<AttributeSpec> before, const std::vector<AttributeSpec>& after);

struct ConvAttributes {
  int stride_h, stride_w;
  int pad_top, pad_bottom, pad_left, pad_right;

  static Status Read(const Attributes& attributes, ConvAttributes* conv);

  // The geometry over an image and a kernel of positive sizes, each at most
  // kMaxElements.
  Status MakeGeometry(int height, int width, int kernel_h, int kernel_w,
                      ConvGeometry* geometry) const;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_CONV_ATTRIBUTES_H_
