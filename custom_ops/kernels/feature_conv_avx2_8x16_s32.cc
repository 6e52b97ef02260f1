// Sixteen outputs are two registers of 32-bit sums, two products a lane
// (vpmaddwd), so no sum is ever too large. Pairs of terms of eight patches are
// laid out first, in 16 bits each, for a broadcast to take them.

#include "custom_ops/kernels/feature_conv.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/feature_conv_avx2.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 8;
constexpr int kTileOutputs = kWordBits;

constexpr int kLaneTerms = 2;

// Terms of a patch that are laid out at a time.
constexpr int kPartLanes = 32;
constexpr int kPartTerms = kPartLanes * kLaneTerms;

size_t TileBytes(int terms, int levels) {
  return kTileOutputs * (levels * sizeof(int32_t) +
                         sizeof(int16_t) * RoundUp(terms, kLaneTerms));
}

size_t PackedBytes(int outputs, int terms, int levels) {
  return CeilDiv(outputs, kTileOutputs) * TileBytes(terms, levels);
}

// Tiles of 16 thresholds, level by level, and, of every two terms, 16 outputs'
// weights.
void Pack(const FeatureConvWeights& weights, void* packed) {
  auto* to = static_cast<char*>(packed);
  for (int tile = 0; tile < weights.outputs; tile += kTileOutputs) {
    auto* thresholds = reinterpret_cast<int32_t*>(to);
    for (int level = 0; level < weights.levels; ++level) {
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        // No sum is below the threshold of an output that is not there.
        *thresholds++ =
            weights.Threshold(level, o, std::numeric_limits<int32_t>::min());
      }
    }
    PackTile(weights.matrix(), tile, kTileOutputs, 0, weights.terms, kLaneTerms,
             reinterpret_cast<int16_t*>(thresholds));
    to += TileBytes(weights.terms, weights.levels);
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {
namespace {

// A term of eight patches that a register reaches, as a byte each.
class NearColumns {
 public:
  BIFSMN_INLINE explicit NearColumns(const FeatureConvRow& row) {
    const __m128i places =
        _mm_mullo_epi16(_mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7),
                        _mm_set1_epi16(static_cast<int16_t>(row.pixel_stride)));
    places_ = _mm_packs_epi16(places, places);
  }

  static bool Takes(const FeatureConvRow& row) { return row.pixel_stride <= 2; }

  // The first patch's term is at `value`.
  BIFSMN_INLINE __m128i Load(const int8_t* value) const {
    return _mm_shuffle_epi8(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(value)), places_);
  }

 private:
  __m128i places_;
};

// The same for patches that lie anywhere.
class FarColumns {
 public:
  BIFSMN_INLINE FarColumns(const FeatureConvRow& row, int pixels)
      : stride_(row.pixel_stride), pixels_(pixels) {}

  BIFSMN_INLINE __m128i Load(const int8_t* value) const {
    int8_t values[8] = {};
    for (int i = 0; i < pixels_; ++i) values[i] = value[i * stride_];
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values));
  }

 private:
  ptrdiff_t stride_;
  int pixels_;
};

// Some terms of eight patches, two a lane.
struct Part {
  alignas(32) int32_t lanes[kPartLanes][kTilePixels];
};

// Lays out the terms [first, first + count).
template <typename Columns>
BIFSMN_INLINE void LayOut(const FeatureConvRow& row, const Columns& columns,
                          const int8_t* patch, int first, int count,
                          Part* part) {
  const int runs = first == 0 ? 0 : first / row.run_terms;
  const int8_t* run = patch + runs * row.run_stride;
  int column = first - runs * row.run_terms;
  for (int k = 0; k < count; k += kLaneTerms) {
    __m128i terms[kLaneTerms];
    BIFSMN_UNROLL(2)
    for (int i = 0; i < kLaneTerms; ++i) {
      terms[i] = _mm_setzero_si128();
      if (k + i == count) break;
      terms[i] = columns.Load(run + column);
      if (++column == row.run_terms) {
        column = 0;
        run += row.run_stride;
      }
    }
    _mm256_store_si256(
        reinterpret_cast<__m256i*>(part->lanes[k / kLaneTerms]),
        _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(terms[0], terms[1])));
  }
}

