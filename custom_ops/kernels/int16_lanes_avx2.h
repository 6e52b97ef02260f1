// Sixteen 16-bit integers in 256 bits.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_INT16_LANES_AVX2_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_INT16_LANES_AVX2_H_

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

struct Avx2Int16 {
  using V = __m256i;
  // One for each lane.
  using Bits = Word;
  static constexpr int kLanes = 16;
  static constexpr bool kMasked = false;

  // The channels [first, first + kLanes) of a row. There is a word of them,
  // whole or filled up.
  template <bool kWhole>
  struct Place {
    static_assert(kWhole);

    int row;
    int first;
  };
  using Whole = Place<true>;

  static BIFSMN_INLINE V Set(int value) {
    return _mm256_set1_epi16(static_cast<int16_t>(value));
  }
  static BIFSMN_INLINE V Load(const void* from, const Whole&) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  static BIFSMN_INLINE void Store(V lanes, const Whole&, void* to) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), lanes);
  }
  // The same for rows that are whole words long.
  static BIFSMN_INLINE V LoadWords(const void* from, const Whole& place) {
    return Load(from, place);
  }
  static BIFSMN_INLINE void StoreWords(V lanes, const Whole& place, void* to) {
    Store(lanes, place, to);
  }

  static BIFSMN_INLINE Bits LoadBits(const Word* from, const Whole&) {
    return *from;
  }
  static BIFSMN_INLINE void StoreBits(Bits bits, const Whole&, Word* to) {
    *to = bits;
  }

  static BIFSMN_INLINE V Subtract(V a, V b) { return _mm256_sub_epi16(a, b); }
  static BIFSMN_INLINE V AddSaturated(V a, V b) {
    return _mm256_adds_epi16(a, b);
  }
  // (a * b + 2^14) >> 15
  static BIFSMN_INLINE V MultiplyHigh(V a, V b) {
    return _mm256_mulhrs_epi16(a, b);
  }
  static BIFSMN_INLINE V Min(V a, V b) { return _mm256_min_epi16(a, b); }
  static BIFSMN_INLINE V ShiftLeft(V a, int count) {
    return _mm256_sll_epi16(a, _mm_cvtsi32_si128(count));
  }
  // a < b
  static BIFSMN_INLINE Bits Below(V a, V b, const Whole&) {
    return SignsOf(_mm256_cmpgt_epi16(b, a));
  }
  // a >= b, both without signs.
  static BIFSMN_INLINE Bits Reached(V a, V b, const Whole&) {
    return SignsOf(_mm256_cmpeq_epi16(_mm256_max_epu16(a, b), a));
  }

  // Spreads bits over lanes.
  class Spread {
   public:
    BIFSMN_INLINE Spread()
        : places_(_mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024,
                                    2048, 4096, 8192, 16384, -32768)) {
      // Else gcc 12 loads it at every use.
      asm("" : "+x"(places_));
    }

    // a - b where the bit is set, and a elsewhere.
    BIFSMN_INLINE V SubtractWhere(Bits bits, V a, V b) const {
      const V set =
          _mm256_cmpeq_epi16(_mm256_and_si256(Set(bits), places_), places_);
      return _mm256_sub_epi16(a, _mm256_and_si256(set, b));
    }

   private:
    V places_;
  };

  // The first `left` of eight words, and zeros.
  static BIFSMN_INLINE __m128i LoadEightWords(const Word* words,
                                              ptrdiff_t left) {
    if (left >= 8) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
    }
    alignas(16) Word padded[8] = {};
    for (ptrdiff_t i = 0; i < left; ++i) padded[i] = words[i];
    return _mm_load_si128(reinterpret_cast<const __m128i*>(padded));
  }

 private:
  static BIFSMN_INLINE Bits SignsOf(V lanes) {
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(lanes),
                                          _mm256_extracti128_si256(lanes, 1));
    return static_cast<Bits>(_mm_movemask_epi8(bytes));
  }
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_INT16_LANES_AVX2_H_
