#include "custom_ops/ops/conv_attributes.h"

#include <algorithm>
#include <cstdint>

namespace bifsmn {

std::vector<AttributeSpec> WithConvAttributes(
    std::vector<AttributeSpec> before,
    const std::vector<AttributeSpec>& after) {
  for (const char* name : {"stride_h", "stride_w", "pad_top", "pad_bottom",
                           "pad_left", "pad_right"}) {
    before.push_back({name, AttributeType::kInt32});
  }
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

Status ConvAttributes::Read(const Attributes& attributes,
                            ConvAttributes* conv) {
  conv->stride_h = attributes.Int("stride_h");
  conv->stride_w = attributes.Int("stride_w");
  conv->pad_top = attributes.Int("pad_top");
  conv->pad_bottom = attributes.Int("pad_bottom");
  conv->pad_left = attributes.Int("pad_left");
  conv->pad_right = attributes.Int("pad_right");
  if (conv->stride_h < 1 || conv->stride_w < 1) {
    return Status::Error("strides have to be positive, are %d and %d",
                         conv->stride_h, conv->stride_w);
  }
  if (std::min({conv->pad_top, conv->pad_bottom, conv->pad_left,
                conv->pad_right}) < 0) {
    return Status::Error("padding must not be negative, is %d, %d, %d, %d",
                         conv->pad_top, conv->pad_bottom, conv->pad_left,
                         conv->pad_right);
  }
  return Status();
}

Status ConvAttributes::MakeGeometry(int height, int width, int kernel_h,
                                    int kernel_w,
                                    ConvGeometry* geometry) const {
  if (std::max(pad_top, pad_bottom) >= kernel_h ||
      std::max(pad_left, pad_right) >= kernel_w) {
    return Status::Error(
        "padding %d, %d, %d, %d has to be smaller than the kernel of %d x %d",
        pad_top, pad_bottom, pad_left, pad_right, kernel_h, kernel_w);
  }
  const int64_t padded_h = int64_t{height} + pad_top + pad_bottom;
  const int64_t padded_w = int64_t{width} + pad_left + pad_right;
  if (padded_h < kernel_h || padded_w < kernel_w) {
    return Status::Error(
        "a kernel of %d x %d exceeds the padded input of "
        "%lld x %lld",
        kernel_h, kernel_w, static_cast<long long>(padded_h),
        static_cast<long long>(padded_w));
  }
  if (std::max(padded_h, padded_w) > INT32_MAX) {
    return Status::Error("the padded input of %lld x %lld is too large",
                         static_cast<long long>(padded_h),
                         static_cast<long long>(padded_w));
  }
  *geometry = {height,
               width,
               kernel_h,
               kernel_w,
               stride_h,
               stride_w,
               pad_top,
               pad_left,
               static_cast<int>((padded_h - kernel_h) / stride_h + 1),
               static_cast<int>((padded_w - kernel_w) / stride_w + 1)};
  return Status();
}

}  // namespace bifsmn
