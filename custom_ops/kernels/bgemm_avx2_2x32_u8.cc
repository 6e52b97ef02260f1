// Two pixels against 32 or 64 outputs, a byte lane for each output. Half a byte
// of both patches picks a table of 16 numbers: in how many bits each of the two
// disagrees with every half byte of weights, side by side in one byte. vpshufb
// then looks 32 outputs' weights up in it: neither an exclusive or nor a count
// of bits is left to do, and one look-up serves two pixels.

#include "custom_ops/kernels/bgemm.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <cstddef>
#include <cstring>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTileOutputs = 32;

// Half bytes of a word.
constexpr int kWordNibbles = kWordBits / 4;

// Weights are half a byte in a byte each.
constexpr int kPackedBits = 2;

// Look-ups whose sum fits into half a byte: each is 4 at most.
constexpr int kGroup = 3;

// A word adds at most 16 to a byte lane: 15 words stay below 256, and are a
// multiple of a group.
constexpr int kWordsPerFold = 15;
static_assert(kWordsPerFold * kWordNibbles % kGroup == 0);

// Words of patches that are prepared at a time.
constexpr int kPartWords = 4 * kWordsPerFold;

constexpr int CountBits(int nibble) {
  return (nibble & 1) + (nibble >> 1 & 1) + (nibble >> 2 & 1) + (nibble >> 3);
}

// Of two half bytes, disagreements of the low one with every half byte, and 16
// times those of the high one.
struct PairTables {
  alignas(16) uint8_t counts[256][16];
};

constexpr PairTables MakePairTables() {
  PairTables tables = {};
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 16; ++b) {
      tables.counts[a][b] = static_cast<uint8_t>(CountBits((a & 15) ^ b) |
                                                 CountBits((a >> 4) ^ b) << 4);
    }
  }
  return tables;
}

constexpr PairTables kPairTables = MakePairTables();

// Of every byte, disagreements of its low half with every half byte, and then
// those of its high half: so a byte of a single patch is one address for both.
struct Tables {
  alignas(32) uint8_t counts[256][2][16];
};

constexpr Tables MakeTables() {
  Tables tables = {};
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 16; ++b) {
      tables.counts[a][0][b] = static_cast<uint8_t>(CountBits((a & 15) ^ b));
      tables.counts[a][1][b] = static_cast<uint8_t>(CountBits((a >> 4) ^ b));
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

// The output, of 32, that a byte lane stands for: so unpacking bytes to 16-bit
// lanes puts outputs into their order.
constexpr int OutputAt(int lane) {
  return (lane / 8 == 1 || lane / 8 == 2) ? lane ^ 24 : lane;
}

// Of every half byte of a word its 32 outputs', a byte each.
void Pack(const Word* weights, int outputs, int words, Word* packed) {
  PackBytes<4>(WeightMatrix<Word>{weights, outputs, words}, kTileOutputs,
               OutputAt, reinterpret_cast<uint8_t*>(packed));
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx2")

#include "custom_ops/kernels/bgemm_x86.h"
#include "custom_ops/kernels/int16_lanes_avx2.h"

namespace bifsmn {
namespace {

BIFSMN_INLINE __m256i Broadcast(const __m128i* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(table));
}

// Weights of 32 outputs.
BIFSMN_INLINE __m256i Weights(const uint8_t* packed) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(packed));
}

// The table at a place, of Part.
BIFSMN_INLINE const __m128i* PairTable(uint16_t place) {
  return reinterpret_cast<const __m128i*>(
      reinterpret_cast<const char*>(&kPairTables) + place);
}

// What a vector instruction reads.
BIFSMN_INLINE const __m256i* At(const uint8_t* bytes) {
  return reinterpret_cast<const __m256i*>(bytes);
}

// Of two patches' half bytes, where their tables are.
struct Part {
  alignas(32) uint16_t places[kPartWords * kWordNibbles];
};

// Eight words of two patches.
BIFSMN_INLINE void PrepareWords(__m128i a, __m128i b, uint16_t* places) {
  const __m128i low = _mm_set1_epi8(0xf);
  const __m128i high = _mm_set1_epi8(static_cast<char>(0xf0));
  const __m128i even = _mm_or_si128(_mm_and_si128(a, low),
                                    _mm_slli_epi16(_mm_and_si128(b, low), 4));
  const __m128i odd = _mm_or_si128(_mm_srli_epi16(_mm_and_si128(a, high), 4),
                                   _mm_and_si128(b, high));
  const __m128i first = _mm_unpacklo_epi8(even, odd);
  const __m128i second = _mm_unpackhi_epi8(even, odd);
  auto* to = reinterpret_cast<__m256i*>(places);
  _mm256_storeu_si256(to, _mm256_slli_epi16(_mm256_cvtepu8_epi16(first), 4));
  _mm256_storeu_si256(to + 1,
                      _mm256_slli_epi16(_mm256_cvtepu8_epi16(second), 4));
}

BIFSMN_INLINE void Prepare(const Word* one, const Word* other, int words,
                           Part* part) {
  if (words < 8) {
    PrepareWords(Avx2Int16::LoadEightWords(one, words),
                 Avx2Int16::LoadEightWords(other, words), part->places);
    return;
  }
  for (int k = 0; k < words; k += 8) {
    // The last eight overlap those before.
    const int first = k + 8 <= words ? k : words - 8;
    PrepareWords(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(one + first)),
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(other + first)),
        part->places + first * kWordNibbles);
  }
}

