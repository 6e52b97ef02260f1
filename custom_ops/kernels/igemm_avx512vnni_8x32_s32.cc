// Eight pixels against 32 outputs, four products a lane (vpdpbusd). That
// instruction takes one factor without a sign, so values become value + 128 and
// an output's sum begins with -128 * the sum of its weights. Between the two it
// may wrap around.

#include "custom_ops/kernels/igemm.h"

#ifdef __x86_64__

#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 8;

// Outputs that share a register, of which a tile has two, the last one's second
// only where there are so many outputs.
constexpr int kVectorOutputs = 16;
constexpr int kTileOutputs = 2 * kVectorOutputs;

constexpr int kLaneTerms = 4;

// Terms of a patch that are laid out at a time.
constexpr int kPartTerms = 512;

size_t StartBytes(int outputs) {
  return sizeof(int32_t) * RoundUp(outputs, kVectorOutputs);
}

size_t PackedBytes(int outputs, int terms) {
  return StartBytes(outputs) +
         static_cast<size_t>(RoundUp(outputs, kVectorOutputs)) *
             RoundUp(terms, kLaneTerms);
}

// What the sums begin with; then for each part tiles of, of every four terms,
// the outputs' weights.
void Pack(const int8_t* weights, int outputs, int terms, void* packed) {
  const WeightMatrix<int8_t> matrix = {weights, outputs, terms};
  auto* starts = static_cast<int32_t*>(packed);
  auto* to = static_cast<int8_t*>(packed) + StartBytes(outputs);
  const int whole = RoundUp(outputs, kVectorOutputs);
  for (int o = 0; o < whole; ++o) {
    starts[o] = 0;
    for (int k = 0; k < terms; ++k) starts[o] -= 128 * matrix.At(o, k);
  }
  for (int first = 0; first < terms; first += kPartTerms) {
    const int behind = std::min(terms, first + kPartTerms);
    for (int tile = 0; tile < whole; tile += kTileOutputs) {
      to = PackTile(matrix, tile, std::min(kTileOutputs, whole - tile), first,
                    behind, kLaneTerms, to);
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

namespace bifsmn {
namespace {

// value + 128 of some terms of eight patches, four a lane.
struct Part {
  alignas(64) int32_t lanes[kTilePixels][kPartTerms / kLaneTerms];
};

// A patch that is not there is the last one again.
BIFSMN_INLINE void LayOut(const int8_t* patch, ptrdiff_t stride, int pixels,
                          int terms, Part* part) {
  const __m512i sign_bits = _mm512_set1_epi8(-128);
  for (int i = 0; i < kTilePixels; ++i) {
    for (int k = 0; k < terms; k += 64) {
      const int left = RoundUp(terms - k, kIgemmTermStep);
      const __mmask64 mask =
          left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
      _mm512_store_si512(
          part->lanes[i] + k / kLaneTerms,
          _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, patch + k),
                           sign_bits));
    }
    if (i + 1 < pixels) patch += stride;
  }
}

// _mm512_dpbusd_epi32, for which gcc 12 copies every sum.
BIFSMN_INLINE void AddProducts(__m512i values, __m512i weights, __m512i* sums) {
  asm("vpdpbusd %[weights], %[values], %[sums]"
      : [sums] "+v"(*sums)
      : [values] "v"(values), [weights] "v"(weights));
}

// Sums of the part with the outputs of kVectors registers; more of them if
// there is no `start`.
template <int kVectors>
BIFSMN_INLINE void Tile(const Part& part, int pixels, int lanes,
                        const int8_t* weights, const int32_t* start,
                        int tile_outputs, ptrdiff_t outputs, int32_t* to) {
  __mmask16 masks[kVectors];
  __m512i sums[kTilePixels][kVectors];
  BIFSMN_UNROLL(2)
  for (int v = 0; v < kVectors; ++v) {
    const int left = tile_outputs - v * kVectorOutputs;
    masks[v] = static_cast<__mmask16>(left >= kVectorOutputs ? 0xffff
                                                             : (1 << left) - 1);
  }
  BIFSMN_UNROLL(8)
  for (int i = 0; i < kTilePixels; ++i) {
    const ptrdiff_t row = (i < pixels ? i : pixels - 1) * outputs;
    BIFSMN_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      const int first = v * kVectorOutputs;
      sums[i][v] = start != nullptr
                       ? _mm512_load_si512(start + first)
                       : _mm512_maskz_loadu_epi32(masks[v], to + row + first);
    }
  }
  for (int lane = 0; lane < lanes; ++lane) {
    __m512i factors[kVectors];
    BIFSMN_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      factors[v] = _mm512_load_si512(weights);
      weights += kVectorOutputs * kLaneTerms;
    }
    BIFSMN_UNROLL(8)
    for (int i = 0; i < kTilePixels; ++i) {
      const __m512i values = _mm512_set1_epi32(part.lanes[i][lane]);
      BIFSMN_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        AddProducts(values, factors[v], &sums[i][v]);
      }
    }
  }
  BIFSMN_UNROLL(8)
  for (int i = 0; i < kTilePixels; ++i) {
    if (i == pixels) break;
    BIFSMN_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      _mm512_mask_storeu_epi32(to + i * outputs + v * kVectorOutputs, masks[v],
                               sums[i][v]);
    }
  }
}

void Run(const Igemm& gemm, int32_t* sums) {
  const ptrdiff_t outputs = gemm.outputs;
  Part part;
  for (int pixel = 0; pixel < gemm.pixels; pixel += kTilePixels) {
    const int8_t* patch = gemm.patches + pixel * gemm.patch_stride;
    const int left = gemm.pixels - pixel;
    const int pixels = left < kTilePixels ? left : kTilePixels;
    const auto* starts = static_cast<const int32_t*>(gemm.packed);
    const int8_t* weights =
        static_cast<const int8_t*>(gemm.packed) + StartBytes(gemm.outputs);
    for (int first = 0; first < gemm.terms; first += kPartTerms) {
      const int behind = gemm.terms - first;
      const int terms = behind < kPartTerms ? behind : kPartTerms;
      const int lanes = CeilDiv(terms, kLaneTerms);
      LayOut(patch + first, gemm.patch_stride, pixels, terms, &part);
      for (int tile = 0; tile < gemm.outputs; tile += kTileOutputs) {
        const int32_t* start = first == 0 ? starts + tile : nullptr;
        int32_t* to = sums + pixel * outputs + tile;
        const int there = gemm.outputs - tile;
        if (there > kVectorOutputs) {
          Tile<2>(part, pixels, lanes, weights, start,
                  there < kTileOutputs ? there : kTileOutputs, outputs, to);
          weights += lanes * kLaneTerms * kTileOutputs;
        } else {
          Tile<1>(part, pixels, lanes, weights, start, there, outputs, to);
          weights += lanes * kLaneTerms * kVectorOutputs;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const IgemmKernel kIgemmAvx512Vnni8x32S32 = {
    "igemm_avx512vnni_8x32_s32", HasAvx512Vnni, PackedBytes, Pack, Run,
};

}  // namespace bifsmn

#endif  // __x86_64__
