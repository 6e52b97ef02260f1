// What becomes of a pixel's sums: bits, or floats and their bits.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_EPILOGUE_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_EPILOGUE_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/int16_residual.h"

namespace bifsmn {

// The smallest number of disagreements with which a sum lies below `threshold`:
// base - 2 * disagreements < threshold.
uint16_t DisagreementLimit(int base, int threshold);

// bits = (disagreements >= limits) XOR flips. `flips` has no unused bit set.
void ThresholdDisagreements(const uint16_t* disagreements,
                            const uint16_t* limits, const Word* flips,
                            int outputs, Word* bits);

// bits = sums < thresholds.
void ThresholdSums(const int32_t* sums, const int32_t* thresholds, int outputs,
                   Word* bits);

// Writes planes[pixels][2][words] of below[pixels][3][words], and returns what
// is behind them.
Word* WritePlanes(const Word* below, int pixels, int words, Word* planes);

// dots = bases - 2 * disagreements.
void DotsOfDisagreements(const uint16_t* disagreements, const int16_t* bases,
                         int outputs, int16_t* dots);

// BatchNorm and scaling factors as one affine map a channel, then a PReLU.
struct AffinePrelu {
  const float* scale;
  const float* offset;
  const float* slope;
};

// u = dots * scale + offset, v = u >= 0 ? u : u * slope, result = residual + v
// (v where `residual` is null), each operation rounded to float on its own.
void AddAffinePrelu(const int16_t* dots, const AffinePrelu& map,
                    const float* residual, int channels, float* result);

void AddAffinePrelu(const int32_t* dots, const AffinePrelu& map,
                    const float* residual, int channels, float* result);

// result = saturate(residual + saturate(round_half_even(values *
// inverse_scale))), without a residual where that is null; a NaN counts as 0.
void AddRounded(const float* values, float inverse_scale,
                const int16_t* residual, ptrdiff_t count, int16_t* result);

// The 16-bit residual, of the channels [first, first + count) of `parameters`:
// dots, residual (null for none) and result begin with channel `first`; so does
// the word at `bits` (null for none).
void AddToInt16Residual(const int16_t* dots, const Int16Residual& parameters,
                        int first, int count, const int16_t* residual,
                        int16_t* result, Word* bits);

// bits = !(values >= threshold), so that a NaN is -1.
void SignBits(const float* values, const float* threshold, int channels,
              Word* bits);

// bits = values < threshold.
void SignBits(const int16_t* values, const int16_t* threshold, int channels,
              Word* bits);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_EPILOGUE_H_