// Adds the disagreements of fewer half bytes than a group with kTiles tiles of
// weights, `stride` bytes apart.
template <int kCount, int kTiles>
BIFSMN_INLINE void AddFew(const uint16_t* places, const uint8_t* weights,
                          ptrdiff_t stride, __m256i (&sums)[2][kTiles]) {
  const __m256i half = _mm256_set1_epi8(0xf);
  BIFSMN_UNROLL(2)
  for (int t = 0; t < kTiles; ++t) {
    __m256i both = _mm256_setzero_si256();
    BIFSMN_UNROLL(2)
    for (int k = 0; k < kCount; ++k) {
      both = _mm256_add_epi8(
          both, _mm256_shuffle_epi8(
                    Broadcast(PairTable(places[k])),
                    Weights(weights + t * stride + k * kTileOutputs)));
    }
    sums[0][t] = _mm256_add_epi8(sums[0][t], _mm256_and_si256(both, half));
    sums[1][t] = _mm256_add_epi8(
        sums[1][t], _mm256_and_si256(_mm256_srli_epi16(both, 4), half));
  }
}

// The same for a group. Assembly, since gcc 12 copies every sum and keeps some
// in memory.
BIFSMN_INLINE void AddGroup(const uint16_t* places, const uint8_t* weights,
                            ptrdiff_t, __m256i (&sums)[2][1]) {
  const __m256i half = _mm256_set1_epi8(0xf);
  __m256i both;
  __m256i counts;
  asm("vbroadcasti128 %[table0], %[counts]\n\t"
      "vpshufb %[weights0], %[counts], %[both]\n\t"
      "vbroadcasti128 %[table1], %[counts]\n\t"
      "vpshufb %[weights1], %[counts], %[counts]\n\t"
      "vpaddb %[counts], %[both], %[both]\n\t"
      "vbroadcasti128 %[table2], %[counts]\n\t"
      "vpshufb %[weights2], %[counts], %[counts]\n\t"
      "vpaddb %[counts], %[both], %[both]\n\t"
      "vpand %[half], %[both], %[counts]\n\t"
      "vpsrlw $4, %[both], %[both]\n\t"
      "vpaddb %[counts], %[one], %[one]\n\t"
      "vpand %[half], %[both], %[both]\n\t"
      "vpaddb %[both], %[other], %[other]"
      : [one] "+x"(sums[0][0]), [other] "+x"(sums[1][0]), [both] "=&x"(both),
        [counts] "=&x"(counts)
      :
      [table0] "m"(*PairTable(places[0])), [table1] "m"(*PairTable(places[1])),
      [table2] "m"(*PairTable(places[2])), [weights0] "m"(*At(weights)),
      [weights1] "m"(*At(weights + kTileOutputs)),
      [weights2] "m"(*At(weights + 2 * kTileOutputs)), [half] "x"(half));
}

