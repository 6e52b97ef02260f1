// Four pixels against 32 or 64 outputs, one byte lane each. Half a byte of a
// patch picks a table of 16 numbers: in how many bits it disagrees with each
// half byte of weights. vpshufb then looks up 32 outputs' weights in it:
// neither an exclusive or nor a count of bits is left to do.

#include "custom_ops/kernels/bgemm.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <cstddef>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 4;
constexpr int kTileOutputs = 32;

// A word adds at most 16 to a byte lane: 15 words stay below 256.
constexpr int kWordsPerFold = 15;

constexpr int CountBits(int nibble) {
  return (nibble & 1) + (nibble >> 1 & 1) + (nibble >> 2 & 1) + (nibble >> 3);
}

// Of every byte, disagreements of its low half with every half byte, and then
// those of its high half: so a byte is one address for both.
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

void Pack(const Word* weights, int outputs, int words, Word* packed) {
  PackBytes(WeightMatrix<Word>{weights, outputs, words}, kTileOutputs, OutputAt,
            reinterpret_cast<uint8_t*>(packed));
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx2")

#include "custom_ops/kernels/bgemm_x86.h"
#include "custom_ops/kernels/int16_lanes_avx2.h"

namespace bifsmn {
namespace {

// Weights of 32 outputs, half a byte each.
struct Weights {
  __m256i low;
  __m256i high;
};

BIFSMN_INLINE Weights LoadWeights(const Word* packed) {
  const __m256i half = _mm256_set1_epi8(0xf);
  const __m256i bytes =
      _mm256_load_si256(reinterpret_cast<const __m256i*>(packed));
  return {_mm256_and_si256(bytes, half),
          _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)};
}

// Adds the disagreements of a byte of a patch with one tile's weights, or with
// two tiles'. Of the latter gcc keeps so much at hand that sums go to memory.
BIFSMN_INLINE void AddByte(unsigned byte, const Weights (&weights)[1],
                           __m256i (&sums)[1]) {
  const auto* low = reinterpret_cast<const __m128i*>(kTables.counts[byte][0]);
  const auto* high = reinterpret_cast<const __m128i*>(kTables.counts[byte][1]);
  const __m256i low_table = _mm256_broadcastsi128_si256(_mm_load_si128(low));
  const __m256i high_table = _mm256_broadcastsi128_si256(_mm_load_si128(high));
  sums[0] = _mm256_add_epi8(
      sums[0],
      _mm256_add_epi8(_mm256_shuffle_epi8(low_table, weights[0].low),
                      _mm256_shuffle_epi8(high_table, weights[0].high)));
}

BIFSMN_INLINE void AddByte(unsigned byte, const Weights (&weights)[2],
                           __m256i (&sums)[2]) {
  const auto* low = reinterpret_cast<const __m128i*>(kTables.counts[byte][0]);
  const auto* high = reinterpret_cast<const __m128i*>(kTables.counts[byte][1]);
  __m256i table;
  __m256i counts;
  asm("vbroadcasti128 %[low], %[table]\n\t"
      "vpshufb %[low0], %[table], %[counts]\n\t"
      "vpshufb %[low1], %[table], %[table]\n\t"
      "vpaddb %[counts], %[sum0], %[sum0]\n\t"
      "vpaddb %[table], %[sum1], %[sum1]\n\t"
      "vbroadcasti128 %[high], %[table]\n\t"
      "vpshufb %[high0], %[table], %[counts]\n\t"
      "vpshufb %[high1], %[table], %[table]\n\t"
      "vpaddb %[counts], %[sum0], %[sum0]\n\t"
      "vpaddb %[table], %[sum1], %[sum1]"
      : [sum0] "+x"(sums[0]), [sum1] "+x"(sums[1]), [table] "=&x"(table),
        [counts] "=&x"(counts)
      : [low] "m"(*low), [high] "m"(*high), [low0] "x"(weights[0].low),
        [low1] "x"(weights[1].low), [high0] "x"(weights[0].high),
        [high1] "x"(weights[1].high));
}

// Disagreements in 16-bit lanes, of the first 16 outputs of a tile and of the
// others.
struct Counts {
  __m256i halves[2];
};

template <int kPixels, int kTiles>
BIFSMN_INLINE void CountTiles(const Word* patches, const Word* packed,
                              int words, Counts (&counts)[kTiles][kPixels]) {
  const ptrdiff_t depth = words;
  const ptrdiff_t tile_words = kTileOutputs * depth;
  const auto* pixel_bytes = reinterpret_cast<const uint8_t*>(patches);
  const __m256i zero = _mm256_setzero_si256();
  BIFSMN_UNROLL(2)
  for (int t = 0; t < kTiles; ++t) {
    BIFSMN_UNROLL(4)
    for (int i = 0; i < kPixels; ++i) counts[t][i] = {{zero, zero}};
  }
  for (int first = 0; first < words; first += kWordsPerFold) {
    const int left = words - first;
    const int end = first + (left < kWordsPerFold ? left : kWordsPerFold);
    __m256i bytes[kPixels][kTiles];
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) {
      BIFSMN_UNROLL(4)
      for (int i = 0; i < kPixels; ++i) bytes[i][t] = zero;
    }
    for (int k = 2 * first; k < 2 * end; ++k) {
      Weights weights[kTiles];
      BIFSMN_UNROLL(2)
      for (int t = 0; t < kTiles; ++t) {
        weights[t] = LoadWeights(packed + t * tile_words);
      }
      packed += kTileOutputs / 2;
      BIFSMN_UNROLL(4)
      for (int i = 0; i < kPixels; ++i) {
        AddByte(pixel_bytes[2 * (i * depth) + k], weights, bytes[i]);
      }
    }
    BIFSMN_UNROLL(2)
    for (int t = 0; t < kTiles; ++t) {
      BIFSMN_UNROLL(4)
      for (int i = 0; i < kPixels; ++i) {
        __m256i* halves = counts[t][i].halves;
        halves[0] = _mm256_add_epi16(halves[0],
                                     _mm256_unpacklo_epi8(bytes[i][t], zero));
        halves[1] = _mm256_add_epi16(halves[1],
                                     _mm256_unpackhi_epi8(bytes[i][t], zero));
      }
    }
  }
}

// Gives the epilogue every word of kTiles tiles and kPixels pixels.
template <int kPixels, int kTiles, typename Epilogue>
BIFSMN_INLINE void RunTiles(const Bgemm& gemm, const Epilogue& epilogue,
                            int pixel, int first_output) {
  Counts counts[kTiles][kPixels];
  CountTiles(gemm.patches + static_cast<ptrdiff_t>(pixel) * gemm.words,
             gemm.packed + static_cast<ptrdiff_t>(first_output) * gemm.words,
             gemm.words, counts);
  for (int word = 0; word < 2 * kTiles; ++word) {
    const int o = first_output + word * kWordBits;
    if (o >= gemm.outputs) break;
    Avx2Int16::Whole place = {pixel, o};
    const typename Epilogue::Columns columns(epilogue, place);
    for (int i = 0; i < kPixels; ++i, ++place.row) {
      epilogue.Take(columns, place, counts[word / 2][i].halves[word % 2]);
    }
  }
}

template <int kPixels, typename Epilogue>
BIFSMN_INLINE void RunPixels(const Bgemm& gemm, const Epilogue& epilogue,
                             int pixel) {
  int o = 0;
  for (; o + kTileOutputs < gemm.outputs; o += 2 * kTileOutputs) {
    RunTiles<kPixels, 2>(gemm, epilogue, pixel, o);
  }
  if (o < gemm.outputs) RunTiles<kPixels, 1>(gemm, epilogue, pixel, o);
}

struct Tiles {
  template <typename Epilogue>
  static void Run(const Bgemm& gemm, const Epilogue& epilogue) {
    int pixel = 0;
    for (; pixel + kTilePixels <= gemm.pixels; pixel += kTilePixels) {
      RunPixels<kTilePixels>(gemm, epilogue, pixel);
    }
    for (; pixel < gemm.pixels; ++pixel) RunPixels<1>(gemm, epilogue, pixel);
  }
};

using Kernel = X86Bgemm<Avx2Int16, Tiles>;

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const BgemmKernel kBgemmAvx2_4x32U8 = {
    "bgemm_avx2_4x32_u8",
    kTileOutputs,
    1,
    kMaxBinaryTerms,
    kWordBits,
    kAnyPixels,
    HasAvx2,
    Pack,
    Kernel::Count,
    Kernel::Threshold,
    Kernel::Add,
};

}  // namespace bifsmn

#endif  // __x86_64__
