#include "custom_ops/kernels/log_mel_decibel.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace bifsmn {
namespace {

constexpr int32_t kRootOfHalf = 0x3f3504f3;
constexpr int32_t kLargest = 0x7f7fffff;
constexpr int32_t kInfinity = 0x7f800000;

inline int32_t BitsOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// 10 log10 of a normal number given by its bits, by
//
//   ln m = 2 artanh s = 2 (s + s^3 / 3 + s^5 / 5 + ...),  s = (m - 1) / (m + 1)
//
// for a mantissa m in [sqrt(1/2), sqrt(2)): |s| < 0.172, and the first term
// left out is below 2e-7 dB.
inline float Decibel(int32_t bits) {
  const int32_t exponent = (bits - kRootOfHalf) >> 23;
  bits -= exponent * (1 << 23);
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
  const float mean = parameters.mean;
  const float inverse_std = parameters.inverse_std;
  const int32_t floor = BitsOf(parameters.floor);
  for (int i = 0; i < count; ++i) {
    // Bits of floats compare as the floats do, but compilers only vectorize the
    // comparison of integers.
    int32_t bits = BitsOf(power[i]);
    bits = bits > kInfinity ? 0 : bits;
    bits = std::min(std::max(bits, floor), kLargest);
    features[i] = (Decibel(bits) - mean) * inverse_std;
  }
}

}  // namespace bifsmn
