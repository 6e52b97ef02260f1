#include "custom_ops/kernels/bit_im2col.h"

#include <algorithm>
#include <cstddef>

namespace bifsmn {

void BitIm2col(const Word* image, const ConvGeometry& geometry, int words,
               int first, int count, Word* patches) {
  const ConvGeometry& g = geometry;
  const ptrdiff_t row_words = static_cast<ptrdiff_t>(g.width) * words;
  int y = first / g.output_w;
  int x = first % g.output_w;
  for (int pixel = 0; pixel < count; ++pixel) {
    const int top = y * g.stride_h - g.pad_top;
    const int left = x * g.stride_w - g.pad_left;
    const int skipped = std::clamp(-left, 0, g.kernel_w);
    const int valid = std::clamp(g.width - left, skipped, g.kernel_w) - skipped;
    const int after = g.kernel_w - skipped - valid;
    for (int row = top; row < top + g.kernel_h; ++row) {
      if (row < 0 || row >= g.height) {
        patches = std::fill_n(patches, g.kernel_w * words, Word{0});
        continue;
      }
      patches = std::fill_n(patches, skipped * words, Word{0});
      patches = std::copy_n(image + row * row_words +
                                static_cast<ptrdiff_t>(left + skipped) * words,
                            valid * words, patches);
      patches = std::fill_n(patches, after * words, Word{0});
    }
    if (++x == g.output_w) {
      x = 0;
      ++y;
    }
  }
}

bool PatchesAreImage(const ConvGeometry& geometry) {
  const ConvGeometry& g = geometry;
  if (g.kernel_h != 1 || g.stride_h != 1 || g.output_h != g.height) {
    return false;
  }
  const bool pointwise =
      g.kernel_w == 1 && g.stride_w == 1 && g.output_w == g.width;
  const bool whole_rows = g.kernel_w == g.width && g.output_w == 1;
  return pointwise || (whole_rows && g.pad_left == 0);
}

}  // namespace bifsmn
