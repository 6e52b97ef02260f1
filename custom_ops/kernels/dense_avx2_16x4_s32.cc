// Four outputs at a time, 16 inputs each (vpmaddwd). Weights stay at one byte
// and are widened as they are read.

#include "custom_ops/kernels/dense.h"

#ifdef __x86_64__

#include <immintrin.h>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTileOutputs = 4;
constexpr int kTileInputs = 16;

size_t PackedBytes(int inputs, int outputs) {
  return size_t{1} * RoundUp(inputs, kTileInputs) *
         RoundUp(outputs, kTileOutputs);
}

void Pack(const int8_t* weights, int inputs, int outputs, void* packed) {
  PackTiles(WeightMatrix<int8_t>{weights, outputs, inputs}, kTileOutputs,
            kTileInputs, static_cast<int8_t*>(packed));
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {
namespace {

BIFSMN_INLINE void AddProducts(const void* values, const int8_t* weights,
                               __m256i (&sums)[kTileOutputs]) {
  const __m256i inputs =
      _mm256_loadu_si256(static_cast<const __m256i*>(values));
  const auto* at = reinterpret_cast<const __m128i*>(weights);
  BIFSMN_UNROLL(4)
  for (int o = 0; o < kTileOutputs; ++o) {
    const __m256i factors = _mm256_cvtepi8_epi16(_mm_load_si128(at + o));
    sums[o] = _mm256_add_epi32(sums[o], _mm256_madd_epi16(inputs, factors));
  }
}

void Run(const int16_t* values, const void* packed, int inputs, int outputs,
         int32_t* sums) {
  const auto* weights = static_cast<const int8_t*>(packed);
  const int whole = inputs / kTileInputs * kTileInputs;
  // The inputs behind, and zeros.
  alignas(32) int16_t rest[kTileInputs] = {};
  for (int i = whole; i < inputs; ++i) rest[i - whole] = values[i];
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    __m256i lanes[kTileOutputs];
    BIFSMN_UNROLL(4)
    for (int o = 0; o < kTileOutputs; ++o) lanes[o] = _mm256_setzero_si256();
    for (int i = 0; i < whole; i += kTileInputs) {
      AddProducts(values + i, weights, lanes);
      weights += kTileOutputs * kTileInputs;
    }
    if (whole < inputs) {
      AddProducts(rest, weights, lanes);
      weights += kTileOutputs * kTileInputs;
    }
    const __m256i halves =
        _mm256_hadd_epi32(_mm256_hadd_epi32(lanes[0], lanes[1]),
                          _mm256_hadd_epi32(lanes[2], lanes[3]));
    alignas(16) int32_t of_tile[kTileOutputs];
    _mm_store_si128(reinterpret_cast<__m128i*>(of_tile),
                    _mm_add_epi32(_mm256_castsi256_si128(halves),
                                  _mm256_extracti128_si256(halves, 1)));
    for (int o = tile; o < outputs && o < tile + kTileOutputs; ++o) {
      sums[o] = of_tile[o - tile];
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const DenseKernel kDenseAvx2_16x4S32 = {
    "dense_avx2_16x4_s32", HasAvx2, PackedBytes, Pack, Run,
};

}  // namespace bifsmn

#endif  // __x86_64__
