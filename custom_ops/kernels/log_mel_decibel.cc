#include "custom_ops/kernels/log_mel_decibel.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int32_t kRootOfHalf = 0x3f3504f3;
constexpr int32_t kLargest = 0x7f7fffff;
constexpr int32_t kInfinity = 0x7f800000;

typedef float Floats __attribute__((vector_size(16)));
typedef int32_t Ints __attribute__((vector_size(16)));

// So many vectors side by side: the logarithm of one is a chain of dependent
// operations, in which a processor that works in order would wait.
constexpr int kVectors = 4;
constexpr int kValues = kVectors * 4;

// 10 log10 of normal numbers given by their bits, by
//
//   ln m = 2 artanh s = 2 (s + s^3 / 3 + s^5 / 5 + ...),  s = (m - 1) / (m + 1)
//
// for a mantissa m in [sqrt(1/2), sqrt(2)): |s| < 0.172, and the first term
// left out is below 2e-7 dB.
BIFSMN_INLINE Floats Decibel(Ints bits) {
  const Ints exponent = (bits - kRootOfHalf) >> 23;
  const Floats m = reinterpret_cast<Floats>(bits - exponent * (1 << 23));
  const Floats s = (m - 1.0f) / (m + 1.0f);
  const Floats square = s * s;
  const Floats series =
      1.0f + square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7)));
  return __builtin_convertvector(exponent, Floats) * 3.0102999566f +
         s * series * 8.6858896381f;
}

}  // namespace

void NormalizedDecibel(const float* power, int count,
                       const DecibelParameters& parameters, float* features) {
  const Ints none = {};
  const Ints floor = reinterpret_cast<Ints>(Floats{} + parameters.floor);
  const Ints largest = none + kLargest;
  const auto convert = [&](const float* from, float* to) {
    Ints bits[kVectors];
    std::memcpy(bits, from, sizeof(bits));
    Floats decibel[kVectors];
    BIFSMN_UNROLL(kVectors)
    for (int v = 0; v < kVectors; ++v) {
      // Bits of floats compare as the floats do.
      Ints clamped = bits[v] > kInfinity ? none : bits[v];
      clamped = clamped < floor ? floor : clamped;
      clamped = clamped > kLargest ? largest : clamped;
      decibel[v] =
          (Decibel(clamped) - parameters.mean) * parameters.inverse_std;
    }
    std::memcpy(to, decibel, sizeof(decibel));
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

}  // namespace bifsmn
