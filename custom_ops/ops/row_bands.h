// A padded convolution as some that are not padded above and below.

#ifndef BIFSMN_CUSTOM_OPS_OPS_ROW_BANDS_H_
#define BIFSMN_CUSTOM_OPS_OPS_ROW_BANDS_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "custom_ops/kernels/bit_im2col.h"

namespace bifsmn {

// Output rows that the same rows of the kernel are computed for. Rows of the
// kernel that lie outside of the image are left out, so that a convolution is
// one without vertical padding, and shallower ones at the image's edges.
struct RowBand {
  // Over the part of the image that the band looks at.
  ConvGeometry geometry;
  // Rows of the image above that part, of the output above the band's, and of
  // the kernel above those that are left.
  int image_row;
  int output_row;
  int kernel_row;
};

// The bands, from the first output row to the last. As weights are packed for
// each of them, many make way for a single one, for which padding is computed,
// too.
std::vector<RowBand> RowBands(const ConvGeometry& geometry);

// A band's part of weights[outputs][kernel_h][row], of the convolution that
// RowBands has divided.
template <typename T>
std::vector<T> WeightsOfBand(const std::vector<T>& weights, int outputs,
                             int kernel_h, int row, const RowBand& band) {
  const int size = band.geometry.kernel_h * row;
  std::vector<T> part(static_cast<size_t>(outputs) * size);
  for (int o = 0; o < outputs; ++o) {
    std::copy_n(weights.data() +
                    (static_cast<size_t>(o) * kernel_h + band.kernel_row) * row,
                size, part.data() + static_cast<size_t>(o) * size);
  }
  return part;
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_ROW_BANDS_H_