BIFSMN_INLINE void AddGroup(const uint16_t* places, const uint8_t* weights,
                            ptrdiff_t stride, __m256i (&sums)[2][2]) {
  const __m256i half = _mm256_set1_epi8(0xf);
  const uint8_t* second = weights + stride;
  __m256i both0;
  __m256i both1;
  __m256i table;
  __m256i counts;
  asm("vbroadcasti128 %[table0], %[table]\n\t"
      "vpshufb %[weights00], %[table], %[both0]\n\t"
      "vpshufb %[weights10], %[table], %[both1]\n\t"
      "vbroadcasti128 %[table1], %[table]\n\t"
      "vpshufb %[weights01], %[table], %[counts]\n\t"
      "vpshufb %[weights11], %[table], %[table]\n\t"
      "vpaddb %[counts], %[both0], %[both0]\n\t"
      "vpaddb %[table], %[both1], %[both1]\n\t"
      "vbroadcasti128 %[table2], %[table]\n\t"
      "vpshufb %[weights02], %[table], %[counts]\n\t"
      "vpshufb %[weights12], %[table], %[table]\n\t"
      "vpaddb %[counts], %[both0], %[both0]\n\t"
      "vpaddb %[table], %[both1], %[both1]\n\t"
      "vpand %[half], %[both0], %[counts]\n\t"
      "vpsrlw $4, %[both0], %[both0]\n\t"
      "vpand %[half], %[both1], %[table]\n\t"
      "vpsrlw $4, %[both1], %[both1]\n\t"
      "vpaddb %[counts], %[one0], %[one0]\n\t"
      "vpand %[half], %[both0], %[both0]\n\t"
      "vpaddb %[table], %[one1], %[one1]\n\t"
      "vpand %[half], %[both1], %[both1]\n\t"
      "vpaddb %[both0], %[other0], %[other0]\n\t"
      "vpaddb %[both1], %[other1], %[other1]"
      : [one0] "+x"(sums[0][0]), [one1] "+x"(sums[0][1]),
        [other0] "+x"(sums[1][0]), [other1] "+x"(sums[1][1]),
        [both0] "=&x"(both0), [both1] "=&x"(both1), [table] "=&x"(table),
        [counts] "=&x"(counts)
      :
      [table0] "m"(*PairTable(places[0])), [table1] "m"(*PairTable(places[1])),
      [table2] "m"(*PairTable(places[2])), [weights00] "m"(*At(weights)),
      [weights01] "m"(*At(weights + kTileOutputs)),
      [weights02] "m"(*At(weights + 2 * kTileOutputs)),
      [weights10] "m"(*At(second)), [weights11] "m"(*At(second + kTileOutputs)),
      [weights12] "m"(*At(second + 2 * kTileOutputs)), [half] "x"(half));
}

// Disagreements of a pixel in 16-bit lanes, of the first 16 outputs of a tile
// and of the others.
template <int kTiles>
struct Counts {
  BIFSMN_INLINE void Take(const __m256i (&bytes)[kTiles]) {
    const __m256i zero = _mm256_setzero_si256();
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) {
      halves[t][0] =
          _mm256_add_epi16(halves[t][0], _mm256_unpacklo_epi8(bytes[t], zero));
      halves[t][1] =
          _mm256_add_epi16(halves[t][1], _mm256_unpackhi_epi8(bytes[t], zero));
    }
  }

  __m256i halves[kTiles][2] = {};
};

// What disagreements of up to kMostFolds folds lack to their limits, which
// stays in bytes.
constexpr int kMostFolds = 2;
constexpr int kFoldCounts = kWordsPerFold * kWordBits;

