// Eight pixels against 32 outputs, one 16-bit lane each. Words are taken in
// pairs that run through a carry-save adder: of the differences x and y of a
// pair and the parity s of all before,
//
//   s' = s ^ x ^ y         c = x == s ? x : !s'         x + y + s = 2c + s'
//
// and only c is counted. x ^ y is the difference of two parities, (v ^ w) and
// (p ^ q), which packing and the preparation of patches know, and s' is one
// vpternlog: five instructions for two words, where counting each takes six.

#include "custom_ops/kernels/bgemm.h"

#ifdef __x86_64__

#include <cstring>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512bitalg")

#include "custom_ops/kernels/bgemm_x86.h"
#include "custom_ops/kernels/int16_lanes_avx512.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 8;
constexpr int kTileOutputs = 32;
constexpr int kMaxWords = 1024;

// Tiles of outputs that a single pixel is compared with at a time.
constexpr int kRowTiles = 4;

// Pairs of words that are prepared together.
constexpr int kChunkPairs = 16;
constexpr int kMaxChunks = kMaxWords / (2 * kChunkPairs);

// Patches of a tile. A word without a partner comes first. Then, of every pair
// of words (p, q), there is p and there is p ^ q, each twice side by side: a
// broadcast of 32 bits is part of an instruction, one of 16 bits is not.
struct Patches {
  static constexpr int kParity = kChunkPairs;
  static constexpr int kPixelStride = 2 * kChunkPairs;
  static constexpr int kChunkStride = kTilePixels * kPixelStride;

  alignas(64) uint32_t pairs[kMaxChunks * kChunkStride];
  uint32_t single[kTilePixels];
};

