// Sixteen pixels are a register, two products to each one's lane of 16 bits
// (vpmaddubsw); weights are there once a pixel. That instruction takes one
// factor without a sign, so values become value + 128 and sums begin with
// -128 * the sum of the weights; on the way they may wrap around. What it adds
// up itself saturates where two weights together are larger than 128: then
// weights are taken in two halves, one pass after the other.

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

constexpr int kTilePixels = 16;
constexpr int kTileOutputs = kWordBits;

constexpr int kLaneTerms = 2;

// Terms of a patch that are laid out at a time.
constexpr int kPartLanes = 32;
constexpr int kPartTerms = kPartLanes * kLaneTerms;

// Outputs whose sums are in registers at a time.
constexpr int kBlockOutputs = 8;

// Bytes of a register.
constexpr int kBytes = kTilePixels * kLaneTerms;
static_assert(kBytes <= kFeatureConvSlack);

// Weights are repeated for every pixel: more terms would take much memory.
constexpr int kMostTerms = 4096;

constexpr int kMostOfTwoWeights = 128;

// A number of each output, once for every pixel.
struct alignas(32) OfOutputs {
  int16_t of_pixels[kTileOutputs][kTilePixels];

  constexpr void Set(int output, int value) {
    for (int16_t& lane : of_pixels[output]) lane = static_cast<int16_t>(value);
  }
};

// What is in front of a tile's weights, behind what its sums are not to exceed,
// level by level.
struct alignas(32) Head {
  OfOutputs first_sums;
  int32_t passes;
};

constexpr OfOutputs MakeBits() {
  OfOutputs bits = {};
  for (int o = 0; o < kTileOutputs; ++o) bits.Set(o, 1 << o);
  return bits;
}

constexpr OfOutputs kBits = MakeBits();

size_t PassBytes(int terms) {
  return size_t{kTileOutputs} * kTilePixels * RoundUp(terms, kLaneTerms);
}

size_t TileBytes(int terms, int levels) {
  return levels * sizeof(OfOutputs) + sizeof(Head) + 2 * PassBytes(terms);
}

