// Sixteen outputs are two registers of 32-bit sums, two products a lane
// (vpmaddwd), so no sum is ever too large. Eight patches are widened to 16 bits
// first, for a broadcast to take two terms.

#include "custom_ops/kernels/igemm.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 8;
constexpr int kTileOutputs = 16;

constexpr int kLaneTerms = 2;

// Terms of a patch that are widened at a time.
constexpr int kPartTerms = 512;

size_t PackedBytes(int outputs, int terms) {
  return sizeof(int16_t) * RoundUp(outputs, kTileOutputs) *
         RoundUp(terms, kLaneTerms);
}

// For each part tiles of, of every two terms, 16 outputs' weights.
void Pack(const int8_t* weights, int outputs, int terms, void* packed) {
  const WeightMatrix<int8_t> matrix = {weights, outputs, terms};
  auto* to = static_cast<int16_t*>(packed);
  for (int first = 0; first < terms; first += kPartTerms) {
    const int behind = std::min(terms, first + kPartTerms);
    for (int tile = 0; tile < outputs; tile += kTileOutputs) {
      to = PackTile(matrix, tile, kTileOutputs, first, behind, kLaneTerms, to);
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {
namespace {

// Some terms of eight patches, two a lane.
struct Part {
  alignas(32) int32_t lanes[kTilePixels][kPartTerms / kLaneTerms];
};

BIFSMN_INLINE void Widen(const int8_t* patch, ptrdiff_t stride, int pixels,
                         int terms, Part* part) {
  for (int i = 0; i < pixels; ++i) {
    for (int k = 0; k < terms; k += kIgemmTermStep) {
      const __m128i values =
          _mm_load_si128(reinterpret_cast<const __m128i*>(patch + k));
      _mm256_store_si256(
          reinterpret_cast<__m256i*>(part->lanes[i] + k / kLaneTerms),
          _mm256_cvtepi8_epi16(values));
    }
    patch += stride;
  }
}

// Lanes of a tile's outputs that there are, as masks.
struct Masks {
  __m256i low;
  __m256i high;
};

BIFSMN_INLINE Masks MasksOf(int outputs) {
  const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_cmpgt_epi32(_mm256_set1_epi32(outputs), places),
          _mm256_cmpgt_epi32(_mm256_set1_epi32(outputs - 8), places)};
}

// _mm256_add_epi32, for which gcc 12 copies every sum, and spills one.
BIFSMN_INLINE void Add(__m256i products, __m256i* sums) {
  asm("vpaddd %[products], %[sums], %[sums]"
      : [sums] "+x"(*sums)
      : [products] "x"(products));
}

// Sums of kPixels pixels with 16 outputs, on top of what there are `more` of.
template <int kPixels>
BIFSMN_INLINE void AddProducts(const Part& part, int pixel, int count,
                               const int16_t* weights, bool more,
                               const Masks& masks, ptrdiff_t outputs,
                               int32_t* sums) {
  __m256i low[kPixels];
  __m256i high[kPixels];
  BIFSMN_UNROLL(4)
  for (int i = 0; i < kPixels; ++i) {
    low[i] = high[i] = _mm256_setzero_si256();
    if (more) {
      low[i] = _mm256_maskload_epi32(sums + i * outputs, masks.low);
      high[i] = _mm256_maskload_epi32(sums + i * outputs + 8, masks.high);
    }
  }
  for (int lane = 0; lane < count; ++lane) {
    const auto* at = reinterpret_cast<const __m256i*>(weights);
    const __m256i low_weights = _mm256_load_si256(at);
    const __m256i high_weights = _mm256_load_si256(at + 1);
    weights += kTileOutputs * kLaneTerms;
    BIFSMN_UNROLL(4)
    for (int i = 0; i < kPixels; ++i) {
      const __m256i values = _mm256_set1_epi32(part.lanes[pixel + i][lane]);
      Add(_mm256_madd_epi16(values, low_weights), &low[i]);
      Add(_mm256_madd_epi16(values, high_weights), &high[i]);
    }
  }
  BIFSMN_UNROLL(4)
  for (int i = 0; i < kPixels; ++i) {
    _mm256_maskstore_epi32(sums + i * outputs, masks.low, low[i]);
    _mm256_maskstore_epi32(sums + i * outputs + 8, masks.high, high[i]);
  }
}

void Run(const Igemm& gemm, int32_t* sums) {
  const ptrdiff_t outputs = gemm.outputs;
  Part part;
  for (int pixel = 0; pixel < gemm.pixels; pixel += kTilePixels) {
    const int8_t* patch = gemm.patches + pixel * gemm.patch_stride;
    const int left = gemm.pixels - pixel;
    const int pixels = left < kTilePixels ? left : kTilePixels;
    const auto* weights = static_cast<const int16_t*>(gemm.packed);
    for (int first = 0; first < gemm.terms; first += kPartTerms) {
      const int behind = gemm.terms - first;
      const int terms = behind < kPartTerms ? behind : kPartTerms;
      const int lanes = CeilDiv(terms, kLaneTerms);
      Widen(patch + first, gemm.patch_stride, pixels, terms, &part);
      for (int tile = 0; tile < gemm.outputs; tile += kTileOutputs) {
        const Masks masks = MasksOf(gemm.outputs - tile);
        int32_t* to = sums + pixel * outputs + tile;
        int i = 0;
        for (; i + 4 <= pixels; i += 4) {
          AddProducts<4>(part, i, lanes, weights, first > 0, masks, outputs,
                         to + i * outputs);
        }
        for (; i < pixels; ++i) {
          AddProducts<1>(part, i, lanes, weights, first > 0, masks, outputs,
                         to + i * outputs);
        }
        weights += lanes * kLaneTerms * kTileOutputs;
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const IgemmKernel kIgemmAvx2_8x16S32 = {
    "igemm_avx2_8x16_s32", HasAvx2, PackedBytes, Pack, Run,
};

}  // namespace bifsmn

#endif  // __x86_64__
