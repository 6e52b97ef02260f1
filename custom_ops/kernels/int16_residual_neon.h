// The 16-bit residual of eight channels.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_INT16_RESIDUAL_NEON_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_INT16_RESIDUAL_NEON_H_

#include <arm_neon.h>

#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/neon.h"

namespace bifsmn {

// The parameters of the channels [first, first + 8).
class Int16ResidualLanes {
 public:
  BIFSMN_INLINE Int16ResidualLanes(const Int16Residual& parameters, int first)
      : scale_(vld1q_s16(parameters.scale + first)),
        offset_(vld1q_s16(parameters.offset + first)),
        slope_(vld1q_s16(parameters.slope + first)),
        threshold_(vld1q_s16(parameters.threshold + first)) {}

  // v of scaled dots: of dot << shift.
  BIFSMN_INLINE int16x8_t Branch(int16x8_t scaled) const {
    const int16x8_t u = vqaddq_s16(vqrdmulhq_s16(scaled, scale_), offset_);
    const int16x8_t below = vminq_s16(u, vdupq_n_s16(0));
    return vqaddq_s16(u, vqrdmulhq_s16(below, slope_));
  }

  // All bits set where y < threshold.
  BIFSMN_INLINE uint16x8_t Signs(int16x8_t y) const {
    return vcltq_s16(y, threshold_);
  }

 private:
  int16x8_t scale_;
  int16x8_t offset_;
  int16x8_t slope_;
  int16x8_t threshold_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_INT16_RESIDUAL_NEON_H_
