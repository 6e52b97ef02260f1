// Channels side by side, in registers that every processor of an architecture
// has (NEON, SSE2): for what becomes of dots that are in memory already, as
// those of two bits are. Elsewhere one channel after the other.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BASE_LANES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BASE_LANES_H_

#include <algorithm>
#include <cstdint>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/quantize.h"
#if defined(__aarch64__)
#include "custom_ops/kernels/int16_residual_neon.h"
#include "custom_ops/kernels/neon.h"
#endif

namespace bifsmn {

constexpr int kBaseLanes = 8;

#if defined(__aarch64__)

inline Word PackMask(uint8x16_t mask) {
  uint8x16_t bits =
      vandq_u8(mask, vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201)));
  for (int i = 0; i < 3; ++i) bits = vpaddq_u8(bits, bits);
  return vgetq_lane_u16(vreinterpretq_u16_u8(bits), 0);
}

// Bytes of 255 where values < thresholds, of sixteen channels; of floats where
// not values >= thresholds.
inline uint8x16_t MaskBelow(const int16_t* values, const int16_t* thresholds) {
  const uint16x8_t low = vcltq_s16(vld1q_s16(values), vld1q_s16(thresholds));
  const uint16x8_t high =
      vcltq_s16(vld1q_s16(values + 8), vld1q_s16(thresholds + 8));
  return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
}

inline uint8x16_t MaskBelow(const float* values, const float* thresholds) {
  const auto half = [=](int first) {
    const uint32x4_t low =
        vcgeq_f32(vld1q_f32(values + first), vld1q_f32(thresholds + first));
    const uint32x4_t high = vcgeq_f32(vld1q_f32(values + first + 4),
                                      vld1q_f32(thresholds + first + 4));
    return vreinterpretq_u8_u16(
        vuzp1q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
  };
  return vmvnq_u8(vuzp1q_u8(half(0), half(8)));
}

// The bits of these masks, of eight words of channels.
template <typename T>
inline void WordsBelow(const T* values, const T* thresholds, Word* words) {
  uint8x16_t masks[kRowOfWords];
  for (int i = 0; i < kRowOfWords; ++i) {
    masks[i] = MaskBelow(values + i * kWordBits, thresholds + i * kWordBits);
  }
  vst1q_u16(words, PackMasks(masks));
}

template <typename T>
inline Word WordBelow(const T* values, const T* thresholds) {
  return PackMask(MaskBelow(values, thresholds));
}

// The same where counts >= limits.
inline uint8x16_t MaskAtLeast(const uint16_t* counts, const uint16_t* limits) {
  const uint16x8_t low = vcgeq_u16(vld1q_u16(counts), vld1q_u16(limits));
  const uint16x8_t high =
      vcgeq_u16(vld1q_u16(counts + 8), vld1q_u16(limits + 8));
  return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
}

inline void WordsAtLeast(const uint16_t* counts, const uint16_t* limits,
                         Word* words) {
  uint8x16_t masks[kRowOfWords];
  for (int i = 0; i < kRowOfWords; ++i) {
    masks[i] = MaskAtLeast(counts + i * kWordBits, limits + i * kWordBits);
  }
  vst1q_u16(words, PackMasks(masks));
}

inline Word WordAtLeast(const uint16_t* counts, const uint16_t* limits) {
  return PackMask(MaskAtLeast(counts, limits));
}

// The planes of eight pixels of a word each.
inline void WriteEightPlanes(const Word* below, Word* planes) {
  const uint16x8x3_t tests = vld3q_u16(below);
  vst2q_u16(planes, CountBelowEight(tests.val[0], tests.val[1], tests.val[2]));
}

// The residual of eight channels from number `first` on.
inline void AddEight(const int16_t* dots, const Int16Residual& parameters,
                     int first, const int16_t* residual, int16_t* result) {
  const Int16ResidualLanes lanes(parameters, first);
  const int16x8_t shift = vdupq_n_s16(static_cast<int16_t>(parameters.shift));
  int16x8_t y = lanes.Branch(vshlq_s16(vld1q_s16(dots), shift));
  if (residual != nullptr) y = vqaddq_s16(vld1q_s16(residual), y);
  vst1q_s16(result, y);
}

// What AddRounded of epilogue.h does, of eight values.
inline void AddEightRounded(const float* values, float inverse_scale,
                            const int16_t* residual, int16_t* result) {
  // Round half to even; what is not a number becomes 0.
  const auto four = [=](int first) {
    return vqmovn_s32(
        vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(values + first), inverse_scale)));
  };
  int16x8_t y = vcombine_s16(four(0), four(4));
  if (residual != nullptr) y = vqaddq_s16(vld1q_s16(residual), y);
  vst1q_s16(result, y);
}

#elif defined(__SSE2__)

inline __m128i LoadEight(const void* values) {
  return _mm_loadu_si128(static_cast<const __m128i*>(values));
}

inline Word PackSixteen(__m128i low, __m128i high) {
  return static_cast<Word>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
}

inline Word WordBelow(const int16_t* values, const int16_t* thresholds) {
  return PackSixteen(
      _mm_cmplt_epi16(LoadEight(values), LoadEight(thresholds)),
      _mm_cmplt_epi16(LoadEight(values + 8), LoadEight(thresholds + 8)));
}

inline Word WordBelow(const float* values, const float* thresholds) {
  const auto half = [=](int first) {
    const auto four = [=](int i) {
      return _mm_castps_si128(_mm_cmpnge_ps(_mm_loadu_ps(values + i),
                                            _mm_loadu_ps(thresholds + i)));
    };
    return _mm_packs_epi32(four(first), four(first + 4));
  };
  return PackSixteen(half(0), half(8));
}

