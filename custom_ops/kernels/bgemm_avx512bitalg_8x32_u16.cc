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

#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/short_stream_avx512.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512bitalg")

namespace bifsmn {
namespace {

constexpr int kTilePixels = 8;
constexpr int kTileOutputs = 32;
constexpr int kMaxWords = 1024;

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

// A pixel, and of the outputs [first, first + 32) how many there are.
template <bool kWhole>
struct Place {
  int pixel;
  int first;
  int left;

  int outputs() const { return kWhole ? kTileOutputs : left; }
  bool two_words() const { return outputs() > kWordBits; }
  __mmask32 mask() const {
    return static_cast<__mmask32>(0xffffffff >> (kTileOutputs - outputs()));
  }
};

template <bool kWhole>
BIFSMN_INLINE void StoreBits(uint32_t bits, const Place<kWhole>& place,
                             int row_words, Word* words) {
  words +=
      static_cast<ptrdiff_t>(place.pixel) * row_words + place.first / kWordBits;
  if (place.two_words()) {
    std::memcpy(words, &bits, sizeof(bits));
  } else {
    *words = static_cast<Word>(bits);
  }
}

// Epilogues make their Columns once for a tile, and take a pixel after the
// other.
class StoreCounts {
 public:
  StoreCounts(const Bgemm& gemm, uint16_t* disagreements)
      : row_stride_(BgemmRowStride(gemm.outputs)),
        disagreements_(disagreements) {}

  struct Columns {
    template <bool kWhole>
    Columns(const StoreCounts&, const Place<kWhole>&) {}
  };

  template <bool kWhole>
  BIFSMN_INLINE void Take(const Columns&, const Place<kWhole>& place,
                          __m512i counts) const {
    uint16_t* to = disagreements_ +
                   static_cast<ptrdiff_t>(place.pixel) * row_stride_ +
                   place.first;
    if (place.two_words()) {
      _mm512_storeu_si512(to, counts);
    } else {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                          _mm512_castsi512_si256(counts));
    }
  }

 private:
  const int row_stride_;
  uint16_t* const disagreements_;
};

class StoreThresholdBits {
 public:
  StoreThresholdBits(const Bgemm& gemm, const BgemmThresholds& thresholds,
                     Word* bits)
      : row_stride_(BgemmRowStride(gemm.outputs)),
        row_words_(WordsFor(gemm.outputs)),
        thresholds_(thresholds),
        bits_(bits) {}

  struct Columns {
    template <bool kWhole>
    BIFSMN_INLINE Columns(const StoreThresholdBits& epilogue,
                          const Place<kWhole>& place)
        : flips(epilogue.thresholds_.flips[place.first / kWordBits]),
          // Rows of limits are whole words long.
          mask(place.two_words() ? 0xffffffff : 0xffff),
          limits(epilogue.thresholds_.limits + place.first),
          first_limits(_mm512_maskz_loadu_epi16(mask, limits)) {
      if (place.two_words()) {
        const Word* second =
            epilogue.thresholds_.flips + place.first / kWordBits + 1;
        flips |= uint32_t{*second} << kWordBits;
      }
    }

    uint32_t flips;
    __mmask32 mask;
    const uint16_t* limits;
    __m512i first_limits;
  };

  template <bool kWhole>
  BIFSMN_INLINE void Take(const Columns& columns, const Place<kWhole>& place,
                          __m512i counts) const {
    __m512i limits = columns.first_limits;
    if (thresholds_.patterns != nullptr) {
      const uint16_t* row =
          columns.limits +
          static_cast<ptrdiff_t>(thresholds_.patterns[place.pixel]) *
              row_stride_;
      limits = kWhole ? _mm512_loadu_si512(row)
                      : _mm512_maskz_loadu_epi16(columns.mask, row);
    }
    const __mmask32 reached =
        kWhole ? _mm512_cmpge_epu16_mask(counts, limits)
               : _mm512_mask_cmpge_epu16_mask(columns.mask, counts, limits);
    StoreBits(_cvtmask32_u32(reached) ^ columns.flips, place, row_words_,
              bits_);
  }

