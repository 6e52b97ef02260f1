// Sixteen outputs are two registers, four products to each output's two lanes
// of 16 bits (vpmaddubsw). That instruction takes one factor without a sign, so
// values become value + 128 and sums begin with -128 * the sum of the weights;
// on the way they may wrap around. What it adds up itself saturates where two
// weights together are larger than 128: then weights are taken in two halves,
// one pass after the other.

#include "custom_ops/kernels/feature_conv.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/feature_conv_avx2.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 8;
constexpr int kTileOutputs = kWordBits;

constexpr int kLaneTerms = 4;

// Terms of a patch that are laid out at a time.
constexpr int kPartLanes = 16;
constexpr int kPartTerms = kPartLanes * kLaneTerms;

constexpr int kMostOfTwoWeights = 128;

struct alignas(32) Thresholds {
  int16_t of_outputs[kTileOutputs];
};

// What is in front of a tile's weights, behind the thresholds of its levels.
struct alignas(32) Head {
  int16_t first_sums[kTileOutputs];
  int32_t passes;
};

size_t PassBytes(int terms) {
  return size_t{kTileOutputs} * RoundUp(terms, kLaneTerms);
}

size_t TileBytes(int terms, int levels) {
  return levels * sizeof(Thresholds) + sizeof(Head) + 2 * PassBytes(terms);
}

size_t PackedBytes(int outputs, int terms, int levels) {
  return CeilDiv(outputs, kTileOutputs) * TileBytes(terms, levels);
}

// The output whose terms are at a place: so a horizontal addition of a tile's
// two registers puts outputs into their order.
constexpr int OutputAt(int place) {
  return (place / 4 == 1 || place / 4 == 2) ? place ^ 12 : place;
}

bool Saturates(const WeightMatrix<int8_t>& matrix, int tile) {
  for (int o = tile; o < tile + kTileOutputs; ++o) {
    for (int k = 0; k < matrix.terms; k += 2) {
      if (std::abs(matrix.At(o, k)) + std::abs(matrix.At(o, k + 1)) >
          kMostOfTwoWeights) {
        return true;
      }
    }
  }
  return false;
}

// The part of a weight that a pass multiplies.
int8_t PartOf(int weight, int pass, int passes) {
  const int half = weight / 2;
  return static_cast<int8_t>(passes == 1 ? weight
                             : pass == 0 ? half
                                         : weight - half);
}

