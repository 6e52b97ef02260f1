// Floats to 8-bit integers.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_QUANTIZE_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_QUANTIZE_H_

#include <cstddef>
#include <cstdint>

namespace bifsmn {

// quantized = clamp(round_half_even(values * inverse_scale), -128, 127); a NaN
// becomes 0.
void Quantize(const float* values, size_t count, float inverse_scale,
              int8_t* quantized);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_QUANTIZE_H_
