// One pixel against 16 outputs: the inner loop has a fixed length, over weights
// that lie side by side, which compilers turn into vector code.

#include <algorithm>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/igemm.h"
#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn {
namespace {

constexpr int kTileOutputs = 16;

size_t PackedBytes(int outputs, int terms) {
  return static_cast<size_t>(RoundUp(outputs, kTileOutputs)) * terms;
}

void Pack(const int8_t* weights, int outputs, int terms, void* packed) {
  PackTiles(WeightMatrix<int8_t>{weights, outputs, terms}, kTileOutputs, 1,
            static_cast<int8_t*>(packed));
}

void Run(const Igemm& gemm, int32_t* sums) {
  const int8_t* patch = gemm.patches;
  for (int pixel = 0; pixel < gemm.pixels; ++pixel) {
    const auto* weights = static_cast<const int8_t*>(gemm.packed);
    for (int tile = 0; tile < gemm.outputs; tile += kTileOutputs) {
      int32_t of_tile[kTileOutputs] = {};
      for (int k = 0; k < gemm.terms; ++k) {
        const int value = patch[k];
        for (int o = 0; o < kTileOutputs; ++o) of_tile[o] += value * weights[o];
        weights += kTileOutputs;
      }
      const int outputs = std::min(kTileOutputs, gemm.outputs - tile);
      sums = std::copy_n(of_tile, outputs, sums);
    }
    patch += gemm.patch_stride;
  }
}

}  // namespace

const IgemmKernel kIgemmPortable1x16S32 = {
    "igemm_portable_1x16_s32", [] { return true; }, PackedBytes, Pack, Run,
};

}  // namespace bifsmn
