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

// Thresholds of whole tiles, level by level, then the weights.
size_t ThresholdBytes(int outputs, int levels) {
  return levels * RoundUp(outputs, kTileOutputs) * sizeof(int32_t);
}

size_t PackedBytes(int outputs, int terms, int levels) {
  return ThresholdBytes(outputs, levels) +
         static_cast<size_t>(RoundUp(outputs, kTileOutputs)) * terms;
}

void Pack(const FeatureConvWeights& weights, void* packed) {
  auto* thresholds = static_cast<int32_t*>(packed);
  auto* tiles = static_cast<int8_t*>(packed) +
                ThresholdBytes(weights.outputs, weights.levels);
  for (int level = 0; level < weights.levels; ++level) {
    for (int o = 0; o < RoundUp(weights.outputs, kTileOutputs); ++o) {
      // No sum is below the threshold of an output that is not there.
      *thresholds++ =
          weights.Threshold(level, o, std::numeric_limits<int32_t>::min());
    }
  }
  PackTiles(weights.matrix(), kTileOutputs, 1, tiles);
}

void Run(const FeatureConvRow& row, const void* packed, int outputs, int levels,
         Word* bits) {
  const int words = WordsFor(outputs);
  const auto* thresholds = static_cast<const int32_t*>(packed);
  for (int pixel = 0; pixel < row.pixels; ++pixel) {
    const int8_t* patch = row.patch + pixel * row.pixel_stride;
    const auto* weights =
        static_cast<const int8_t*>(packed) + ThresholdBytes(outputs, levels);
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
      for (int level = 0; level < levels; ++level) {
        ThresholdSums(
            sums, thresholds + level * RoundUp(outputs, kTileOutputs) + tile,
            kTileOutputs, bits + level * words + tile / kTileOutputs);
      }
    }
    bits += levels * words;
  }
}

}  // namespace

const FeatureConvKernel kFeatureConvPortable1x16S32 = {
    "feature_conv_portable_1x16_s32",
    std::numeric_limits<int32_t>::max(),
    kAnyTerms,
    [] { return true; },
    Quantize,
    PackedBytes,
    Pack,
    Run,
};

}  // namespace bifsmn