 private:
  const int row_stride_;
  const int row_words_;
  const BgemmThresholds thresholds_;
  Word* const bits_;
};

class AddToStream {
 public:
  AddToStream(const Bgemm& gemm, int base, const ShortStream& parameters,
              const int16_t* residual, int16_t* stream, Word* bits)
      : outputs_(gemm.outputs),
        row_words_(WordsFor(gemm.outputs)),
        parameters_(parameters),
        base_(_mm512_set1_epi16(
            static_cast<int16_t>(base * (1 << parameters.shift)))),
        shift_(_mm_cvtsi32_si128(parameters.shift + 1)),
        residual_(residual),
        stream_(stream),
        bits_(bits) {}

  struct Columns {
    template <bool kWhole>
    BIFSMN_INLINE Columns(const AddToStream& epilogue,
                          const Place<kWhole>& place)
        : mask(place.mask()),
          parameters(epilogue.parameters_, place.first, mask) {}

    __mmask32 mask;
    ShortStreamAvx512 parameters;
  };

  template <bool kWhole>
  BIFSMN_INLINE void Take(const Columns& columns, const Place<kWhole>& place,
                          __m512i counts) const {
    const ptrdiff_t at =
        static_cast<ptrdiff_t>(place.pixel) * outputs_ + place.first;
    const __m512i shifted =
        _mm512_sub_epi16(base_, _mm512_sll_epi16(counts, shift_));
    __m512i y = columns.parameters.Value(shifted);
    if (residual_ != nullptr) {
      y = _mm512_adds_epi16(
          _mm512_maskz_loadu_epi16(columns.mask, residual_ + at), y);
    }
    if (kWhole) {
      _mm512_storeu_si512(stream_ + at, y);
    } else {
      _mm512_mask_storeu_epi16(stream_ + at, columns.mask, y);
    }
    if (bits_ != nullptr) {
      StoreBits(columns.parameters.Bits(y), place, row_words_, bits_);
    }
  }

 private:
  const int outputs_;
  const int row_words_;
  const ShortStream parameters_;
  const __m512i base_;
  const __m128i shift_;
  const int16_t* const residual_;
  int16_t* const stream_;
  Word* const bits_;
};

template <int kPixels, bool kWhole, typename Epilogue>
BIFSMN_INLINE void RunTile(const Bgemm& gemm, const Epilogue& epilogue,
                           const Patches& patches, const Word* packed,
                           Place<kWhole> place) {
  __m512i counts[kPixels];
  CountTile(patches, packed, gemm.words, counts);
  const typename Epilogue::Columns columns(epilogue, place);
  BIFSMN_UNROLL(8)
  for (int i = 0; i < kPixels; ++i, ++place.pixel) {
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
      RunTile<kPixels>(gemm, epilogue, *patches, packed,
                       Place<true>{pixel, o, 0});
      packed += tile_words;
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

template <typename Epilogue>
void Run(const Bgemm& gemm, const Epilogue& epilogue) {
  Patches patches;
  int pixel = 0;
  for (; pixel + 8 <= gemm.pixels; pixel += 8) {
    RunPixels<8>(gemm, epilogue, pixel, &patches);
  }
  for (; pixel + 2 <= gemm.pixels; pixel += 2) {
    RunPixels<2>(gemm, epilogue, pixel, &patches);
  }
  if (pixel < gemm.pixels) RunPixels<1>(gemm, epilogue, pixel, &patches);
}

void Pack(const Word* weights, int outputs, int words, Word* packed) {
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    for (int k = 0; k < words; ++k) {
      // Of a pair, the second word is replaced by both words' parity.
      const bool second = (k - words % 2) % 2 == 1;
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        Word word = 0;
        if (o < outputs) {
          const Word* at = weights + static_cast<ptrdiff_t>(o) * words + k;
          word = second ? at[-1] ^ at[0] : at[0];
        }
        *packed++ = word;
      }
    }
  }
}

void Count(const Bgemm& gemm, uint16_t* disagreements) {
  Run(gemm, StoreCounts(gemm, disagreements));
}

void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
               Word* bits) {
  Run(gemm, StoreThresholdBits(gemm, thresholds, bits));
}

void Stream(const Bgemm& gemm, int base, const ShortStream& parameters,
            const int16_t* residual, int16_t* stream, Word* bits) {
  Run(gemm, AddToStream(gemm, base, parameters, residual, stream, bits));
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const BgemmKernel kBgemmAvx512Bitalg8x32U16 = {
    "bgemm_avx512bitalg_8x32_u16",
    kTileOutputs,
    kMaxWords,
    1,
    [] {
      return __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512bitalg");
    },
    Pack,
    Count,
    Threshold,
    Stream,
};

}  // namespace bifsmn

#endif  // __x86_64__
