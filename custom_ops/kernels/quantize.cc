#include "custom_ops/kernels/quantize.h"

namespace bifsmn {

void Quantize(const float* values, size_t count, float inverse_scale,
              int8_t* quantized) {
  // Adding 1.5 * 2^23 leaves no bit below the units: the addition itself rounds
  // half to even, on every processor and without a call.
  constexpr float kUnits = 12582912.0f;
  for (size_t i = 0; i < count; ++i) {
    float scaled = values[i] * inverse_scale;
    scaled = scaled == scaled ? scaled : 0.0f;
    scaled = scaled < 127.0f ? scaled : 127.0f;
    scaled = scaled > -128.0f ? scaled : -128.0f;
    quantized[i] = static_cast<int8_t>((scaled + kUnits) - kUnits);
  }
}

}  // namespace bifsmn