template <int kPixels>
BIFSMN_INLINE void Prepare(const Word* words, int depth, Patches* patches) {
  const __m512i low_words = _mm512_broadcast_i32x4(
      _mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
  for (int i = 0; i < kPixels; ++i) {
    const Word* word = words + static_cast<ptrdiff_t>(i) * depth;
    if (depth % 2 != 0) {
      patches->single[i] = *word++ * 0x00010001u;
    }
    uint32_t* to = patches->pairs + i * Patches::kPixelStride;
    for (int pairs = depth / 2; pairs > 0; pairs -= kChunkPairs) {
      const __mmask16 valid =
          pairs >= kChunkPairs ? 0xffff : _cvtu32_mask16((1u << pairs) - 1);
      const __m512i pq = _mm512_maskz_loadu_epi32(valid, word);
      _mm512_store_si512(to, _mm512_shuffle_epi8(pq, low_words));
      _mm512_store_si512(to + Patches::kParity,
                         _mm512_xor_si512(pq, _mm512_rol_epi32(pq, 16)));
      word += 2 * kChunkPairs;
      to += Patches::kChunkStride;
    }
  }
}

// Of a pixel and 32 outputs, disagreements are 2 * carries + bits of parity.
struct Sums {
  __m512i parity;
  __m512i carries;
};

BIFSMN_INLINE __m512i Broadcast(uint32_t value) {
  return _mm512_set1_epi32(static_cast<int>(value));
}

// Adds a pair of words of a pixel.
BIFSMN_INLINE void AddPair(__m512i v, __m512i vw, const uint32_t* pair,
                           Sums* sums) {
  const __m512i s = sums->parity;
  const __m512i x = _mm512_xor_si512(v, Broadcast(pair[0]));
  sums->parity =
      _mm512_ternarylogic_epi32(Broadcast(pair[Patches::kParity]), vw, s, 0x96);
  // x == s ? x : ~s'
  const __m512i c = _mm512_ternarylogic_epi32(x, s, sums->parity, 0xd4);
  sums->carries = _mm512_add_epi16(sums->carries, _mm512_popcnt_epi16(c));
}

// The same for two pixels side by side, in step: the order in which compilers
// put it takes 2 (gcc 12) to 14 % (clang 14) longer in the whole kernel.
BIFSMN_INLINE void AddTwoPairs(__m512i v, __m512i vw, const uint32_t* pair,
                               Sums* sums) {
  const uint32_t* other = pair + Patches::kPixelStride;
  __m512i x0, x1, s0, s1;
  asm("vpxord %[p0]%{1to16%}, %[v], %[x0]\n\t"
      "vpxord %[p1]%{1to16%}, %[v], %[x1]\n\t"
      "vmovdqa64 %[t0], %[s0]\n\t"
      "vmovdqa64 %[t1], %[s1]\n\t"
      "vpternlogd $0x96, %[pq0]%{1to16%}, %[vw], %[t0]\n\t"
      "vpternlogd $0x96, %[pq1]%{1to16%}, %[vw], %[t1]\n\t"
      "vpternlogd $0xd4, %[t0], %[s0], %[x0]\n\t"
      "vpternlogd $0xd4, %[t1], %[s1], %[x1]\n\t"
      "vpopcntw %[x0], %[x0]\n\t"
      "vpopcntw %[x1], %[x1]\n\t"
      "vpaddw %[x0], %[c0], %[c0]\n\t"
      "vpaddw %[x1], %[c1], %[c1]"
      : [t0] "+v"(sums[0].parity), [t1] "+v"(sums[1].parity),
        [c0] "+v"(sums[0].carries), [c1] "+v"(sums[1].carries), [x0] "=&v"(x0),
        [x1] "=&v"(x1), [s0] "=&v"(s0), [s1] "=&v"(s1)
      : [v] "v"(v), [vw] "v"(vw), [p0] "m"(pair[0]), [p1] "m"(other[0]),
        [pq0] "m"(pair[Patches::kParity]), [pq1] "m"(other[Patches::kParity]));
}

// The disagreements of a tile.
template <int kPixels>
BIFSMN_INLINE void CountTile(const Patches& patches, const Word* packed,
                             int depth, __m512i (&counts)[kPixels]) {
  Sums sums[kPixels];
  const uint32_t* pair = patches.pairs;
  int left = depth / 2;
  int in_chunk = left < kChunkPairs ? left : kChunkPairs;
  const __m512i v = _mm512_load_si512(packed);
  packed += kTileOutputs;
  if (depth % 2 != 0) {
    BIFSMN_UNROLL(8)
    for (int i = 0; i < kPixels; ++i) {
      sums[i].parity = _mm512_xor_si512(v, Broadcast(patches.single[i]));
      sums[i].carries = _mm512_setzero_si512();
    }
  } else {
    const __m512i vw = _mm512_load_si512(packed);
    packed += kTileOutputs;
    BIFSMN_UNROLL(8)
    for (int i = 0; i < kPixels; ++i) {
      const uint32_t* p = pair + i * Patches::kPixelStride;
      const __m512i parity =
          _mm512_xor_si512(vw, Broadcast(p[Patches::kParity]));
      // x & y = (v ^ p) & ~s'
      const __m512i c =
          _mm512_ternarylogic_epi32(v, Broadcast(p[0]), parity, 0x14);
      sums[i].parity = parity;
      sums[i].carries = _mm512_popcnt_epi16(c);
    }
    ++pair;
    --left;
    --in_chunk;
  }
  while (left > 0) {
    for (const uint32_t* end = pair + in_chunk; pair != end; ++pair) {
      const __m512i first = _mm512_load_si512(packed);
      const __m512i parity = _mm512_load_si512(packed + kTileOutputs);
      packed += 2 * kTileOutputs;
      if constexpr (kPixels == 1) {
        AddPair(first, parity, pair, sums);
      } else {
        BIFSMN_UNROLL(4)
        for (int i = 0; i < kPixels; i += 2) {
          AddTwoPairs(first, parity, pair + i * Patches::kPixelStride,
                      sums + i);
        }
      }
    }
    pair += Patches::kChunkStride - kChunkPairs;
    left -= in_chunk;
    in_chunk = left < kChunkPairs ? left : kChunkPairs;
  }
  BIFSMN_UNROLL(8)
  for (int i = 0; i < kPixels; ++i) {
    counts[i] =
        _mm512_add_epi16(_mm512_add_epi16(sums[i].carries, sums[i].carries),
                         _mm512_popcnt_epi16(sums[i].parity));
  }
}

// The disagreements of one pixel with several tiles, side by side: what a row
// needs of its patch is then read once for all of them.
BIFSMN_INLINE void CountRow(const Patches& patches, const Word* packed,
                            int depth, __m512i (&counts)[kRowTiles]) {
  const ptrdiff_t tile_words = static_cast<ptrdiff_t>(kTileOutputs) * depth;
  Sums sums[kRowTiles];
  BIFSMN_UNROLL(4)
  for (int t = 0; t < kRowTiles; ++t) {
    sums[t].carries = _mm512_setzero_si512();
    sums[t].parity = _mm512_setzero_si512();
    if (depth % 2 != 0) {
      sums[t].parity =
          _mm512_xor_si512(_mm512_load_si512(packed + t * tile_words),
                           Broadcast(patches.single[0]));
    }
  }
  packed += depth % 2 * kTileOutputs;
  const uint32_t* chunk = patches.pairs;
  for (int left = depth / 2; left > 0; left -= kChunkPairs) {
    const uint32_t* end = chunk + (left < kChunkPairs ? left : kChunkPairs);
    for (const uint32_t* pair = chunk; pair != end; ++pair) {
      BIFSMN_UNROLL(4)
      for (int t = 0; t < kRowTiles; ++t) {
        const Word* weights = packed + t * tile_words;
        AddPair(_mm512_load_si512(weights),
                _mm512_load_si512(weights + kTileOutputs), pair, &sums[t]);
      }
      packed += 2 * kTileOutputs;
    }
    chunk += Patches::kChunkStride;
  }
  BIFSMN_UNROLL(4)
  for (int t = 0; t < kRowTiles; ++t) {
    counts[t] =
        _mm512_add_epi16(_mm512_add_epi16(sums[t].carries, sums[t].carries),
                         _mm512_popcnt_epi16(sums[t].parity));
  }
}

template <bool kWhole>
using Place = Avx512Int16::Place<kWhole>;

template <typename Epilogue>
BIFSMN_INLINE void RunRow(const Bgemm& gemm, const Epilogue& epilogue,
                          const Patches& patches, const Word* packed,
                          Place<true> place) {
  __m512i counts[kRowTiles];
  CountRow(patches, packed, gemm.words, counts);
  BIFSMN_UNROLL(4)
  for (int t = 0; t < kRowTiles; ++t) {
    const typename Epilogue::Columns columns(epilogue, place);
    epilogue.Take(columns, place, counts[t]);
    place.first += kTileOutputs;
  }
}

template <int kPixels, bool kWhole, typename Epilogue>
BIFSMN_INLINE void RunTile(const Bgemm& gemm, const Epilogue& epilogue,
                           const Patches& patches, const Word* packed,
                           Place<kWhole> place) {
  __m512i counts[kPixels];
  CountTile(patches, packed, gemm.words, counts);
  const typename Epilogue::Columns columns(epilogue, place);
  BIFSMN_UNROLL(8)
  for (int i = 0; i < kPixels; ++i, ++place.row) {
    epilogue.Take(columns, place, counts[i]);
  }
}

template <int kPixels, typename Epilogue>
void RunPixels(const Bgemm& gemm, const Epilogue& epilogue, int pixel,
               Patches* patches) {
  Prepare<kPixels>(gemm.patches + static_cast<ptrdiff_t>(pixel) * gemm.words,
                   gemm.words, patches);
  const ptrdiff_t tile_words =
      static_cast<ptrdiff_t>(kTileOutputs) * gemm.words;
  const Word* packed = gemm.packed;
  int o = 0;
  if (kPixels == kTilePixels) {
    for (; o + kTileOutputs <= gemm.outputs; o += kTileOutputs) {
      RunTile<kPixels>(gemm, epilogue, *patches, packed, Place<true>{pixel, o});
      packed += tile_words;
    }
  }
  if (kPixels == 1) {
    constexpr int kRowOutputs = kRowTiles * kTileOutputs;
    for (; o + kRowOutputs <= gemm.outputs; o += kRowOutputs) {
      RunRow(gemm, epilogue, *patches, packed, Place<true>{pixel, o});
      packed += kRowTiles * tile_words;
    }
  }
  for (; o < gemm.outputs; o += kTileOutputs) {
    const int left = gemm.outputs - o;
    RunTile<kPixels>(
        gemm, epilogue, *patches, packed,
        Place<false>{pixel, o, left < kTileOutputs ? left : kTileOutputs});
    packed += tile_words;
  }
}

struct Tiles {
  template <typename Epilogue>
  static void Run(const Bgemm& gemm, const Epilogue& epilogue) {
    Patches patches;
    int pixel = 0;
    for (; pixel + 8 <= gemm.rows; pixel += 8) {
      RunPixels<8>(gemm, epilogue, pixel, &patches);
    }
    for (; pixel + 2 <= gemm.rows; pixel += 2) {
      RunPixels<2>(gemm, epilogue, pixel, &patches);
    }
    if (pixel < gemm.rows) RunPixels<1>(gemm, epilogue, pixel, &patches);
  }
};

void Pack(const Word* weights, int outputs, int words, Word* packed) {
  const WeightMatrix<Word> matrix = {weights, outputs, words};
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    for (int k = 0; k < words; ++k) {
      // Of a pair, the second word is replaced by both words' parity.
      const bool second = (k - words % 2) % 2 == 1;
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        const Word word = matrix.At(o, k);
        *packed++ = second ? matrix.At(o, k - 1) ^ word : word;
      }
    }
  }
}

using Kernel = X86Bgemm<Avx512Int16, Tiles>;

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const BgemmKernel kBgemmAvx512Bitalg8x32U16 = {
    "bgemm_avx512bitalg_8x32_u16",
    kTileOutputs,
    1,
    1,
    kMaxWords,
    1,
    kAnyPixels,
    false,
    [] { return HasAvx512() && Cpu().avx512bitalg; },
    Pack,
    Kernel::Count,
    Kernel::Threshold,
    Kernel::Add,
};

}  // namespace bifsmn

#endif  // __x86_64__
