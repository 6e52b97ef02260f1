// Gathers the patches that a convolution's outputs look at.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BIT_IM2COL_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BIT_IM2COL_H_

#include "custom_ops/kernels/bits.h"

namespace bifsmn {

// Geometry of a two-dimensional convolution over one image.
struct ConvGeometry {
  int height, width;
  int kernel_h, kernel_w;
  int stride_h, stride_w;
  int pad_top, pad_left;
  int output_h, output_w;
};

// Writes the patches of the output pixels [first, first + count) of an image,
// in row-major order, to patches[count][planes][kernel_h * kernel_w * words].
//
// `image` is [height][width][planes][words], of one plane or two. Padding is
// written as words of 0, that is as +1: what it adds to a count is known
// beforehand (see PaddingPatterns).
void BitIm2col(const Word* image, const ConvGeometry& geometry, int words,
               int planes, int first, int count, Word* patches);

// Whether the patches lie in the image as BitIm2col would write them, of one
// plane.
bool PatchesAreImage(const ConvGeometry& geometry);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BIT_IM2COL_H_
