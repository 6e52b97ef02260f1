// Sixteen outputs share a register, four products a lane (vpdpbusd). That
// instruction takes one factor without a sign, so values become value + 128
// and thresholds grow by 128 * the sum of the weights.
//
// Lanes of 16 patches are made with one vpermi2b each if the patches' runs are
// within 64 bytes, else byte by byte.

#include "custom_ops/kernels/feature_conv.h"

#ifdef __x86_64__

#include <algorithm>
#include <cstring>
#include <limits>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 16;
constexpr int kTileOutputs = kWordBits;

constexpr int kLaneTerms = 4;

// Terms of a patch that are laid out at a time.
constexpr int kPartLanes = 16;
constexpr int kPartTerms = kPartLanes * kLaneTerms;

size_t TileBytes(int terms, int levels) {
  return kTileOutputs *
         (levels * sizeof(int32_t) + size_t{1} * RoundUp(terms, kLaneTerms));
}

size_t PackedBytes(int outputs, int terms, int levels) {
  return CeilDiv(outputs, kTileOutputs) * TileBytes(terms, levels);
}

// (value + 128) * weight reaches less than twice as far as value * weight.
constexpr int32_t kMaxSum = std::numeric_limits<int32_t>::max() / 2;

// Tiles of 16 thresholds, level by level, and, of every four terms, 16 outputs'
// weights.
void Pack(const FeatureConvWeights& weights, void* packed) {
  const WeightMatrix<int8_t> matrix = weights.matrix();
  auto* to = static_cast<int8_t*>(packed);
  for (int tile = 0; tile < weights.outputs; tile += kTileOutputs) {
    auto* thresholds = reinterpret_cast<int32_t*>(to);
    // No sum is below the threshold of an output that is not there.
    std::fill_n(thresholds, weights.levels * kTileOutputs,
                std::numeric_limits<int32_t>::min());
    const int outputs = std::min(kTileOutputs, weights.outputs - tile);
    for (int i = 0; i < outputs; ++i) {
      int sum = 0;
      for (int k = 0; k < weights.terms; ++k) sum += matrix.At(tile + i, k);
      for (int level = 0; level < weights.levels; ++level) {
        thresholds[level * kTileOutputs + i] =
            std::clamp(weights.Threshold(level, tile + i, 0), -kMaxSum - 1,
                       kMaxSum + 1) +
            128 * sum;
      }
    }
    PackTile(matrix, tile, kTileOutputs, 0, weights.terms, kLaneTerms,
             to + weights.levels * kTileOutputs * sizeof(int32_t));
    to += TileBytes(weights.terms, weights.levels);
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")

namespace bifsmn {
namespace {

void Quantize(const float* values, size_t count, float inverse_scale,
              int8_t* quantized) {
  const __m512 scale = _mm512_set1_ps(inverse_scale);
  const __m512 most = _mm512_set1_ps(127.0f);
  for (size_t i = 0; i < count; i += 16) {
    const size_t left = count - i;
    const __mmask16 mask =
        static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1);
    const __m512 scaled =
        _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, values + i), scale);
    const __mmask16 numbers = _mm512_cmp_ps_mask(scaled, scaled, _CMP_ORD_Q);
    // What is too small becomes the smallest integer.
    const __m512i rounded = _mm512_maskz_cvt_roundps_epi32(
        numbers, _mm512_min_ps(scaled, most),
        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_mask_storeu_epi8(quantized + i, mask, _mm512_cvtsepi32_epi8(rounded));
  }
}

// value + 128 of some terms of sixteen patches, four a lane.
struct Part {
  alignas(64) int32_t lanes[kPartLanes][kTilePixels];
};

// Whether a register holds a run of all of a tile's patches, and no lane has
// terms of more than two runs.
bool RunsFit(const FeatureConvRow& row) {
  return row.run_terms >= kLaneTerms && row.terms() <= kPartTerms &&
         (kTilePixels - 1) * row.pixel_stride + row.run_terms <= 64;
}

BIFSMN_INLINE void Permute(const FeatureConvRow& row, const int8_t* patch,
                           Part* part) {
  const __m512i sign_bits = _mm512_set1_epi8(-128);
  // Of every patch, four times in bytes, where it begins.
  const __m512i pixels = _mm512_setr_epi32(
      0, 0x01010101, 0x02020202, 0x03030303, 0x04040404, 0x05050505, 0x06060606,
      0x07070707, 0x08080808, 0x09090909, 0x0a0a0a0a, 0x0b0b0b0b, 0x0c0c0c0c,
      0x0d0d0d0d, 0x0e0e0e0e, 0x0f0f0f0f);
  const __m512i starts = _mm512_mullo_epi16(
      pixels, _mm512_set1_epi16(static_cast<int16_t>(row.pixel_stride)));
  __m512i run = _mm512_loadu_si512(patch);
  int column = 0;
  int left = row.terms();
  for (int lane = 0; left > 0; ++lane, left -= kLaneTerms) {
    // Where the first patch has its terms. Byte 64 is the next run's first.
    uint32_t terms = 0x03020100u + 0x01010101u * column;
    const int in_run = row.run_terms - column;
    __m512i next = run;
    if (in_run < kLaneTerms) {
      terms += (0x01010101u * (64 - row.run_terms)) << (8 * in_run);
    }
    if (in_run <= kLaneTerms && in_run < left) {
      patch += row.run_stride;
      next = _mm512_loadu_si512(patch);
    }
    const __m512i from =
        _mm512_add_epi8(starts, _mm512_set1_epi32(static_cast<int32_t>(terms)));
    const __m512i values = _mm512_permutex2var_epi8(run, from, next);
    _mm512_store_si512(part->lanes[lane], _mm512_xor_si512(values, sign_bits));
    run = next;
    column += kLaneTerms;
    while (column >= row.run_terms) column -= row.run_terms;
  }
}

// Lays out the terms [first, first + count) of patches that may lie anywhere.
void Gather(const FeatureConvRow& row, const int8_t* patch, int pixels,
            int first, int count, Part* part) {
  for (int i = 0; i < pixels; ++i, patch += row.pixel_stride) {
    const int8_t* run = patch + first / row.run_terms * row.run_stride;
    int column = first % row.run_terms;
    auto* to = reinterpret_cast<int8_t*>(part->lanes) + i * kLaneTerms;
    for (int k = 0; k < count; ++k) {
      to[k / kLaneTerms * sizeof(*part->lanes) + k % kLaneTerms] =
          static_cast<int8_t>(run[column] ^ -128);
      if (++column == row.run_terms) {
        column = 0;
        run += row.run_stride;
      }
    }
  }
}

// _mm512_dpbusd_epi32, for which gcc 12 copies every sum.
BIFSMN_INLINE void AddProducts(const int32_t& lane, __m512i weights,
                               __m512i* sums) {
  const __m512i values = _mm512_set1_epi32(lane);
  asm("vpdpbusd %[weights], %[values], %[sums]"
      : [sums] "+v"(*sums)
      : [values] "v"(values), [weights] "v"(weights));
}

template <int kLevels>
void RunLevels(const FeatureConvRow& row, const void* packed, int outputs,
               Word* bits) {
  const int terms = row.terms();
  const int words = WordsFor(outputs);
  const bool runs_fit = RunsFit(row);
  Part part;
  for (int pixel = 0; pixel < row.pixels; pixel += kTilePixels) {
    const int8_t* patch = row.patch + pixel * row.pixel_stride;
    const int left = row.pixels - pixel;
    const int pixels = left < kTilePixels ? left : kTilePixels;
    if (runs_fit) Permute(row, patch, &part);
    const auto* tile = static_cast<const int8_t*>(packed);
    for (int word = 0; word < words; ++word) {
      __m512i thresholds[kLevels];
      BIFSMN_UNROLL(3)
      for (__m512i& level : thresholds) {
        level = _mm512_load_si512(tile);
        tile += kTileOutputs * sizeof(int32_t);
      }
      __m512i sums[kTilePixels];
      BIFSMN_UNROLL(16)
      for (int i = 0; i < kTilePixels; ++i) sums[i] = _mm512_setzero_si512();
      for (int first = 0; first < terms; first += kPartTerms) {
        const int behind = terms - first;
        const int count = behind < kPartTerms ? behind : kPartTerms;
        if (!runs_fit) Gather(row, patch, pixels, first, count, &part);
        const int32_t* lane = part.lanes[0];
        for (int k = 0; k < count; k += kLaneTerms) {
          const __m512i weights = _mm512_load_si512(tile);
          tile += kTileOutputs * kLaneTerms;
          BIFSMN_UNROLL(16)
          for (int i = 0; i < kTilePixels; ++i) {
            AddProducts(lane[i], weights, &sums[i]);
          }
          lane += kTilePixels;
        }
      }
      Word* to = bits + static_cast<ptrdiff_t>(pixel) * kLevels * words + word;
      BIFSMN_UNROLL(16)
      for (int i = 0; i < kTilePixels; ++i) {
        if (i == pixels) break;
        BIFSMN_UNROLL(3)
        for (int level = 0; level < kLevels; ++level) {
          *to = static_cast<Word>(_cvtmask16_u32(
              _mm512_cmplt_epi32_mask(sums[i], thresholds[level])));
          to += words;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const FeatureConvKernel kFeatureConvAvx512Vnni16x16S32 = {
    "feature_conv_avx512vnni_16x16_s32",
    kMaxSum,
    kAnyTerms,
    [] { return HasAvx512Vnni() && Cpu().avx512vbmi; },
    Quantize,
    PackedBytes,
    Pack,
    RunByLevels<RunLevels<1>, RunLevels<kLevelThresholds>>,
};

}  // namespace bifsmn

#endif  // __x86_64__