// The sums of a pixel and 16 outputs.
struct Sums {
  __m256i halves[2];
};

template <int kPixels>
BIFSMN_INLINE void AddProducts(const int32_t* lanes, int count,
                               const int16_t* factors, Sums* sums) {
  __m256i low[kPixels];
  __m256i high[kPixels];
  BIFSMN_UNROLL(4)
  for (int i = 0; i < kPixels; ++i) {
    low[i] = sums[i].halves[0];
    high[i] = sums[i].halves[1];
  }
  for (int k = 0; k < count; k += kLaneTerms) {
    const auto* at = reinterpret_cast<const __m256i*>(factors);
    const __m256i low_factors = _mm256_load_si256(at);
    const __m256i high_factors = _mm256_load_si256(at + 1);
    factors += kTileOutputs * kLaneTerms;
    BIFSMN_UNROLL(4)
    for (int i = 0; i < kPixels; ++i) {
      const __m256i values = _mm256_set1_epi32(lanes[i]);
      low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(values, low_factors));
      high[i] =
          _mm256_add_epi32(high[i], _mm256_madd_epi16(values, high_factors));
    }
    lanes += kTilePixels;
  }
  BIFSMN_UNROLL(4)
  for (int i = 0; i < kPixels; ++i) {
    sums[i].halves[0] = low[i];
    sums[i].halves[1] = high[i];
  }
}

BIFSMN_INLINE Word Below(__m256i sums, __m256i thresholds) {
  return static_cast<Word>(_mm256_movemask_ps(
      _mm256_castsi256_ps(_mm256_cmpgt_epi32(thresholds, sums))));
}

template <int kLevels>
void RunLevels(const FeatureConvRow& row, const void* packed, int outputs,
               Word* bits) {
  const int terms = row.terms();
  const int words = WordsFor(outputs);
  Part part;
  for (int pixel = 0; pixel < row.pixels; pixel += kTilePixels) {
    const int8_t* patch = row.patch + pixel * row.pixel_stride;
    const int left = row.pixels - pixel;
    const int pixels = left < kTilePixels ? left : kTilePixels;
    const auto* tile = static_cast<const char*>(packed);
    for (int word = 0; word < words; ++word) {
      const auto* thresholds = reinterpret_cast<const __m256i*>(tile);
      const auto* factors = reinterpret_cast<const int16_t*>(
          tile + kLevels * kTileOutputs * sizeof(int32_t));
      Sums sums[kTilePixels];
      for (int i = 0; i < kTilePixels; ++i) {
        sums[i] = {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
      }
      for (int first = 0; first < terms; first += kPartTerms) {
        const int behind = terms - first;
        const int count = behind < kPartTerms ? behind : kPartTerms;
        if (word == 0 || terms > kPartTerms) {
          if (NearColumns::Takes(row)) {
            LayOut(row, NearColumns(row), patch, first, count, &part);
          } else {
            LayOut(row, FarColumns(row, pixels), patch, first, count, &part);
          }
        }
        for (int i = 0; i < kTilePixels; i += 4) {
          AddProducts<4>(part.lanes[0] + i, count, factors, sums + i);
        }
        factors += kTileOutputs * kPartTerms;
      }
      Word* to = bits + static_cast<ptrdiff_t>(pixel) * kLevels * words + word;
      for (int i = 0; i < pixels; ++i) {
        BIFSMN_UNROLL(3)
        for (int level = 0; level < kLevels; ++level) {
          const __m256i* at = thresholds + 2 * level;
          *to = static_cast<Word>(
              Below(sums[i].halves[0], _mm256_load_si256(at)) |
              Below(sums[i].halves[1], _mm256_load_si256(at + 1)) << 8);
          to += words;
        }
      }
      tile += TileBytes(terms, kLevels);
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const FeatureConvKernel kFeatureConvAvx2_8x16S32 = {
    "feature_conv_avx2_8x16_s32",
    std::numeric_limits<int32_t>::max(),
    kAnyTerms,
    HasAvx2,
    QuantizeAvx2,
    PackedBytes,
    Pack,
    RunByLevels<RunLevels<1>, RunLevels<kLevelThresholds>>,
};

}  // namespace bifsmn

#endif  // __x86_64__
