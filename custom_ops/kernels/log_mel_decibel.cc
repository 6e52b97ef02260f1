#include "custom_ops/kernels/log_mel_decibel.h"

#include <cstdint>
#include <cstring>
#include <limits>

namespace bifsmn {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

// 10 log10 of a normal number, by
//
//   ln m = 2 artanh s = 2 (s + s^3 / 3 + s^5 / 5 + ...),  s = (m - 1) / (m + 1)
//
// for a mantissa m in [sqrt(1/2), sqrt(2)): |s| < 0.172, and the first term
// left out is below 1e-7 dB.
inline float Decibel(float power) {
  constexpr uint32_t kRootOfHalf = 0x3f3504f3;
  uint32_t bits;
  std::memcpy(&bits, &power, sizeof(bits));
  const int32_t exponent = static_cast<int32_t>(bits - kRootOfHalf) >> 23;
  bits -= static_cast<uint32_t>(exponent) << 23;
  float m;
  std::memcpy(&m, &bits, sizeof(m));
  const float s = (m - 1.0f) / (m + 1.0f);
  const float square = s * s;
  const float series =
      1.0f + square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7)));
  return static_cast<float>(exponent) * 3.0102999566f +
         s * series * 8.6858896381f;
}

}  // namespace

void NormalizedDecibel(const float* power, int count,
                       const DecibelParameters& parameters, float* features) {
  const DecibelParameters p = parameters;
  for (int i = 0; i < count; ++i) {
    float value = power[i] > p.floor ? power[i] : p.floor;
    value = value < kLargest ? value : kLargest;
    features[i] = (Decibel(value) - p.mean) * p.inverse_std;
  }
}

}  // namespace bifsmn
