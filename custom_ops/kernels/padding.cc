#include "custom_ops/kernels/padding.h"

#include <algorithm>

namespace bifsmn {

PaddingPatterns::Axis PaddingPatterns::MakeAxis(int size, int kernel,
                                                int stride, int pad,
                                                int outputs) {
  Axis axis;
  axis.span_of.reserve(outputs);
  for (int i = 0; i < outputs; ++i) {
    const int start = i * stride - pad;
    const Span span = {std::max(-start, 0), std::min(size - start, kernel)};
    // Both ends only ever move back, so an equal span is the last one.
    if (axis.spans.empty() || axis.spans.back().begin != span.begin ||
        axis.spans.back().end != span.end) {
      axis.spans.push_back(span);
    }
    axis.span_of.push_back(static_cast<uint32_t>(axis.spans.size() - 1));
  }
  return axis;
}

PaddingPatterns::PaddingPatterns(const ConvGeometry& geometry)
    : kernel_h_(geometry.kernel_h),
      kernel_w_(geometry.kernel_w),
      rows_(MakeAxis(geometry.height, geometry.kernel_h, geometry.stride_h,
                     geometry.pad_top, geometry.output_h)),
      columns_(MakeAxis(geometry.width, geometry.kernel_w, geometry.stride_w,
                        geometry.pad_left, geometry.output_w)) {}

std::vector<int16_t> PaddingPatterns::Bases(const Word* weights, int outputs,
                                            int channels) const {
  const int words = WordsFor(channels);
  // set_bits[y][x]: bits set in the kernel's rows < y and columns < x.
  const int stride = kernel_w_ + 1;
  std::vector<int> set_bits(static_cast<size_t>(kernel_h_ + 1) * stride);
  std::vector<int16_t> bases(count() * outputs);
  for (int o = 0; o < outputs; ++o) {
    for (int y = 0; y < kernel_h_; ++y) {
      int row_bits = 0;
      for (int x = 0; x < kernel_w_; ++x) {
        for (int i = 0; i < words; ++i)
          row_bits += __builtin_popcount(*weights++);
        set_bits[(y + 1) * stride + x + 1] =
            set_bits[y * stride + x + 1] + row_bits;
      }
    }
    const int all_bits = set_bits.back();
    int16_t* base = bases.data() + o;
    for (const Span& rows : rows_.spans) {
      for (const Span& columns : columns_.spans) {
        const int valid_bits = set_bits[rows.end * stride + columns.end] -
                               set_bits[rows.begin * stride + columns.end] -
                               set_bits[rows.end * stride + columns.begin] +
                               set_bits[rows.begin * stride + columns.begin];
        const int valid_terms =
            (rows.end - rows.begin) * (columns.end - columns.begin) * channels;
        *base = static_cast<int16_t>(valid_terms + 2 * (all_bits - valid_bits));
        base += outputs;
      }
    }
  }
  return bases;
}

}  // namespace bifsmn
