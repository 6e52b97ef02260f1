// One pixel against 16 outputs: the inner loop has a fixed length, over weights
// that lie side by side, which compilers turn into vector code.

#include "custom_ops/kernels/quant_conv.h"

namespace bifsmn {
namespace {

constexpr int kTileOutputs = 16;

void Pack(const int8_t* weights, int outputs, int terms, int8_t* packed) {
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    for (int k = 0; k < terms; ++k) {
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        *packed++ = o < outputs ? weights[static_cast<size_t>(o) * terms + k]
                                : int8_t{0};
      }
    }
  }
}

void Run(const QuantConvRow& row, const int8_t* packed, int outputs,
         int32_t* sums) {
  for (int pixel = 0; pixel < row.pixels; ++pixel) {
    const int8_t* patch = row.patch + pixel * row.pixel_stride;
    const int8_t* weights = packed;
    for (int tile = 0; tile < outputs; tile += kTileOutputs) {
      int32_t tile_sums[kTileOutputs] = {};
      for (int r = 0; r < row.kernel_rows; ++r) {
        const int8_t* run = patch + r * row.run_stride;
        for (int k = 0; k < row.run_terms; ++k) {
          const int value = run[k];
          for (int o = 0; o < kTileOutputs; ++o) {
            tile_sums[o] += value * weights[o];
          }
          weights += kTileOutputs;
        }
      }
      for (const int32_t sum : tile_sums) *sums++ = sum;
    }
  }
}

}  // namespace

const QuantConvKernel kQuantConvPortable1x16S32 = {
    "quant_conv_portable_1x16_s32",
    kTileOutputs,
    kMaxQuantizedTerms,
    [] { return true; },
    Pack,
    Run,
};

}  // namespace bifsmn
