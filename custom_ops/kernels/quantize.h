// Floats to 8-bit integers.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_QUANTIZE_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_QUANTIZE_H_

#include <cstddef>
#include <cstdint>

namespace bifsmn {

// clamp(round_half_even(value), least, most) of integers below 2^22; a NaN
// becomes 0.
inline float RoundAndClamp(float value, float least, float most) {
  // Adding 1.5 * 2^23 leaves no bit below the units: the addition itself rounds
  // half to even, on every processor and without a call.
  constexpr float kUnits = 12582912.0f;
  value = value == value ? value : 0.0f;
  value = value < most ? value : most;
  value = value > least ? value : least;
  return (value + kUnits) - kUnits;
}

// quantized = clamp(round_half_even(values * inverse_scale), -128, 127); a NaN
// becomes 0.
void Quantize(const float* values, size_t count, float inverse_scale,
              int8_t* quantized);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_QUANTIZE_H_
