// From the power in mel bands to features, as a template over a type of
// vectors. All give the same bits.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_DECIBEL_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_DECIBEL_H_

#include <algorithm>
#include <cstdint>

#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

// 10 log10 of normal numbers given by their bits, by
//
//   ln m = 2 artanh s = 2 (s + s^3 / 3 + s^5 / 5 + ...),  s = (m - 1) / (m + 1)
//
// for a mantissa m in [sqrt(1/2), sqrt(2)): |s| < 0.172, and the first term
// left out is below 2e-7 dB.
template <typename Vectors>
BIFSMN_INLINE typename Vectors::Floats Decibel(typename Vectors::Ints bits) {
  using Floats = typename Vectors::Floats;
  using Ints = typename Vectors::Ints;
  constexpr int32_t kRootOfHalf = 0x3f3504f3;
  const Ints exponent = (bits - kRootOfHalf) >> 23;
  const Floats m = reinterpret_cast<Floats>(bits - exponent * (1 << 23));
  const Floats s = (m - 1.0f) / (m + 1.0f);
  const Floats square = s * s;
  const Floats series =
      1.0f + square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7)));
  return Vectors::ToFloats(exponent) * 3.0102999566f +
         s * series * 8.6858896381f;
}

// See NormalizedDecibel.
template <typename Vectors>
void DecibelOf(const float* power, int count,
               const DecibelParameters& parameters, float* features) {
  using Floats = typename Vectors::Floats;
  using Ints = typename Vectors::Ints;
  constexpr int32_t kLargest = 0x7f7fffff;
  constexpr int32_t kInfinity = 0x7f800000;
  // So many vectors side by side: the logarithm of one is a chain of dependent
  // operations, in which a processor that works in order would wait.
  constexpr int kVectors = Vectors::kCount;
  constexpr int kValues = kVectors * sizeof(Floats) / sizeof(float);
  const Ints none = {};
  const Ints floor = reinterpret_cast<Ints>(Floats{} + parameters.floor);
  const Ints largest = none + kLargest;
  const auto convert = [&](const float* from, float* to) {
    Ints bits[kVectors];
    Vectors::Load(from, bits);
    Floats decibel[kVectors];
    BIFSMN_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      // Bits of floats compare as the floats do.
      Ints clamped = bits[v] > kInfinity ? none : bits[v];
      clamped = clamped < floor ? floor : clamped;
      clamped = clamped > kLargest ? largest : clamped;
      decibel[v] = (Decibel<Vectors>(clamped) - parameters.mean) *
                   parameters.inverse_std;
    }
    Vectors::Store(decibel, to);
  };
  int i = 0;
  for (; i + kValues <= count; i += kValues) convert(power + i, features + i);
  if (i < count) {
    float from[kValues] = {}, to[kValues];
    std::copy(power + i, power + count, from);
    convert(from, to);
    std::copy_n(to, count - i, features + i);
  }
}

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_DECIBEL_H_
