// The 16-bit residual stream, 32 channels at a time.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_SHORT_STREAM_AVX512_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_SHORT_STREAM_AVX512_H_

#ifdef __x86_64__

#include <cstdint>

#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/short_stream.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512bw")

namespace bifsmn {

// The parameters of the channels [first, first + 32) that `mask` has, in
// registers.
class ShortStreamAvx512 {
 public:
  ShortStreamAvx512(const ShortStream& parameters, int first, __mmask32 mask)
      : scale_(_mm512_maskz_loadu_epi16(mask, parameters.scale + first)),
        offset_(_mm512_maskz_loadu_epi16(mask, parameters.offset + first)),
        slope_(_mm512_maskz_loadu_epi16(mask, parameters.slope + first)),
        threshold_(
            _mm512_maskz_loadu_epi16(mask, parameters.threshold + first)),
        mask_(mask) {}

  // v of dot << shift.
  __m512i Value(__m512i shifted) const {
    const __m512i u =
        _mm512_adds_epi16(_mm512_mulhrs_epi16(shifted, scale_), offset_);
    const __m512i below = _mm512_min_epi16(u, _mm512_setzero_si512());
    return _mm512_adds_epi16(u, _mm512_mulhrs_epi16(below, slope_));
  }

  // The bits of y.
  uint32_t Bits(__m512i y) const {
    return _cvtmask32_u32(_mm512_mask_cmplt_epi16_mask(mask_, y, threshold_));
  }

 private:
  __m512i scale_;
  __m512i offset_;
  __m512i slope_;
  __m512i threshold_;
  __mmask32 mask_;
};

}  // namespace bifsmn

BIFSMN_TARGET_END

#endif  // __x86_64__

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_SHORT_STREAM_AVX512_H_
