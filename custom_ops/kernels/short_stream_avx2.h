// The 16-bit residual stream, 16 channels at a time.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_SHORT_STREAM_AVX2_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_SHORT_STREAM_AVX2_H_

#ifdef __x86_64__

#include <immintrin.h>

#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/short_stream.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {

BIFSMN_INLINE __m256i LoadLanes(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

BIFSMN_INLINE void StoreLanes(void* to, __m256i lanes) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), lanes);
}

// The signs of 16 lanes.
BIFSMN_INLINE Word LaneBits(__m256i lanes) {
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(lanes),
                                        _mm256_extracti128_si256(lanes, 1));
  return static_cast<Word>(_mm_movemask_epi8(bytes));
}

// The parameters of the channels [first, first + 16), in registers.
class ShortStreamAvx2 {
 public:
  ShortStreamAvx2(const ShortStream& parameters, int first)
      : scale_(LoadLanes(parameters.scale + first)),
        offset_(LoadLanes(parameters.offset + first)),
        slope_(LoadLanes(parameters.slope + first)),
        threshold_(LoadLanes(parameters.threshold + first)) {}

  // v of dot << shift.
  BIFSMN_INLINE __m256i Value(__m256i shifted) const {
    const __m256i u =
        _mm256_adds_epi16(_mm256_mulhrs_epi16(shifted, scale_), offset_);
    const __m256i below = _mm256_min_epi16(u, _mm256_setzero_si256());
    return _mm256_adds_epi16(u, _mm256_mulhrs_epi16(below, slope_));
  }

  // The bits of y.
  BIFSMN_INLINE Word Bits(__m256i y) const {
    return LaneBits(_mm256_cmpgt_epi16(threshold_, y));
  }

 private:
  __m256i scale_;
  __m256i offset_;
  __m256i slope_;
  __m256i threshold_;
};

}  // namespace bifsmn

BIFSMN_TARGET_END

#endif  // __x86_64__

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_SHORT_STREAM_AVX2_H_