// What disagreements lack to their limits.
template <int kTiles>
struct Lacking {
  // Limits of 32 or, with `words` of 1, 16 outputs.
  BIFSMN_INLINE void Load(int t, const uint16_t* limits, int words) {
    const auto* from = reinterpret_cast<const __m256i*>(limits);
    const __m256i most = _mm256_set1_epi16(kFoldCounts);
    const __m256i bytes = _mm256_set1_epi16(255);
    const __m256i first = _mm256_loadu_si256(from);
    const __m256i second =
        words > 1 ? _mm256_loadu_si256(from + 1) : _mm256_setzero_si256();
    left[t] = _mm256_packus_epi16(_mm256_min_epu16(first, most),
                                  _mm256_min_epu16(second, most));
    more[t] = _mm256_packus_epi16(
        _mm256_min_epu16(_mm256_subs_epu16(first, most), bytes),
        _mm256_min_epu16(_mm256_subs_epu16(second, most), bytes));
  }

  // Where there is more than a fold can count, `left` is as large as that, and
  // no subtraction saturates.
  BIFSMN_INLINE void Take(const __m256i (&bytes)[kTiles]) {
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) {
      left[t] = _mm256_adds_epu8(_mm256_subs_epu8(left[t], bytes[t]), more[t]);
      more[t] = _mm256_setzero_si256();
    }
  }

  // A bit for each output that has reached its limit.
  BIFSMN_INLINE uint32_t Reached(int t) const {
    const __m256i reached = _mm256_cmpeq_epi8(left[t], _mm256_setzero_si256());
    return static_cast<uint32_t>(
        _mm256_movemask_epi8(_mm256_permute4x64_epi64(reached, 0xd8)));
  }

  __m256i left[kTiles];
  __m256i more[kTiles];
};

// Gives both sums the disagreements of a part of two patches, fold by fold.
template <int kTiles, typename Sums>
BIFSMN_INLINE void CountPart(const Part& part, int words,
                             const uint8_t* weights, ptrdiff_t stride,
                             Sums* one, Sums* other) {
  const uint16_t* places = part.places;
  for (int first = 0; first < words; first += kWordsPerFold) {
    const int left = words - first;
    int nibbles = kWordNibbles * (left < kWordsPerFold ? left : kWordsPerFold);
    __m256i bytes[2][kTiles];
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) {
      bytes[0][t] = bytes[1][t] = _mm256_setzero_si256();
    }
    BIFSMN_UNROLL(2)
    for (; nibbles >= kGroup; nibbles -= kGroup) {
      AddGroup(places, weights, stride, bytes);
      places += kGroup;
      weights += kGroup * kTileOutputs;
    }
    if (nibbles == 2) AddFew<2>(places, weights, stride, bytes);
    if (nibbles == 1) AddFew<1>(places, weights, stride, bytes);
    places += nibbles;
    weights += nibbles * kTileOutputs;
    one->Take(bytes[0]);
    other->Take(bytes[1]);
  }
}

// The same for a single patch.
template <int kTiles, typename Sums>
BIFSMN_INLINE void CountOne(const Word* patch, int words,
                            const uint8_t* weights, ptrdiff_t stride,
                            Sums* sums) {
  const auto* places = reinterpret_cast<const uint8_t*>(patch);
  for (int first = 0; first < words; first += kWordsPerFold) {
    const int left = words - first;
    const int count = 2 * (left < kWordsPerFold ? left : kWordsPerFold);
    __m256i bytes[kTiles];
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) bytes[t] = _mm256_setzero_si256();
    for (int k = 0; k < count; ++k) {
      const auto& tables = kTables.counts[*places++];
      BIFSMN_UNROLL(2)
      for (int half = 0; half < 2; ++half) {
        const __m256i table =
            Broadcast(reinterpret_cast<const __m128i*>(tables[half]));
        BIFSMN_UNROLL(2)
        for (int t = 0; t < kTiles; ++t) {
          bytes[t] = _mm256_add_epi8(
              bytes[t],
              _mm256_shuffle_epi8(table, Weights(weights + t * stride)));
        }
        weights += kTileOutputs;
      }
    }
    sums->Take(bytes);
  }
}