void Pack(const FeatureConvWeights& weights, void* packed) {
  const WeightMatrix<int8_t> matrix = weights.matrix();
  auto* to = static_cast<char*>(packed);
  for (int tile = 0; tile < weights.outputs; tile += kTileOutputs) {
    auto* thresholds = reinterpret_cast<Thresholds*>(to);
    auto* head = reinterpret_cast<Head*>(thresholds + weights.levels);
    to += TileBytes(weights.terms, weights.levels);
    auto* lane = reinterpret_cast<int8_t*>(head + 1);
    head->passes = Saturates(matrix, tile) ? 2 : 1;
    for (int i = 0; i < kTileOutputs; ++i) {
      // No sum is below the threshold of an output that is not there, and none
      // is as large as the largest number.
      constexpr int kMost = std::numeric_limits<int16_t>::max();
      for (int level = 0; level < weights.levels; ++level) {
        thresholds[level].of_outputs[i] = static_cast<int16_t>(std::clamp(
            weights.Threshold(level, tile + i, -kMost - 1), -kMost - 1, kMost));
      }
      int sum = 0;
      for (int k = 0; k < weights.terms; ++k) sum += matrix.At(tile + i, k);
      head->first_sums[i] = static_cast<int16_t>(-128 * sum);
    }
    for (int pass = 0; pass < head->passes; ++pass) {
      for (int first = 0; first < weights.terms; first += kLaneTerms) {
        for (int place = 0; place < kTileOutputs; ++place) {
          for (int k = first; k < first + kLaneTerms; ++k) {
            *lane++ = PartOf(matrix.At(tile + OutputAt(place), k), pass,
                             head->passes);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {
namespace {

// value + 128 of some terms of eight patches, four a lane.
struct Part {
  alignas(32) int32_t lanes[kPartLanes][kTilePixels];
};

// Lays out the terms [first, first + count).
template <typename Columns>
BIFSMN_INLINE void LayOut(const FeatureConvRow& row, const Columns& columns,
                          const int8_t* patch, int first, int count,
                          Part* part) {
  const __m128i sign_bits = _mm_set1_epi8(-128);
  const int8_t* run = patch + first / row.run_terms * row.run_stride;
  int column = first % row.run_terms;
  for (int k = 0; k < count; k += kLaneTerms) {
    __m128i terms[kLaneTerms];
    BIFSMN_UNROLL(4)
    for (int i = 0; i < kLaneTerms; ++i) {
      // Behind the last term, weights are 0.
      terms[i] = columns.Load(k + i < count ? run + column : patch);
      if (++column == row.run_terms) {
        column = 0;
        run += row.run_stride;
      }
    }
    const __m128i low =
        _mm_xor_si128(_mm_unpacklo_epi8(terms[0], terms[1]), sign_bits);
    const __m128i high =
        _mm_xor_si128(_mm_unpacklo_epi8(terms[2], terms[3]), sign_bits);
    auto* to = reinterpret_cast<__m128i*>(part->lanes[k / kLaneTerms]);
    _mm_store_si128(to, _mm_unpacklo_epi16(low, high));
    _mm_store_si128(to + 1, _mm_unpackhi_epi16(low, high));
  }
}

// The sums of a pixel and 16 outputs, two a lane of 32 bits.
struct Sums {
  __m256i halves[2];
};

// Assembly, since gcc 12 copies every sum after every product.
BIFSMN_INLINE void Add(__m256i values, __m256i weights, __m256i* sums) {
  __m256i products;
  asm("vpmaddubsw %[weights], %[values], %[products]\n\t"
      "vpaddw %[products], %[sums], %[sums]"
      : [sums] "+x"(*sums), [products] "=&x"(products)
      : [values] "x"(values), [weights] "x"(weights));
}

template <int kPixels>
BIFSMN_INLINE void AddProducts(const int32_t* lanes, int count,
                               const int8_t* weights, Sums* sums) {
  Sums local[kPixels];
  BIFSMN_UNROLL(4)
  for (int i = 0; i < kPixels; ++i) local[i] = sums[i];
  for (int k = 0; k < count; k += kLaneTerms) {
    const auto* at = reinterpret_cast<const __m256i*>(weights);
    const __m256i low = _mm256_load_si256(at);
    const __m256i high = _mm256_load_si256(at + 1);
    weights += kTileOutputs * kLaneTerms;
    BIFSMN_UNROLL(4)
    for (int i = 0; i < kPixels; ++i) {
      const __m256i values = _mm256_set1_epi32(lanes[i]);
      Add(values, low, &local[i].halves[0]);
      Add(values, high, &local[i].halves[1]);
    }
    lanes += kTilePixels;
  }
  BIFSMN_UNROLL(4)
  for (int i = 0; i < kPixels; ++i) sums[i] = local[i];
}

BIFSMN_INLINE __m256i Total(const Sums& sums, const Head& head) {
  const auto* first = reinterpret_cast<const __m256i*>(head.first_sums);
  return _mm256_add_epi16(_mm256_hadd_epi16(sums.halves[0], sums.halves[1]),
                          _mm256_load_si256(first));
}

// All ones where a sum is below its threshold.
BIFSMN_INLINE __m256i Below(__m256i total, const Thresholds& thresholds) {
  const auto* at = reinterpret_cast<const __m256i*>(thresholds.of_outputs);
  return _mm256_cmpgt_epi16(_mm256_load_si256(at), total);
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
      const auto* thresholds = reinterpret_cast<const Thresholds*>(tile);
      const Head& head = *reinterpret_cast<const Head*>(thresholds + kLevels);
      tile += TileBytes(terms, kLevels);
      const auto* weights = reinterpret_cast<const int8_t*>(&head + 1);
      Sums sums[kTilePixels];
      for (Sums& sum : sums) {
        sum = {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
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
        for (int pass = 0; pass < head.passes; ++pass) {
          const int8_t* factors =
              weights + pass * PassBytes(terms) + kTileOutputs * first;
          for (int i = 0; i < pixels; i += 4) {
            AddProducts<4>(part.lanes[0] + i, count, factors, sums + i);
          }
        }
      }
      const ptrdiff_t row_words = ptrdiff_t{kLevels} * words;
      Word* to = bits + pixel * row_words + word;
      BIFSMN_UNROLL(4)
      for (int i = 0; i < kTilePixels; i += 2, to += 2 * row_words) {
        if (i >= pixels) break;
        const __m256i one = Total(sums[i], head);
        const __m256i other = Total(sums[i + 1], head);
        BIFSMN_UNROLL(3)
        for (int level = 0; level < kLevels; ++level) {
          const __m256i both = _mm256_permute4x64_epi64(
              _mm256_packs_epi16(Below(one, thresholds[level]),
                                 Below(other, thresholds[level])),
              0xd8);
          const auto signs = static_cast<uint32_t>(_mm256_movemask_epi8(both));
          to[level * words] = static_cast<Word>(signs);
          if (i + 1 == pixels) continue;
          to[row_words + level * words] = static_cast<Word>(signs >> kWordBits);
        }
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const FeatureConvKernel kFeatureConvAvx2_8x16S16 = {
    "feature_conv_avx2_8x16_s16",
    std::numeric_limits<int16_t>::max(),
    HasAvx2,
    QuantizeAvx2,
    PackedBytes,
    Pack,
    RunByLevels<RunLevels<1>, RunLevels<kLevelThresholds>>,
};

}  // namespace bifsmn

#endif  // __x86_64__