inline Word WordAtLeast(const uint16_t* counts, const uint16_t* limits) {
  const auto at_least = [=](int first) {
    return _mm_cmpeq_epi16(
        _mm_subs_epu16(LoadEight(limits + first), LoadEight(counts + first)),
        _mm_setzero_si128());
  };
  return PackSixteen(at_least(0), at_least(8));
}

// (a * b + 2^14) >> 15, which has an instruction of its own from SSSE3 on.
inline __m128i MultiplyHighEight(__m128i a, __m128i b) {
  const __m128i high = _mm_mulhi_epi16(a, b);
  const __m128i low = _mm_srli_epi16(_mm_mullo_epi16(a, b), 14);
  const __m128i carry =
      _mm_srli_epi16(_mm_add_epi16(low, _mm_set1_epi16(1)), 1);
  return _mm_add_epi16(_mm_add_epi16(high, high), carry);
}

inline void AddEight(const int16_t* dots, const Int16Residual& parameters,
                     int first, const int16_t* residual, int16_t* result) {
  const __m128i shifted =
      _mm_sll_epi16(LoadEight(dots), _mm_cvtsi32_si128(parameters.shift));
  const __m128i u = _mm_adds_epi16(
      MultiplyHighEight(shifted, LoadEight(parameters.scale + first)),
      LoadEight(parameters.offset + first));
  const __m128i below = _mm_min_epi16(u, _mm_setzero_si128());
  __m128i y = _mm_adds_epi16(
      u, MultiplyHighEight(below, LoadEight(parameters.slope + first)));
  if (residual != nullptr) y = _mm_adds_epi16(LoadEight(residual), y);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(result), y);
}

#else

template <typename T>
inline Word WordBelow(const T* values, const T* thresholds) {
  unsigned word = 0;
  for (int i = 0; i < kWordBits; ++i) {
    word |= unsigned{!(values[i] >= thresholds[i])} << i;
  }
  return static_cast<Word>(word);
}

inline Word WordAtLeast(const uint16_t* counts, const uint16_t* limits) {
  unsigned word = 0;
  for (int i = 0; i < kWordBits; ++i) {
    word |= unsigned{counts[i] >= limits[i]} << i;
  }
  return static_cast<Word>(word);
}

inline void AddEight(const int16_t* dots, const Int16Residual& parameters,
                     int first, const int16_t* residual, int16_t* result) {
  for (int i = 0; i < 8; ++i) {
    result[i] = Int16ResidualValue(parameters, first + i, dots[i],
                                   residual == nullptr ? 0 : residual[i]);
  }
}

#endif

#if !defined(__aarch64__)

inline void WriteEightPlanes(const Word* below, Word* planes) {
  for (int i = 0; i < kBaseLanes; ++i) {
    CountBelow(below + kLevelThresholds * i, planes + 2 * i,
               planes + 2 * i + 1);
  }
}

inline void WordsAtLeast(const uint16_t* counts, const uint16_t* limits,
                         Word* words) {
  for (int i = 0; i < kRowOfWords; ++i) {
    words[i] = WordAtLeast(counts + i * kWordBits, limits + i * kWordBits);
  }
}

template <typename T>
inline void WordsBelow(const T* values, const T* thresholds, Word* words) {
  for (int i = 0; i < kRowOfWords; ++i) {
    words[i] = WordBelow(values + i * kWordBits, thresholds + i * kWordBits);
  }
}

inline void AddEightRounded(const float* values, float inverse_scale,
                            const int16_t* residual, int16_t* result) {
  for (int i = 0; i < kBaseLanes; ++i) {
    const int rounded = static_cast<int>(
        RoundAndClamp(values[i] * inverse_scale, -32768.0f, 32767.0f));
    const int sum = rounded + (residual == nullptr ? 0 : residual[i]);
    result[i] = static_cast<int16_t>(std::clamp(sum, -32768, 32767));
  }
}

#endif

// The bits of values < thresholds, of floats of not values >= thresholds.
template <typename T>
inline void BitsBelow(const T* values, const T* thresholds, int channels,
                      Word* bits) {
  constexpr int kRow = kRowOfWords * kWordBits;
  for (; channels >= kRow; channels -= kRow) {
    WordsBelow(values, thresholds, bits);
    values += kRow;
    thresholds += kRow;
    bits += kRowOfWords;
  }
  for (; channels >= kWordBits; channels -= kWordBits) {
    *bits++ = WordBelow(values, thresholds);
    values += kWordBits;
    thresholds += kWordBits;
  }
  if (channels == 0) return;
  unsigned word = 0;
  for (int i = 0; i < channels; ++i) {
    word |= unsigned{!(values[i] >= thresholds[i])} << i;
  }
  *bits = static_cast<Word>(word);
}

// The 16-bit residual of all channels; `residual` may be null.
inline void AddDotsToResidual(const int16_t* dots,
                              const Int16Residual& parameters, int channels,
                              const int16_t* residual, int16_t* result) {
  int c = 0;
  for (; c + kBaseLanes <= channels; c += kBaseLanes) {
    AddEight(dots + c, parameters, c,
             residual == nullptr ? nullptr : residual + c, result + c);
  }
  for (; c < channels; ++c) {
    result[c] = Int16ResidualValue(parameters, c, dots[c],
                                   residual == nullptr ? 0 : residual[c]);
  }
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BASE_LANES_H_
