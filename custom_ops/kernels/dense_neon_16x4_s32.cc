// Four outputs at a time, sixteen inputs each.

#include "custom_ops/kernels/dense.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/neon.h"

namespace bifsmn {
namespace {

constexpr int kTileInputs = 16;
constexpr int kTileOutputs = 4;

size_t PackedBytes(int inputs, int outputs) {
  return static_cast<size_t>(RoundUp(inputs, kTileInputs)) *
         RoundUp(outputs, kTileOutputs);
}

void Pack(const int8_t* weights, int inputs, int outputs, void* packed) {
  auto* to = static_cast<int8_t*>(packed);
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    for (int first = 0; first < inputs; first += kTileInputs) {
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        for (int i = first; i < first + kTileInputs; ++i) {
          *to++ = o < outputs && i < inputs
                      ? weights[static_cast<size_t>(o) * inputs + i]
                      : int8_t{0};
        }
      }
    }
  }
}

BIFSMN_INLINE void AddTile(const int16_t* values, const int8_t* weights,
                           int32x4_t sums[kTileOutputs]) {
  const int16x8_t low = vld1q_s16(values);
  const int16x8_t high = vld1q_s16(values + 8);
  for (int o = 0; o < kTileOutputs; ++o) {
    const int8x16_t w = vld1q_s8(weights + o * kTileInputs);
    const int16x8_t w_low = vmovl_s8(vget_low_s8(w));
    const int16x8_t w_high = vmovl_high_s8(w);
    sums[o] = vmlal_s16(sums[o], vget_low_s16(w_low), vget_low_s16(low));
    sums[o] = vmlal_high_s16(sums[o], w_low, low);
    sums[o] = vmlal_s16(sums[o], vget_low_s16(w_high), vget_low_s16(high));
    sums[o] = vmlal_high_s16(sums[o], w_high, high);
  }
}

void Run(const int16_t* values, const void* packed, int inputs, int outputs,
         int32_t* sums) {
  const auto* weights = static_cast<const int8_t*>(packed);
  const int whole = inputs - inputs % kTileInputs;
  int16_t last[kTileInputs] = {};
  std::copy(values + whole, values + inputs, last);
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    int32x4_t lanes[kTileOutputs] = {};
    for (int i = 0; i < whole; i += kTileInputs) {
      AddTile(values + i, weights, lanes);
      weights += kTileInputs * kTileOutputs;
    }
    if (whole < inputs) {
      AddTile(last, weights, lanes);
      weights += kTileInputs * kTileOutputs;
    }
    int32_t of_tile[kTileOutputs];
    vst1q_s32(of_tile, vpaddq_s32(vpaddq_s32(lanes[0], lanes[1]),
                                  vpaddq_s32(lanes[2], lanes[3])));
    std::copy_n(of_tile, std::min(kTileOutputs, outputs - tile), sums + tile);
  }
}

}  // namespace

const DenseKernel kDenseNeon16x4S32 = {
    "dense_neon_16x4_s32", [] { return true; }, PackedBytes, Pack, Run,
};

}  // namespace bifsmn

#endif  // __aarch64__
