// The residual in 16-bit integers: what becomes of a dot product there.
//
//   a   = dot << shift
//   u   = sat(mulhrs(a, scale) + offset)
//   v   = sat(u + mulhrs(min(u, 0), slope))        slope of PReLU, less 1
//   y   = sat(residual + v)                        or v
//   bit = y < threshold
//
// where mulhrs(a, b) = (a * b + 2^14) >> 15 and sat clamps to 16 bits: one
// instruction each on NEON (sqrdmulh, sqadd) and x86-64 (pmulhrsw, paddsw).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_INT16_RESIDUAL_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_INT16_RESIDUAL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bifsmn {

// Per channel, [channels] each. No scale or slope is -32768, so that no product
// leaves 16 bits, and dot << shift always fits 16 bits. `next_threshold` is
// from a threshold's row to the next one's of three, where levels are given,
// and 0 where bits are.
struct Int16Residual {
  const int16_t* scale;
  const int16_t* offset;
  const int16_t* slope;
  const int16_t* threshold;
  int shift;
  ptrdiff_t next_threshold = 0;
};

constexpr int16_t Saturate(int value) {
  return static_cast<int16_t>(std::clamp(value, -32768, 32767));
}

constexpr int MultiplyHigh(int a, int b) { return (a * b + (1 << 14)) >> 15; }

// y of a channel.
inline int16_t Int16ResidualValue(const Int16Residual& parameters, int channel,
                                  int dot, int residual) {
  // It does not fit if an input has bits set that stand for no channel; then
  // it wraps around, as in registers, instead of the product in an int.
  const auto shifted = static_cast<int16_t>(dot * (1 << parameters.shift));
  const int scaled = MultiplyHigh(shifted, parameters.scale[channel]);
  const int u = Saturate(scaled + parameters.offset[channel]);
  const int v =
      Saturate(u + MultiplyHigh(std::min(u, 0), parameters.slope[channel]));
  return Saturate(residual + v);
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_INT16_RESIDUAL_H_
