// The first convolution: float features, rounded to 8 bits, against int8
// weights.
//
// A kernel's name is its contract: quant_conv_<instruction set>_<pixels>x
// <outputs of a tile>_<type of the sums>.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_QUANT_CONV_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_QUANT_CONV_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

// A row of output pixels over an image of 8-bit values that holds its padding.
struct QuantConvRow {
  // The first pixel's patch: `kernel_rows` runs of `run_terms` values.
  const int8_t* patch;
  int kernel_rows;
  int run_terms;
  // Values from one run of a patch to the next one, and from a patch to the
  // next pixel's.
  ptrdiff_t run_stride;
  ptrdiff_t pixel_stride;
  int pixels;

  int terms() const { return kernel_rows * run_terms; }
};

struct QuantConvKernel {
  const char* name;

  // Outputs of a tile; divides 16.
  int tile_outputs;

  // Most products for which the kernel's sums do not overflow.
  int max_depth;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Lays out weights[outputs][terms] in `packed`, of QuantConvPackedSize.
  void (*pack)(const int8_t* weights, int outputs, int terms, int8_t* packed);

  // Writes sums[pixels][QuantConvRowStride(outputs)]. Columns from `outputs` on
  // hold no meaning.
  void (*run)(const QuantConvRow& row, const int8_t* packed, int outputs,
              int32_t* sums);
};

// Elements from one pixel's sums to the next one's.
constexpr int QuantConvRowStride(int outputs) {
  return RoundUp(outputs, kWordBits);
}

constexpr size_t QuantConvPackedSize(const QuantConvKernel& kernel, int outputs,
                                     int terms) {
  return static_cast<size_t>(RoundUp(outputs, kernel.tile_outputs)) * terms;
}

const KernelRegistry<QuantConvKernel>& QuantConvKernels();

extern const QuantConvKernel kQuantConvPortable1x16S32;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_QUANT_CONV_H_
