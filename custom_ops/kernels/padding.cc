#include "custom_ops/kernels/padding.h"

#include <algorithm>
#include <utility>

namespace bifsmn {

std::vector<KernelSpan> KernelSpans(int size, int kernel, int stride, int pad,
                                    int outputs) {
  std::vector<KernelSpan> spans;
  for (int i = 0; i < outputs; ++i) {
    const int start = i * stride - pad;
    const int begin = std::max(-start, 0);
    const int end = std::min(size - start, kernel);
    if (!spans.empty() && spans.back().begin == begin &&
        spans.back().end == end) {
      ++spans.back().count;
    } else {
      spans.push_back({begin, end, i, 1});
    }
  }
  return spans;
}

PaddingPatterns::Axis::Axis(std::vector<KernelSpan> of_axis)
    : spans(std::move(of_axis)) {
  for (size_t i = 0; i < spans.size(); ++i) {
    span_of.insert(span_of.end(), spans[i].count, static_cast<uint32_t>(i));
  }
}

PaddingPatterns::PaddingPatterns(const ConvGeometry& geometry)
    : kernel_h_(geometry.kernel_h),
      kernel_w_(geometry.kernel_w),
      rows_(KernelSpans(geometry.height, geometry.kernel_h, geometry.stride_h,
                        geometry.pad_top, geometry.output_h)),
      columns_(KernelSpans(geometry.width, geometry.kernel_w, geometry.stride_w,
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
    for (const KernelSpan& rows : rows_.spans) {
      for (const KernelSpan& columns : columns_.spans) {
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
