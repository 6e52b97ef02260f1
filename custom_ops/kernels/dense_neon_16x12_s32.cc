// Twelve outputs at a time, sixteen inputs each: as many as there are registers
// for, so that inputs are loaded once for all of them. Inputs and weights come
// through general registers, a step ahead (see LoadBeside).

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/dense.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/neon.h"
#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn {
namespace {

constexpr int kTileInputs = 16;
constexpr int kTileOutputs = 12;

// Inputs whose weights lie together, output by output.
constexpr int kGroupInputs = 8;

size_t PackedBytes(int inputs, int outputs) {
  return static_cast<size_t>(RoundUp(inputs, kTileInputs)) *
         RoundUp(outputs, kTileOutputs);
}

void Pack(const int8_t* weights, int inputs, int outputs, void* packed) {
  const WeightMatrix<int8_t> matrix = {weights, outputs, inputs};
  auto* to = static_cast<int8_t*>(packed);
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    to = PackTile(matrix, tile, kTileOutputs, 0, RoundUp(inputs, kTileInputs),
                  kGroupInputs, to);
  }
}

// v0-v3 and v4-v7 are weights of four outputs each, of eight inputs, v8-v11 the
// same in 16 bits, v12 and v13 the inputs. Weights are loaded two groups of
// four ahead, and moved one ahead; two pairs have to be loaded two cycles
// apart. The last round loads its own operands again. The second half of v13
// comes when the next round has begun.
// clang-format off
#define PRODUCTS(w0, w1, w2, w3, x, s0, s1, s2, s3, early, from, move0, move1) \
  early                                                                       \
  "sxtl v8.8h, v" w0 ".8b\n"                                                  \
  "sxtl v9.8h, v" w1 ".8b\n"                                                  \
  "sxtl v10.8h, v" w2 ".8b\n"                                                 \
  "sxtl v11.8h, v" w3 ".8b\n"                                                 \
  "smlal %[s" s0 "].4s, v8.4h, v" x ".4h\n"                                   \
  "smlal %[s" s1 "].4s, v9.4h, v" x ".4h\n"                                   \
  move0                                                                       \
  "smlal %[s" s2 "].4s, v10.4h, v" x ".4h\n"                                  \
  "smlal %[s" s3 "].4s, v11.4h, v" x ".4h\n"                                  \
  move1                                                                       \
  "smlal2 %[s" s0 "].4s, v8.8h, v" x ".8h\n"                                  \
  "ldp x2, x3, [%[weights], #" from "]\n"                                     \
  "smlal2 %[s" s1 "].4s, v9.8h, v" x ".8h\n"                                  \
  "smlal2 %[s" s2 "].4s, v10.8h, v" x ".8h\n"                                 \
  "ldp x4, x5, [%[weights], #" from "+16]\n"                                  \
  "smlal2 %[s" s3 "].4s, v11.8h, v" x ".8h\n"
#define MOVE_0(w0, w1) "fmov d" w0 ", x2\nfmov d" w1 ", x3\n"
#define MOVE_1(w2, w3) "fmov d" w2 ", x4\nfmov d" w3 ", x5\n"

// Adds `steps` > 0 times sixteen products to the sums of twelve outputs.
BIFSMN_INLINE void AddProducts(const int16_t* values, const int8_t* weights,
                               int steps, int32x4_t sums[kTileOutputs]) {
  asm("ldp d0, d1, [%[weights]]\n"
      "ldp d2, d3, [%[weights], #16]\n"
      "ldp x2, x3, [%[weights], #32]\n"
      "ldp x4, x5, [%[weights], #48]\n"
      "ldp q12, q13, [%[values]]\n"
      "ldr x7, [%[values], #24]\n"
      "1:\n"
      "subs %w[steps], %w[steps], #1\n"
      "add x0, %[values], #32\n"
      "add x1, %[weights], #192\n"
      "csel %[values], x0, %[values], ne\n"
      PRODUCTS("0", "1", "2", "3", "12", "0", "1", "2", "3", "",
               "64", MOVE_0("4", "5"), MOVE_1("6", "7"))
      PRODUCTS("4", "5", "6", "7", "12", "4", "5", "6", "7",
               "ins v13.d[1], x7\n",
               "96", MOVE_0("0", "1"), MOVE_1("2", "3"))
      PRODUCTS("0", "1", "2", "3", "12", "8", "9", "10", "11", "",
               "128", MOVE_0("4", "5"), MOVE_1("6", "7"))
      PRODUCTS("4", "5", "6", "7", "13", "0", "1", "2", "3",
               "ldp x6, x7, [%[values]]\n",
               "160", MOVE_0("0", "1"), MOVE_1("2", "3"))
      "csel %[weights], x1, %[weights], ne\n"
      PRODUCTS("0", "1", "2", "3", "13", "4", "5", "6", "7",
               "fmov d12, x6\n",
               "0", MOVE_0("4", "5"), MOVE_1("6", "7"))
      PRODUCTS("4", "5", "6", "7", "13", "8", "9", "10", "11",
               "ins v12.d[1], x7\n"
               "ldp x6, x7, [%[values], #16]\n",
               "32", MOVE_0("0", "1"), MOVE_1("2", "3"))
      "fmov d13, x6\n"
      "b.ne 1b\n"
      : [s0] "+&w"(sums[0]), [s1] "+&w"(sums[1]), [s2] "+&w"(sums[2]),
        [s3] "+&w"(sums[3]), [s4] "+&w"(sums[4]), [s5] "+&w"(sums[5]),
        [s6] "+&w"(sums[6]), [s7] "+&w"(sums[7]), [s8] "+&w"(sums[8]),
        [s9] "+&w"(sums[9]), [s10] "+&w"(sums[10]), [s11] "+&w"(sums[11]),
        [values] "+&r"(values), [weights] "+&r"(weights), [steps] "+&r"(steps)
      :
      : "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "v0",
        "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11",
        "v12", "v13");
}
// clang-format on

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
    for (int o = 0; o < kTileOutputs; o += 4) {
      vst1q_s32(of_tile + o,
                vpaddq_s32(vpaddq_s32(lanes[o], lanes[o + 1]),
                           vpaddq_s32(lanes[o + 2], lanes[o + 3])));
    }
    std::copy_n(of_tile, std::min(kTileOutputs, outputs - tile), sums + tile);
  }
}

}  // namespace

const DenseKernel kDenseNeon16x12S32 = {
    "dense_neon_16x12_s32", HasNeon, PackedBytes, Pack, Run,
};

}  // namespace bifsmn

#endif  // __aarch64__
