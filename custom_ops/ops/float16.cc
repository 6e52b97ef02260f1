#include "custom_ops/ops/float16.h"

#include <cmath>
#include <limits>

namespace bifsmn {

float FromFloat16(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  float magnitude;
  if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else if (exponent == 31) {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

std::vector<float> FromFloat16(const std::vector<uint16_t>& values) {
  std::vector<float> floats;
  floats.reserve(values.size());
  for (const uint16_t value : values) floats.push_back(FromFloat16(value));
  return floats;
}

}  // namespace bifsmn
