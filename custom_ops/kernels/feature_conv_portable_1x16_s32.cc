// One pixel against 16 outputs: the inner loop has a fixed length, over weights
// that lie side by side, which compilers turn into vector code.

#include <algorithm>
#include <limits>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/quantize.h"

namespace bifsmn {
namespace {

constexpr int kTileOutputs = kWordBits;

// Thresholds of whole tiles, then the weights.
size_t ThresholdBytes(int outputs) {
  return RoundUp(outputs, kTileOutputs) * sizeof(int32_t);
}

size_t PackedBytes(int outputs, int terms) {
  return ThresholdBytes(outputs) +
         static_cast<size_t>(RoundUp(outputs, kTileOutputs)) * terms;
}

void Pack(const FeatureConvWeights& weights, void* packed) {
  auto* thresholds = static_cast<int32_t*>(packed);
  auto* tiles = static_cast<int8_t*>(packed) + ThresholdBytes(weights.outputs);
  // No sum is below the threshold of an output that is not there.
  std::fill_n(std::copy_n(weights.thresholds, weights.outputs, thresholds),
              RoundUp(weights.outputs, kTileOutputs) - weights.outputs,
              std::numeric_limits<int32_t>::min());
  PackTiles(weights.matrix(), kTileOutputs, 1, tiles);
}

void Run(const FeatureConvRow& row, const void* packed, int outputs,
         Word* bits) {
  for (int pixel = 0; pixel < row.pixels; ++pixel) {
    const int8_t* patch = row.patch + pixel * row.pixel_stride;
    const auto* thresholds = static_cast<const int32_t*>(packed);
    const auto* weights =
        static_cast<const int8_t*>(packed) + ThresholdBytes(outputs);
    for (int tile = 0; tile < outputs; tile += kTileOutputs) {
      int32_t sums[kTileOutputs] = {};
      for (int r = 0; r < row.kernel_rows; ++r) {
        const int8_t* run = patch + r * row.run_stride;
        for (int k = 0; k < row.run_terms; ++k) {
          const int value = run[k];
          for (int o = 0; o < kTileOutputs; ++o) {
            sums[o] += value * weights[o];
          }
          weights += kTileOutputs;
        }
      }
      ThresholdSums(sums, thresholds, kTileOutputs, bits++);
      thresholds += kTileOutputs;
    }
  }
}

}  // namespace

const FeatureConvKernel kFeatureConvPortable1x16S32 = {
    "feature_conv_portable_1x16_s32",
    std::numeric_limits<int32_t>::max(),
    [] { return true; },
    Quantize,
    PackedBytes,
    Pack,
    Run,
};

}  // namespace bifsmn
