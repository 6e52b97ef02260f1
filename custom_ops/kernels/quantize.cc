#include "custom_ops/kernels/quantize.h"

namespace bifsmn {

void Quantize(const float* values, size_t count, float inverse_scale,
              int8_t* quantized) {
  for (size_t i = 0; i < count; ++i) {
    quantized[i] = static_cast<int8_t>(
        RoundAndClamp(values[i] * inverse_scale, -128.0f, 127.0f));
  }
}

}  // namespace bifsmn
