// Four outputs at a time, sixteen inputs each. Inputs and weights come through
// general registers, a step ahead (see LoadBeside).

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

// Adds `steps` > 0 times sixteen products to the sums of four outputs.
BIFSMN_INLINE void AddProducts(const int16_t* values, const int8_t* weights,
                               int steps, int32x4_t sums[kTileOutputs]) {
  // v0-v7 are weights of eight inputs each, v8-v15 the same in 16 bits, v16 and
  // v17 the inputs. The last round loads its own operands again.
  asm("ldp d0, d1, [%[weights]]\n"
      "ldp d2, d3, [%[weights], #16]\n"
      "ldp d4, d5, [%[weights], #32]\n"
      "ldp d6, d7, [%[weights], #48]\n"
      "ldp q16, q17, [%[values]]\n"
      "1:\n"
      "sxtl v8.8h, v0.8b\n"
      "subs %w[steps], %w[steps], #1\n"
      "sxtl v9.8h, v1.8b\n"
      "add x0, %[values], #32\n"
      "sxtl v10.8h, v2.8b\n"
      "add x1, %[weights], #64\n"
      "sxtl v11.8h, v3.8b\n"
      "csel %[values], x0, %[values], ne\n"
      "sxtl v12.8h, v4.8b\n"
      "csel %[weights], x1, %[weights], ne\n"
      "sxtl v13.8h, v5.8b\n"
      "sxtl v14.8h, v6.8b\n"
      "sxtl v15.8h, v7.8b\n"
      "smlal %[s0].4s, v8.4h, v16.4h\n"
      "ldp x2, x3, [%[weights]]\n"
      "smlal %[s1].4s, v10.4h, v16.4h\n"
      "smlal %[s2].4s, v12.4h, v16.4h\n"
      "ldp x4, x5, [%[weights], #16]\n"
      "smlal %[s3].4s, v14.4h, v16.4h\n"
      "smlal2 %[s0].4s, v8.8h, v16.8h\n"
      "ldp x6, x7, [%[weights], #32]\n"
      "smlal2 %[s1].4s, v10.8h, v16.8h\n"
      "smlal2 %[s2].4s, v12.8h, v16.8h\n"
      "ldp x8, x9, [%[weights], #48]\n"
      "smlal2 %[s3].4s, v14.8h, v16.8h\n"
      "smlal %[s0].4s, v9.4h, v17.4h\n"
      "ldp x10, x11, [%[values]]\n"
      "smlal %[s1].4s, v11.4h, v17.4h\n"
      "smlal %[s2].4s, v13.4h, v17.4h\n"
      "ldp x12, x13, [%[values], #16]\n"
      "smlal %[s3].4s, v15.4h, v17.4h\n"
      "fmov d0, x2\n"
      "fmov d1, x3\n"
      "fmov d2, x4\n"
      "fmov d3, x5\n"
      "smlal2 %[s0].4s, v9.8h, v17.8h\n"
      "fmov d16, x10\n"
      "fmov d4, x6\n"
      "smlal2 %[s1].4s, v11.8h, v17.8h\n"
      "fmov d5, x7\n"
      "fmov d6, x8\n"
      "smlal2 %[s2].4s, v13.8h, v17.8h\n"
      "ins v16.d[1], x11\n"
      "fmov d7, x9\n"
      "smlal2 %[s3].4s, v15.8h, v17.8h\n"
      "fmov d17, x12\n"
      "ins v17.d[1], x13\n"
      "b.ne 1b\n"
      : [s0] "+&w"(sums[0]), [s1] "+&w"(sums[1]), [s2] "+&w"(sums[2]),
        [s3] "+&w"(sums[3]), [values] "+&r"(values), [weights] "+&r"(weights),
        [steps] "+&r"(steps)
      :
      : "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
        "x9", "x10", "x11", "x12", "x13", "v0", "v1", "v2", "v3", "v4", "v5",
        "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
        "v17");
}

void Run(const int16_t* values, const void* packed, int inputs, int outputs,
         int32_t* sums) {
  const auto* weights = static_cast<const int8_t*>(packed);
  const int steps = inputs / kTileInputs;
  const int whole = steps * kTileInputs;
  int16_t last[kTileInputs] = {};
  std::copy(values + whole, values + inputs, last);
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    int32x4_t lanes[kTileOutputs] = {};
    if (steps > 0) AddProducts(values, weights, steps, lanes);
    weights += whole * kTileOutputs;
    if (whole < inputs) {
      AddProducts(last, weights, 1, lanes);
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