// Some pixels of a product, one or an even number, prepared for all outputs if
// there is one part.
template <int kPixels>
class Pixels {
 public:
  BIFSMN_INLINE Pixels(const Bgemm& gemm, int pixel)
      : gemm_(gemm),
        patches_(gemm.patches + static_cast<ptrdiff_t>(pixel) * gemm.words) {
    if (gemm.words > kPartWords) return;
    for (int i = 0; i + 1 < kPixels; i += 2) {
      Prepare(Patch(i), Patch(i + 1), gemm.words, &parts_[i / 2]);
    }
  }

  // Gives every pixel's sums its disagreements with kTiles tiles.
  template <int kTiles, typename Sums>
  BIFSMN_INLINE void Count(int first_output, Sums (&sums)[kPixels]) const {
    const ptrdiff_t stride =
        ptrdiff_t{kTileOutputs} * kWordNibbles * gemm_.words;
    const auto* weights = reinterpret_cast<const uint8_t*>(gemm_.packed) +
                          first_output / kTileOutputs * stride;
    if constexpr (kPixels == 1) {
      CountOne<kTiles>(patches_, gemm_.words, weights, stride, &sums[0]);
    } else {
      BIFSMN_UNROLL(2)
      for (int i = 0; i < kPixels; i += 2) {
        if (gemm_.words <= kPartWords) {
          CountPart<kTiles>(parts_[i / 2], gemm_.words, weights, stride,
                            &sums[i], &sums[i + 1]);
          continue;
        }
        for (int first = 0; first < gemm_.words; first += kPartWords) {
          const int left = gemm_.words - first;
          const int count = left < kPartWords ? left : kPartWords;
          Part part;
          Prepare(Patch(i) + first, Patch(i + 1) + first, count, &part);
          CountPart<kTiles>(
              part, count,
              weights + ptrdiff_t{kTileOutputs} * kWordNibbles * first, stride,
              &sums[i], &sums[i + 1]);
        }
      }
    }
  }

 private:
  const Word* Patch(int i) const {
    return patches_ + static_cast<ptrdiff_t>(i) * gemm_.words;
  }

  const Bgemm& gemm_;
  const Word* const patches_;
  Part parts_[(kPixels + 1) / 2];
};

// Thresholds of patches of which bytes hold what is lacking.
class ByteThresholds {
 public:
  static constexpr int kTilePixels = 4;

  static bool Takes(const Bgemm& gemm) {
    return gemm.words <= kMostFolds * kWordsPerFold;
  }

  ByteThresholds(const BgemmThresholds& thresholds, Word* bits)
      : thresholds_(thresholds), bits_(bits) {}

  template <int kPixels, int kTiles>
  BIFSMN_INLINE void Run(const Bgemm& gemm, const Pixels<kPixels>& pixels,
                         int pixel, int first_output) const {
    const int row_stride = BgemmRowStride(gemm.outputs);
    const int row_words = WordsFor(gemm.outputs);
    const int first_word = first_output / kWordBits;
    Lacking<kTiles> lacking[kPixels];
    for (int i = 0; i < kPixels; ++i) {
      if (i > 0 && thresholds_.patterns == nullptr) {
        lacking[i] = lacking[0];
        continue;
      }
      const ptrdiff_t pattern =
          thresholds_.patterns == nullptr ? 0 : thresholds_.patterns[pixel + i];
      const uint16_t* limits =
          thresholds_.limits + pattern * row_stride + first_output;
      BIFSMN_UNROLL(2)
      for (int t = 0; t < kTiles; ++t) {
        lacking[i].Load(t, limits + t * kTileOutputs,
                        row_words - first_word - 2 * t);
      }
    }
    pixels.template Count<kTiles>(first_output, lacking);
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) {
      const int word = first_word + 2 * t;
      const Word* flips = thresholds_.flips + word;
      Word* to = bits_ + static_cast<ptrdiff_t>(pixel) * row_words + word;
      const bool whole = word + 1 < row_words;
      const uint32_t flip = flips[0] | (whole ? uint32_t{flips[1]} << 16 : 0);
      for (int i = 0; i < kPixels; ++i, to += row_words) {
        const uint32_t reached = lacking[i].Reached(t) ^ flip;
        if (whole) {
          std::memcpy(to, &reached, sizeof(reached));
        } else {
          *to = static_cast<Word>(reached);
        }
      }
    }
  }

 private:
  const BgemmThresholds& thresholds_;
  Word* const bits_;
};

