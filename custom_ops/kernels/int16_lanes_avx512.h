// Thirty-two 16-bit integers in 512 bits.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_INT16_LANES_AVX512_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_INT16_LANES_AVX512_H_

#include <cstring>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

struct Avx512Int16 {
  using V = __m512i;
  // One for each lane.
  using Bits = uint32_t;
  static constexpr int kLanes = 32;
  static constexpr bool kMasked = true;

  // The channels [first, first + kLanes) of a row: all of them, or the first
  // `left`.
  template <bool kWhole>
  struct Place {
    int row;
    int first;
    int left = kLanes;

    BIFSMN_INLINE bool two_words() const { return kWhole || left > kWordBits; }
    BIFSMN_INLINE __mmask32 mask() const {
      return kWhole ? 0xffffffff : 0xffffffff >> (kLanes - left);
    }
    BIFSMN_INLINE __mmask32 word_mask() const {
      return two_words() ? 0xffffffff : 0xffff;
    }
  };

  static BIFSMN_INLINE V Set(int value) {
    return _mm512_set1_epi16(static_cast<int16_t>(value));
  }
  template <bool kWhole>
  static BIFSMN_INLINE V Load(const void* from, const Place<kWhole>& place) {
    return kWhole ? _mm512_loadu_si512(from)
                  : _mm512_maskz_loadu_epi16(place.mask(), from);
  }
  template <bool kWhole>
  static BIFSMN_INLINE void Store(V lanes, const Place<kWhole>& place,
                                  void* to) {
    if (kWhole) {
      _mm512_storeu_si512(to, lanes);
    } else {
      _mm512_mask_storeu_epi16(to, place.mask(), lanes);
    }
  }
  // The same for rows that are whole words long.
  template <bool kWhole>
  static BIFSMN_INLINE V LoadWords(const void* from,
                                   const Place<kWhole>& place) {
    return kWhole ? _mm512_loadu_si512(from)
                  : _mm512_maskz_loadu_epi16(place.word_mask(), from);
  }
  template <bool kWhole>
  static BIFSMN_INLINE void StoreWords(V lanes, const Place<kWhole>& place,
                                       void* to) {
    if (place.two_words()) {
      _mm512_storeu_si512(to, lanes);
    } else {
      _mm256_storeu_si256(static_cast<__m256i*>(to),
                          _mm512_castsi512_si256(lanes));
    }
  }

  template <bool kWhole>
  static BIFSMN_INLINE Bits LoadBits(const Word* from,
                                     const Place<kWhole>& place) {
    return place.two_words() ? from[0] | Bits{from[1]} << kWordBits : from[0];
  }
  template <bool kWhole>
  static BIFSMN_INLINE void StoreBits(Bits bits, const Place<kWhole>& place,
                                      Word* to) {
    if (place.two_words()) {
      std::memcpy(to, &bits, sizeof(bits));
    } else {
      *to = static_cast<Word>(bits);
    }
  }

  static BIFSMN_INLINE V Subtract(V a, V b) { return _mm512_sub_epi16(a, b); }
  static BIFSMN_INLINE V AddSaturated(V a, V b) {
    return _mm512_adds_epi16(a, b);
  }
  // (a * b + 2^14) >> 15
  static BIFSMN_INLINE V MultiplyHigh(V a, V b) {
    return _mm512_mulhrs_epi16(a, b);
  }
  static BIFSMN_INLINE V Min(V a, V b) { return _mm512_min_epi16(a, b); }
  static BIFSMN_INLINE V ShiftLeft(V a, int count) {
    return _mm512_sll_epi16(a, _mm_cvtsi32_si128(count));
  }
  // a < b
  template <bool kWhole>
  static BIFSMN_INLINE Bits Below(V a, V b, const Place<kWhole>& place) {
    return _cvtmask32_u32(
        kWhole ? _mm512_cmplt_epi16_mask(a, b)
               : _mm512_mask_cmplt_epi16_mask(place.mask(), a, b));
  }
  // a >= b, both without signs.
  template <bool kWhole>
  static BIFSMN_INLINE Bits Reached(V a, V b, const Place<kWhole>& place) {
    return _cvtmask32_u32(
        kWhole ? _mm512_cmpge_epu16_mask(a, b)
               : _mm512_mask_cmpge_epu16_mask(place.word_mask(), a, b));
  }

  // Spreads bits over lanes.
  struct Spread {
    // a - b where the bit is set, and a elsewhere.
    BIFSMN_INLINE V SubtractWhere(Bits bits, V a, V b) const {
      return _mm512_mask_sub_epi16(a, _cvtu32_mask32(bits), a, b);
    }
  };

  // The first `left` of eight words, and zeros.
  static BIFSMN_INLINE __m128i LoadEightWords(const Word* words,
                                              ptrdiff_t left) {
    return _mm_maskz_loadu_epi16(
        static_cast<__mmask8>(left >= 8 ? 0xff : (1 << left) - 1), words);
  }
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_INT16_LANES_AVX512_H_