size_t PackedBytes(int outputs, int terms, int levels) {
  return CeilDiv(outputs, kTileOutputs) * TileBytes(terms, levels);
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
    auto* most = reinterpret_cast<OfOutputs*>(to);
    auto* head = reinterpret_cast<Head*>(most + weights.levels);
    to += TileBytes(weights.terms, weights.levels);
    auto* lane = reinterpret_cast<int8_t*>(head + 1);
    head->passes = Saturates(matrix, tile) ? 2 : 1;
    for (int i = 0; i < kTileOutputs; ++i) {
      // Every sum exceeds the smallest number, also for an output that is not
      // there, and none the largest.
      constexpr int kMost = std::numeric_limits<int16_t>::max();
      for (int level = 0; level < weights.levels; ++level) {
        const int threshold = weights.Threshold(level, tile + i, -kMost - 1);
        most[level].Set(i, std::clamp(threshold, -kMost, kMost + 1) - 1);
      }
      int sum = 0;
      for (int k = 0; k < weights.terms; ++k) sum += matrix.At(tile + i, k);
      head->first_sums.Set(i, -128 * sum);
    }
    for (int pass = 0; pass < head->passes; ++pass) {
      for (int first = 0; first < weights.terms; first += kLaneTerms) {
        for (int o = tile; o < tile + kTileOutputs; ++o) {
          for (int pixel = 0; pixel < kTilePixels; ++pixel) {
            for (int k = first; k < first + kLaneTerms; ++k) {
              *lane++ = PartOf(matrix.At(o, k), pass, head->passes);
            }
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

// value + 128 of some terms of sixteen patches, two a lane.
struct Part {
  alignas(32) uint8_t lanes[kPartLanes][kBytes];
};

// Two terms of sixteen patches that lie next to each other or, with kStride of
// 2, have one value between them.
template <int kStride>
class NearPairs {
 public:
  static BIFSMN_INLINE __m256i Apart(const int8_t* one, const int8_t* other) {
    return _mm256_or_si256(
        _mm256_and_si256(Adjacent(one), _mm256_set1_epi16(0xff)),
        _mm256_slli_epi16(Adjacent(other), 8));
  }

  // A term and what is behind it.
  static BIFSMN_INLINE __m256i Adjacent(const int8_t* value) {
    if constexpr (kStride == 2) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value));
    } else {
      const auto* from = reinterpret_cast<const __m128i*>(value);
      const auto* behind = reinterpret_cast<const __m128i*>(value + 1);
      const __m128i one = _mm_loadu_si128(from);
      const __m128i other = _mm_loadu_si128(behind);
      return _mm256_inserti128_si256(
          _mm256_castsi128_si256(_mm_unpacklo_epi8(one, other)),
          _mm_unpackhi_epi8(one, other), 1);
    }
  }
};

// The same for patches that lie anywhere.
class FarPairs {
 public:
  BIFSMN_INLINE FarPairs(const FeatureConvRow& row, int pixels)
      : stride_(row.pixel_stride), pixels_(pixels) {}

  BIFSMN_INLINE __m256i Adjacent(const int8_t* value) const {
    return Apart(value, value + 1);
  }

  BIFSMN_INLINE __m256i Apart(const int8_t* one, const int8_t* other) const {
    alignas(32) int8_t values[kBytes] = {};
    for (int i = 0; i < pixels_; ++i) {
      values[2 * i] = one[i * stride_];
      values[2 * i + 1] = other[i * stride_];
    }
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(values));
  }

 private:
  ptrdiff_t stride_;
  int pixels_;
};

// Lays out all terms of a kernel of kRuns by kRuns. Known beforehand, it leaves
// no branch.
template <int kRuns, typename Pairs>
BIFSMN_INLINE void LayOutSquare(const Pairs& pairs, const int8_t* patch,
                                ptrdiff_t stride, Part* part) {
  constexpr int kTerms = kRuns * kRuns;
  const __m256i sign_bits = _mm256_set1_epi8(-128);
  BIFSMN_UNROLL(16)
  for (int k = 0; k < kTerms; k += kLaneTerms) {
    // Behind the last term, weights are 0.
    const int behind = k + 1 < kTerms ? k + 1 : k;
    const int8_t* one = patch + k / kRuns * stride + k % kRuns;
    const int8_t* other = patch + behind / kRuns * stride + behind % kRuns;
    const __m256i both = k / kRuns == behind / kRuns && behind > k
                             ? pairs.Adjacent(one)
                             : pairs.Apart(one, other);
    _mm256_store_si256(reinterpret_cast<__m256i*>(part->lanes[k / kLaneTerms]),
                       _mm256_xor_si256(both, sign_bits));
  }
}

// Lays out the terms [first, first + count) of patches whose runs have
// `run_terms` terms and are `stride` values apart.
template <typename Pairs>
BIFSMN_INLINE void LayOut(const Pairs& pairs, const int8_t* patch,
                          int run_terms, ptrdiff_t stride, int first, int count,
                          Part* part) {
  const __m256i sign_bits = _mm256_set1_epi8(-128);
  const int8_t* run = patch + first / run_terms * stride;
  int column = first % run_terms;
  const auto next = [&] {
    const int8_t* term = run + column;
    if (++column == run_terms) {
      column = 0;
      run += stride;
    }
    return term;
  };
  for (int k = 0; k < count; k += kLaneTerms) {
    const int8_t* one = next();
    // Behind the last term, weights are 0.
    const int8_t* other = k + 1 < count ? next() : one;
    _mm256_store_si256(
        reinterpret_cast<__m256i*>(part->lanes[k / kLaneTerms]),
        _mm256_xor_si256(
            other == one + 1 ? pairs.Adjacent(one) : pairs.Apart(one, other),
            sign_bits));
  }
}

// Assembly, since gcc 12 copies every sum after every product.
BIFSMN_INLINE void Add(__m256i values, const int8_t* weights, __m256i* sums) {
  __m256i products;
  asm("vpmaddubsw %[weights], %[values], %[products]\n\t"
      "vpaddw %[products], %[sums], %[sums]"
      : [sums] "+x"(*sums), [products] "=&x"(products)
      : [values] "x"(values), [weights] "m"(
                                  *reinterpret_cast<const __m256i*>(weights)));
}

BIFSMN_INLINE __m256i Row(const OfOutputs& numbers, int output) {
  return _mm256_load_si256(
      reinterpret_cast<const __m256i*>(numbers.of_pixels[output]));
}

// A block's sums, and what becomes of them when no terms are left.
struct Block {
  const Head* head;
  const OfOutputs* most;
  int first_output;
  bool begins;
  bool ends;
};

// Of every pixel a word: in which outputs of a block its sum is below the
// threshold.
BIFSMN_INLINE __m256i Below(const __m256i (&sums)[kBlockOutputs],
                            const OfOutputs& most, int block) {
  __m256i words = _mm256_setzero_si256();
  BIFSMN_UNROLL(8)
  for (int o = 0; o < kBlockOutputs; ++o) {
    const __m256i exceeds = _mm256_cmpgt_epi16(sums[o], Row(most, block + o));
    words = _mm256_or_si256(
        words, _mm256_andnot_si256(exceeds, Row(kBits, block + o)));
  }
  return words;
}

// Adds the products of `count` terms to a block's sums, which begin and end in
// registers if all terms are there. Inlined, gcc 12 keeps them in memory.
template <int kLevels>
__attribute__((noinline)) void AddProducts(const Part& part, int count,
                                           const int8_t* weights, size_t pass,
                                           const Block& block, __m256i* sums,
                                           __m256i (&below)[kLevels]) {
  __m256i local[kBlockOutputs];
  BIFSMN_UNROLL(8)
  for (int o = 0; o < kBlockOutputs; ++o) {
    local[o] = block.begins
                   ? Row(block.head->first_sums, block.first_output + o)
                   : sums[o];
  }
  for (int i = 0; i < block.head->passes; ++i, weights += pass) {
    const int8_t* at = weights;
    for (int lane = 0; kLaneTerms * lane < count; ++lane) {
      const __m256i values =
          _mm256_load_si256(reinterpret_cast<const __m256i*>(part.lanes[lane]));
      BIFSMN_UNROLL(8)
      for (int o = 0; o < kBlockOutputs; ++o) {
        Add(values, at + o * kBytes, &local[o]);
      }
      at += kTileOutputs * kBytes;
    }
  }
  if (!block.ends) {
    BIFSMN_UNROLL(8)
    for (int o = 0; o < kBlockOutputs; ++o) sums[o] = local[o];
    return;
  }
  BIFSMN_UNROLL(3)
  for (int level = 0; level < kLevels; ++level) {
    below[level] = _mm256_or_si256(
        below[level], Below(local, block.most[level], block.first_output));
  }
}

template <int kLevels>
void RunLevels(const FeatureConvRow& row, const void* packed, int outputs,
               Word* bits) {
  const int terms = row.terms();
  const int words = WordsFor(outputs);
  const ptrdiff_t row_words = ptrdiff_t{kLevels} * words;
  Part part;
  for (int pixel = 0; pixel < row.pixels; pixel += kTilePixels) {
    const int8_t* patch = row.patch + pixel * row.pixel_stride;
    const int left = row.pixels - pixel;
    const int pixels = left < kTilePixels ? left : kTilePixels;
    const auto lay_out = [&](int first, int count) {
      const auto lay_out_pairs = [&](const auto& pairs) {
        if (row.run_terms == 5 && row.kernel_rows == 5) {
          LayOutSquare<5>(pairs, patch, row.run_stride, &part);
        } else {
          LayOut(pairs, patch, row.run_terms, row.run_stride, first, count,
                 &part);
        }
      };
      if (row.pixel_stride == 1) {
        lay_out_pairs(NearPairs<1>());
      } else if (row.pixel_stride == 2) {
        lay_out_pairs(NearPairs<2>());
      } else {
        lay_out_pairs(FarPairs(row, pixels));
      }
    };
    if (terms <= kPartTerms) lay_out(0, terms);
    const auto* tile = static_cast<const char*>(packed);
    for (int word = 0; word < words; ++word) {
      const auto* most = reinterpret_cast<const OfOutputs*>(tile);
      const Head& head = *reinterpret_cast<const Head*>(most + kLevels);
      tile += TileBytes(terms, kLevels);
      const auto* weights = reinterpret_cast<const int8_t*>(&head + 1);
      __m256i below[kLevels];
      BIFSMN_UNROLL(3)
      for (__m256i& level : below) level = _mm256_setzero_si256();
      for (int block = 0; block < kTileOutputs; block += kBlockOutputs) {
        __m256i sums[kBlockOutputs];
        for (int first = 0; first < terms; first += kPartTerms) {
          const int behind = terms - first;
          const int count = behind < kPartTerms ? behind : kPartTerms;
          if (terms > kPartTerms) lay_out(first, count);
          AddProducts<kLevels>(
              part, count,
              weights + (ptrdiff_t{first / kLaneTerms} * kTileOutputs + block) *
                            kBytes,
              PassBytes(terms),
              {&head, most, block, first == 0, count == behind}, sums, below);
        }
      }
      BIFSMN_UNROLL(3)
      for (int level = 0; level < kLevels; ++level) {
        Word* to = bits + pixel * row_words + level * words + word;
        if (row_words == 1 && pixels == kTilePixels) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), below[level]);
          continue;
        }
        alignas(32) Word of_pixels[kTilePixels];
        _mm256_store_si256(reinterpret_cast<__m256i*>(of_pixels), below[level]);
        for (int i = 0; i < pixels; ++i) to[i * row_words] = of_pixels[i];
      }
    }
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const FeatureConvKernel kFeatureConvAvx2_16x16S16 = {
    "feature_conv_avx2_16x16_s16",
    std::numeric_limits<int16_t>::max(),
    kMostTerms,
    HasAvx2,
    QuantizeAvx2,
    PackedBytes,
    Pack,
    RunByLevels<RunLevels<1>, RunLevels<kLevelThresholds>>,
};

}  // namespace bifsmn

#endif  // __x86_64__