// The same for what takes counts of 16 bits.
template <typename Epilogue>
class Wide {
 public:
  // More, since an epilogue has more to load for them.
  static constexpr int kTilePixels = 8;

  explicit Wide(const Epilogue& epilogue) : epilogue_(epilogue) {}

  template <int kPixels, int kTiles>
  BIFSMN_INLINE void Run(const Bgemm& gemm, const Pixels<kPixels>& pixels,
                         int pixel, int first_output) const {
    Counts<kTiles> counts[kPixels];
    pixels.template Count<kTiles>(first_output, counts);
    for (int word = 0; word < 2 * kTiles; ++word) {
      const int o = first_output + word * kWordBits;
      if (o >= gemm.outputs) break;
      Avx2Int16::Whole place = {pixel, o};
      const typename Epilogue::Columns columns(epilogue_, place);
      for (int i = 0; i < kPixels; ++i, ++place.row) {
        epilogue_.Take(columns, place, counts[i].halves[word / 2][word % 2]);
      }
    }
  }

 private:
  const Epilogue& epilogue_;
};

template <int kPixels, typename Output>
BIFSMN_INLINE void RunPixels(const Bgemm& gemm, const Output& output,
                             int pixel) {
  const Pixels<kPixels> pixels(gemm, pixel);
  int o = 0;
  for (; o + kTileOutputs < gemm.outputs; o += 2 * kTileOutputs) {
    output.template Run<kPixels, 2>(gemm, pixels, pixel, o);
  }
  if (o < gemm.outputs) {
    output.template Run<kPixels, 1>(gemm, pixels, pixel, o);
  }
}

template <typename Output>
BIFSMN_INLINE void RunAll(const Bgemm& gemm, const Output& output) {
  constexpr int kTile = Output::kTilePixels;
  int pixel = 0;
  for (; pixel + kTile <= gemm.rows; pixel += kTile) {
    RunPixels<kTile>(gemm, output, pixel);
  }
  for (; pixel + 2 <= gemm.rows; pixel += 2) {
    RunPixels<2>(gemm, output, pixel);
  }
  if (pixel < gemm.rows) RunPixels<1>(gemm, output, pixel);
}

struct Tiles {
  template <typename Epilogue>
  static void Run(const Bgemm& gemm, const Epilogue& epilogue) {
    RunAll(gemm, Wide<Epilogue>(epilogue));
  }
};

using Kernel = X86Bgemm<Avx2Int16, Tiles>;

void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
               Word* bits) {
  if (ByteThresholds::Takes(gemm)) {
    RunAll(gemm, ByteThresholds(thresholds, bits));
  } else {
    Kernel::Threshold(gemm, thresholds, bits);
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const BgemmKernel kBgemmAvx2_2x32U8 = {
    "bgemm_avx2_2x32_u8",
    kTileOutputs,
    1,
    kPackedBits,
    kMaxBinaryTerms,
    kWordBits,
    kAnyPixels,
    false,
    HasAvx2,
    Pack,
    Kernel::Count,
    Threshold,
    Kernel::Add,
};

}  // namespace bifsmn

#endif  // __x86_64__
