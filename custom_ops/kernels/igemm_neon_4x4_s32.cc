// Four pixels against four outputs, or the one that a stream's step has. Two
// products always fit a 16-bit lane, and four do where the absolute values of
// their weights sum up to at most 255, as they mostly do: `pack` looks for
// pairs of blocks of 16 terms of which that is true. Pairs are widened to 32
// bits half as often as single blocks, in the two cycles that this takes on an
// in-order core. Operands come through general registers, a step ahead (see
// LoadBeside).

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/igemm.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/igemm_neon_pack.h"
#include "custom_ops/kernels/neon.h"

namespace bifsmn {
namespace {

using igemm_neon::HeaderBytes;
using igemm_neon::kBlockTerms;
using igemm_neon::kCounts;
using igemm_neon::kTile;
using igemm_neon::TileBytes;

// What a tile works on. The assembly knows where each stands.
struct Tile {
  const int8_t* patches[kTile];
  const int32_t* blocks;
  const int8_t* weights;
  ptrdiff_t pairs;
  ptrdiff_t singles;
  int32_t* sums;
  // Bytes from a pixel's sums to the next one's.
  ptrdiff_t stride;
};
static_assert(offsetof(Tile, blocks) == 32 && offsetof(Tile, pairs) == 48 &&
              offsetof(Tile, sums) == 64);

// v0-v3 and v4-v7 are the first and the second block of four pixels, v8-v9 and
// v10-v11 those of an output's weights and of the next one's, v12-v15 products
// in 16 bits, v16-v31 the sums of output 0 with four pixels, of output 1, and
// so on. x0-x3 point to the pixels, x4 to the blocks, x5 to the weights; x8 and
// x9 are the next blocks.
// clang-format off
#define FOUR(op, w, half, x0, x1, x2, x3)                                     \
  op " v12.8h, v" w half ", v" x0 half "\n"                                   \
  op " v13.8h, v" w half ", v" x1 half "\n"                                   \
  op " v14.8h, v" w half ", v" x2 half "\n"                                   \
  op " v15.8h, v" w half ", v" x3 half "\n"

// The products of an output's two blocks but the last eight, while the next
// output's weights are loaded.
#define PRODUCTS(w0, w1, next0, next1, from)                                  \
  "smull v12.8h, v" w0 ".8b, v0.8b\n"                                         \
  "ldp x10, x11, [x5, #" from "]\n"                                           \
  "smull v13.8h, v" w0 ".8b, v1.8b\n"                                         \
  "smull v14.8h, v" w0 ".8b, v2.8b\n"                                         \
  "smull v15.8h, v" w0 ".8b, v3.8b\n"                                         \
  "ldp x12, x13, [x5, #" from "+16]\n"                                        \
  FOUR("smlal2", w0, ".16b", "0", "1", "2", "3")                              \
  "fmov d" next0 ", x10\n"                                                    \
  "fmov d" next1 ", x12\n"
#define LAST_PRODUCTS(w1, next0, next1)                                       \
  FOUR("smlal", w1, ".8b", "4", "5", "6", "7")                                \
  "ins v" next0 ".d[1], x11\n"                                                \
  "ins v" next1 ".d[1], x13\n"                                                \
  FOUR("smlal2", w1, ".16b", "4", "5", "6", "7")
#define WIDEN(add, s0, s1, s2, s3)                                            \
  add " v" s0 ".4s, v12.8h\n"                                                 \
  add " v" s1 ".4s, v13.8h\n"                                                 \
  add " v" s2 ".4s, v14.8h\n"                                                 \
  add " v" s3 ".4s, v15.8h\n"

// During the last output, whatever has been used up of the pixels is replaced.
#define PAIR(add)                                                             \
  PRODUCTS("8", "9", "10", "11", "32")                                        \
  LAST_PRODUCTS("9", "10", "11")                                              \
  WIDEN(add, "16", "17", "18", "19")                                          \
  "ldp w8, w9, [x4, #8]\n"                                                    \
  PRODUCTS("10", "11", "8", "9", "64")                                        \
  LAST_PRODUCTS("11", "8", "9")                                               \
  WIDEN(add, "20", "21", "22", "23")                                          \
  "add x4, x4, #8\n"                                                          \
  "subs x6, x6, #1\n"                                                         \
  PRODUCTS("8", "9", "10", "11", "96")                                        \
  LAST_PRODUCTS("9", "10", "11")                                              \
  "add x23, x0, x8\n"                                                         \
  "ldp x14, x15, [x23]\n"                                                     \
  add " v24.4s, v12.8h\n"                                                     \
  "add x24, x1, x8\n"                                                         \
  "ldp x16, x17, [x24]\n"                                                     \
  add " v25.4s, v13.8h\n"                                                     \
  "add x23, x2, x8\n"                                                         \
  "ldp x19, x20, [x23]\n"                                                     \
  add " v26.4s, v14.8h\n"                                                     \
  "add x24, x3, x8\n"                                                         \
  "ldp x21, x22, [x24]\n"                                                     \
  add " v27.4s, v15.8h\n"                                                     \
  PRODUCTS("10", "11", "8", "9", "128")                                       \
  "add x5, x5, #128\n"                                                        \
  "smlal v12.8h, v11.8b, v4.8b\n"                                             \
  "smlal v13.8h, v11.8b, v5.8b\n"                                             \
  "fmov d0, x14\n"                                                            \
  "fmov d1, x16\n"                                                            \
  "smlal v14.8h, v11.8b, v6.8b\n"                                             \
  "smlal v15.8h, v11.8b, v7.8b\n"                                             \
  "fmov d2, x19\n"                                                            \
  "fmov d3, x21\n"                                                            \
  "add x23, x0, x9\n"                                                         \
  "smlal2 v12.8h, v11.16b, v4.16b\n"                                          \
  "ins v8.d[1], x11\n"                                                        \
  "ins v9.d[1], x13\n"                                                        \
  "add x24, x1, x9\n"                                                         \
  "smlal2 v13.8h, v11.16b, v5.16b\n"                                          \
  "ins v0.d[1], x15\n"                                                        \
  "ins v1.d[1], x17\n"                                                        \
  "ldp x14, x15, [x23]\n"                                                     \
  "smlal2 v14.8h, v11.16b, v6.16b\n"                                          \
  "ins v2.d[1], x20\n"                                                        \
  "ins v3.d[1], x22\n"                                                        \
  "ldp x16, x17, [x24]\n"                                                     \
  "smlal2 v15.8h, v11.16b, v7.16b\n"                                          \
  add " v28.4s, v12.8h\n"                                                     \
  "add x23, x2, x9\n"                                                         \
  "add x24, x3, x9\n"                                                         \
  "ldp x19, x20, [x23]\n"                                                     \
  add " v29.4s, v13.8h\n"                                                     \
  "ldp x21, x22, [x24]\n"                                                     \
  "fmov d4, x14\n"                                                            \
  "fmov d5, x16\n"                                                            \
  add " v30.4s, v14.8h\n"                                                     \
  "fmov d6, x19\n"                                                            \
  "fmov d7, x21\n"                                                            \
  "ins v4.d[1], x15\n"                                                        \
  "ins v5.d[1], x17\n"                                                        \
  add " v31.4s, v15.8h\n"                                                     \
  "ins v6.d[1], x20\n"                                                        \
  "ins v7.d[1], x22\n"

#define SINGLE(w, s0, s1, s2, s3)                                             \
  FOUR("smull", w, ".8b", "0", "1", "2", "3")                                 \
  FOUR("smlal2", w, ".16b", "0", "1", "2", "3")                               \
  WIDEN("sadalp", s0, s1, s2, s3)

#define ZERO(s0, s1, s2, s3)                                                  \
  "movi v" s0 ".4s, #0\n"                                                     \
  "movi v" s1 ".4s, #0\n"                                                     \
  "movi v" s2 ".4s, #0\n"                                                     \
  "movi v" s3 ".4s, #0\n"

#define ADD_PAIRS(to, s0, s1)                                                 \
  "addp v" to ".4s, v" s0 ".4s, v" s1 ".4s\n"

BIFSMN_INLINE void RunTile(const Tile& tile) {
  asm volatile(
      "ldp x4, x5, [%[tile], #32]\n"
      "ldp x6, x7, [%[tile], #48]\n"
      "ldp x0, x1, [%[tile]]\n"
      "ldp w8, w9, [x4]\n"
      "ldp x2, x3, [%[tile], #16]\n"
      "cbz x6, 2f\n"
      "ldp q8, q9, [x5]\n"
      "ldr q0, [x0, x8]\n"
      "ldr q1, [x1, x8]\n"
      "ldr q2, [x2, x8]\n"
      "ldr q3, [x3, x8]\n"
      "ldr q4, [x0, x9]\n"
      "ldr q5, [x1, x9]\n"
      "ldr q6, [x2, x9]\n"
      "ldr q7, [x3, x9]\n"
      PAIR("saddlp")
      "b.eq 3f\n"
      "1:\n"
      PAIR("sadalp")
      "b.ne 1b\n"
      "b 3f\n"
      "2:\n"
      ZERO("16", "17", "18", "19")
      ZERO("20", "21", "22", "23")
      ZERO("24", "25", "26", "27")
      ZERO("28", "29", "30", "31")
      "3:\n"
      "cbz x7, 5f\n"
      "4:\n"
      "ldr w8, [x4], #4\n"
      "ldr q8, [x5]\n"
      "ldr q0, [x0, x8]\n"
      "ldr q1, [x1, x8]\n"
      "ldr q2, [x2, x8]\n"
      "ldr q3, [x3, x8]\n"
      "subs x7, x7, #1\n"
      "ldr q9, [x5, #16]\n"
      SINGLE("8", "16", "17", "18", "19")
      "ldr q10, [x5, #32]\n"
      SINGLE("9", "20", "21", "22", "23")
      "ldr q11, [x5, #48]\n"
      "add x5, x5, #64\n"
      SINGLE("10", "24", "25", "26", "27")
      SINGLE("11", "28", "29", "30", "31")
      "b.ne 4b\n"
      "5:\n"
      "ldp x0, x1, [%[tile], #64]\n"
      ADD_PAIRS("16", "16", "20")
      ADD_PAIRS("24", "24", "28")
      ADD_PAIRS("17", "17", "21")
      ADD_PAIRS("25", "25", "29")
      "add x2, x0, x1\n"
      ADD_PAIRS("18", "18", "22")
      ADD_PAIRS("16", "16", "24")
      ADD_PAIRS("26", "26", "30")
      ADD_PAIRS("17", "17", "25")
      "str q16, [x0]\n"
      ADD_PAIRS("19", "19", "23")
      ADD_PAIRS("27", "27", "31")
      "str q17, [x2]\n"
      "add x3, x2, x1\n"
      ADD_PAIRS("18", "18", "26")
      ADD_PAIRS("19", "19", "27")
      "str q18, [x3]\n"
      "str q19, [x3, x1]\n"
      :
      : [tile] "r"(&tile)
      : "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
        "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x19",
        "x20", "x21", "x22", "x23", "x24", "v0", "v1", "v2", "v3", "v4", "v5",
        "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
        "v27", "v28", "v29", "v30", "v31");
}
// clang-format on

// One pixel with four outputs. v0 and v1 are its two blocks, v2-v5 the four
// outputs' weights of the first one and v6-v9 of the second one, v12-v15
// products in 16 bits, v16-v19 sums. x0 points to the pixel, x4 to the blocks,
// x5 to the weights. Weights of the first block come in by x8-x15 while the
// round before is computed, those of the second one by x16-x24 and the pixel's
// own by x25-x28.
// clang-format off
#define ROW_FOUR(op, half, w0, w1, w2, w3, x, load0, load1)                   \
  op " v12.8h, v" w0 half ", v" x half "\n"                                   \
  load0                                                                       \
  op " v13.8h, v" w1 half ", v" x half "\n"                                   \
  op " v14.8h, v" w2 half ", v" x half "\n"                                   \
  load1                                                                       \
  op " v15.8h, v" w3 half ", v" x half "\n"
#define MOVE_LOW(w0, w1, x0, x1)                                              \
  "fmov d" w0 ", x" x0 "\n"                                                   \
  "fmov d" w1 ", x" x1 "\n"
#define MOVE_HIGH(w0, w1, x0, x1)                                             \
  "ins v" w0 ".d[1], x" x0 "\n"                                               \
  "ins v" w1 ".d[1], x" x1 "\n"
#define LOAD(x0, x1, from) "ldp x" x0 ", x" x1 ", [x5, #" from "]\n"

// The last round loads its own weights again.
#define ROW_PAIR                                                              \
  "subs x6, x6, #1\n"                                                         \
  "add x3, x5, #128\n"                                                        \
  "csel x5, x5, x3, eq\n"                                                     \
  "ldp w1, w2, [x4, #8]!\n"                                                   \
  ROW_FOUR("smull", ".8b", "2", "3", "4", "5", "0",                           \
           LOAD("8", "9", "0"), LOAD("10", "11", "32"))                       \
  MOVE_LOW("6", "7", "16", "19")                                              \
  MOVE_LOW("8", "9", "21", "23")                                              \
  ROW_FOUR("smlal2", ".16b", "2", "3", "4", "5", "0",                         \
           LOAD("12", "13", "64"), LOAD("14", "15", "96"))                    \
  MOVE_HIGH("6", "7", "17", "20")                                             \
  MOVE_HIGH("8", "9", "22", "24")                                             \
  MOVE_LOW("2", "3", "8", "10")                                               \
  MOVE_LOW("4", "5", "12", "14")                                              \
  "add x1, x0, x1\n"                                                          \
  "add x2, x0, x2\n"                                                          \
  ROW_FOUR("smlal", ".8b", "6", "7", "8", "9", "1",                           \
           "ldp x25, x26, [x1]\n", "ldp x27, x28, [x2]\n")                    \
  MOVE_HIGH("2", "3", "9", "11")                                              \
  MOVE_HIGH("4", "5", "13", "15")                                             \
  ROW_FOUR("smlal2", ".16b", "6", "7", "8", "9", "1", "", "")                 \
  MOVE_LOW("0", "1", "25", "27")                                              \
  "sadalp v16.4s, v12.8h\n"                                                   \
  LOAD("16", "17", "16")                                                      \
  "sadalp v17.4s, v13.8h\n"                                                   \
  LOAD("19", "20", "48")                                                      \
  MOVE_HIGH("0", "1", "26", "28")                                             \
  "sadalp v18.4s, v14.8h\n"                                                   \
  LOAD("21", "22", "80")                                                      \
  "sadalp v19.4s, v15.8h\n"                                                   \
  LOAD("23", "24", "112")

// A tile's first pixel.
BIFSMN_INLINE void RunRow(const Tile& tile) {
  asm volatile(
      "ldp x4, x5, [%[tile], #32]\n"
      "ldp x6, x7, [%[tile], #48]\n"
      "ldr x0, [%[tile]]\n"
      ZERO("16", "17", "18", "19")
      "cbz x6, 2f\n"
      "ldp w1, w2, [x4]\n"
      "ldr q0, [x0, x1]\n"
      "ldr q1, [x0, x2]\n"
      "ldr q2, [x5]\n"
      "ldr q3, [x5, #32]\n"
      "ldr q4, [x5, #64]\n"
      "ldr q5, [x5, #96]\n"
      LOAD("16", "17", "16")
      LOAD("19", "20", "48")
      LOAD("21", "22", "80")
      LOAD("23", "24", "112")
      "1:\n"
      ROW_PAIR
      "b.ne 1b\n"
      "add x5, x5, #128\n"
      "2:\n"
      "cbz x7, 4f\n"
      "3:\n"
      "ldr w1, [x4], #4\n"
      "ldr q0, [x0, x1]\n"
      "ldp q2, q3, [x5]\n"
      "ldp q4, q5, [x5, #32]\n"
      "add x5, x5, #64\n"
      "subs x7, x7, #1\n"
      ROW_FOUR("smull", ".8b", "2", "3", "4", "5", "0", "", "")
      ROW_FOUR("smlal2", ".16b", "2", "3", "4", "5", "0", "", "")
      WIDEN("sadalp", "16", "17", "18", "19")
      "b.ne 3b\n"
      "4:\n"
      ADD_PAIRS("16", "16", "17")
      ADD_PAIRS("18", "18", "19")
      "ldr x0, [%[tile], #64]\n"
      ADD_PAIRS("16", "16", "18")
      "str q16, [x0]\n"
      :
      : [tile] "r"(&tile)
      : "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
        "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x19",
        "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "v0",
        "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v12", "v13",
        "v14", "v15", "v16", "v17", "v18", "v19");
}
// clang-format on

// Weights of four outputs and 32 terms stay in v0-v7. v8 and v9 are a pixel,
// v12-v15 products in 16 bits, v16-v19 sums. The last addition of a pixel's
// sums stands in the next one's products; what the first one stores there, of
// no pixel, is overwritten.
// clang-format off
#define FOUR_OUTPUTS(op, half, w0, w1, w2, w3, x)                             \
  op " v12.8h, v" w0 half ", v" x half "\n"                                   \
  op " v13.8h, v" w1 half ", v" x half "\n"                                   \
  op " v14.8h, v" w2 half ", v" x half "\n"                                   \
  op " v15.8h, v" w3 half ", v" x half "\n"
#define BEGIN_PIXEL                                                           \
  "smull v12.8h, v0.8b, v8.8b\n"                                              \
  "subs %w[pixels], %w[pixels], #1\n"                                         \
  "smull v13.8h, v2.8b, v8.8b\n"                                              \
  "csel x0, xzr, %[patch_stride], eq\n"                                       \
  "addp v16.4s, v16.4s, v18.4s\n"                                             \
  "add %[patch], %[patch], x0\n"                                              \
  "smull v14.8h, v4.8b, v8.8b\n"                                              \
  "ldp x10, x11, [%[patch]]\n"                                                \
  "smull v15.8h, v6.8b, v8.8b\n"                                              \
  "smlal2 v12.8h, v0.16b, v8.16b\n"                                           \
  "ldp x12, x13, [%[patch], #16]\n"                                           \
  "smlal2 v13.8h, v2.16b, v8.16b\n"                                           \
  "smlal2 v14.8h, v4.16b, v8.16b\n"                                           \
  "str q16, [%[sums]]\n"                                                      \
  "smlal2 v15.8h, v6.16b, v8.16b\n"                                           \
  "add %[sums], %[sums], %[step]\n"                                           \
  "mov %[step], %[stride]\n"
#define END_PIXEL(add)                                                        \
  add " v16.4s, v12.8h\n"                                                     \
  "fmov d8, x10\n"                                                            \
  "fmov d9, x12\n"                                                            \
  add " v17.4s, v13.8h\n"                                                     \
  add " v18.4s, v14.8h\n"                                                     \
  add " v19.4s, v15.8h\n"                                                     \
  "ins v8.d[1], x11\n"                                                        \
  "ins v9.d[1], x13\n"                                                        \
  "addp v16.4s, v16.4s, v17.4s\n"                                             \
  "addp v18.4s, v18.4s, v19.4s\n"                                             \
  "b.ne 1b\n"
#define TWO_BLOCKS(w0, w1, w2, w3, w4, w5, w6, w7, products)                  \
  asm volatile(                                                               \
      "ldp q" w0 ", q" w1 ", [%[weights]]\n"                                  \
      "ldp q" w2 ", q" w3 ", [%[weights], #32]\n"                             \
      "ldp q" w4 ", q" w5 ", [%[weights], #64]\n"                             \
      "ldp q" w6 ", q" w7 ", [%[weights], #96]\n"                             \
      "ldp q8, q9, [%[patch]]\n"                                              \
      "1:\n"                                                                  \
      products                                                                \
      "addp v16.4s, v16.4s, v18.4s\n"                                         \
      "str q16, [%[sums]]\n"                                                  \
      : [patch] "+&r"(patch), [pixels] "+&r"(pixels), [sums] "+&r"(sums),     \
        [step] "+&r"(step)                                                    \
      : [patch_stride] "r"(patch_stride), [weights] "r"(weights),             \
        [stride] "r"(stride)                                                  \
      : "cc", "memory", "x0", "x10", "x11", "x12", "x13", "v0", "v1", "v2",   \
        "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v12", "v13", "v14", "v15", \
        "v16", "v17", "v18", "v19")

// Writes the sums of four outputs with all pixels, of two blocks of terms.
void RunTwoBlocks(const int8_t* patch, ptrdiff_t patch_stride, int pixels,
                  const int8_t* weights, bool paired, int32_t* sums,
                  ptrdiff_t stride) {
  ptrdiff_t step = 0;
  if (paired) {
    TWO_BLOCKS("0", "1", "2", "3", "4", "5", "6", "7",
        BEGIN_PIXEL
        FOUR_OUTPUTS("smlal", ".8b", "1", "3", "5", "7", "9")
        FOUR_OUTPUTS("smlal2", ".16b", "1", "3", "5", "7", "9")
        END_PIXEL("saddlp"));
  } else {
    TWO_BLOCKS("0", "2", "4", "6", "1", "3", "5", "7",
        BEGIN_PIXEL
        WIDEN("saddlp", "16", "17", "18", "19")
        FOUR_OUTPUTS("smull", ".8b", "1", "3", "5", "7", "9")
        FOUR_OUTPUTS("smlal2", ".16b", "1", "3", "5", "7", "9")
        END_PIXEL("sadalp"));
  }
}
// clang-format on

// Sums of the outputs from `first` on, of four pixels at a time and of those
// that are left one by one.
void RunTiles(const Igemm& gemm, int first, int32_t* sums) {
  const int blocks = CeilDiv(gemm.terms, kBlockTerms);
  const ptrdiff_t outputs = gemm.outputs;
  for (int pixel = 0; pixel < gemm.pixels;) {
    const int pixels = gemm.pixels - pixel < kTile ? 1 : kTile;
    Tile tile;
    for (int p = 0; p < pixels; ++p) {
      tile.patches[p] = gemm.patches + (pixel + p) * gemm.patch_stride;
    }
    const auto* packed = static_cast<const int8_t*>(gemm.packed) +
                         first / kTile * TileBytes(blocks);
    for (int o = first; o < gemm.outputs; o += kTile) {
      const auto* header = reinterpret_cast<const int32_t*>(packed);
      tile.pairs = header[0];
      tile.singles = header[1];
      tile.blocks = header + kCounts;
      tile.weights = packed + HeaderBytes(blocks);
      packed += TileBytes(blocks);
      int32_t* to = sums + pixel * outputs + o;
      const bool whole = o + kTile <= gemm.outputs;
      int32_t of_tile[kTile][kTile];
      tile.sums = whole ? to : of_tile[0];
      tile.stride = whole ? outputs * sizeof(int32_t) : sizeof(of_tile[0]);
      if (pixels == 1) {
        RunRow(tile);
      } else {
        RunTile(tile);
      }
      if (whole) continue;
      for (int p = 0; p < pixels; ++p) {
        std::copy_n(of_tile[p], gemm.outputs - o, to + p * outputs);
      }
    }
    pixel += pixels;
  }
}

void Run(const Igemm& gemm, int32_t* sums) {
  int first = 0;
  if (CeilDiv(gemm.terms, kBlockTerms) == 2) {
    const auto* packed = static_cast<const int8_t*>(gemm.packed);
    for (; first + kTile <= gemm.outputs; first += kTile) {
      const bool paired = *reinterpret_cast<const int32_t*>(packed) > 0;
      RunTwoBlocks(gemm.patches, gemm.patch_stride, gemm.pixels,
                   packed + HeaderBytes(2), paired, sums + first,
                   gemm.outputs * sizeof(int32_t));
      packed += TileBytes(2);
    }
  }
  if (first < gemm.outputs) RunTiles(gemm, first, sums);
}

}  // namespace

const IgemmKernel kIgemmNeon4x4S32 = {
    "igemm_neon_4x4_s32", HasNeon, igemm_neon::PackedBytes,
    igemm_neon::Pack,     Run,
};

}  // namespace bifsmn

#endif  // __aarch64__
