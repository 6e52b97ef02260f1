// Eight pixels against sixteen outputs. A byte of an accumulator counts the
// disagreements of half an output's bits over the whole depth, so that nothing
// is widened inside the loop; what becomes of the counts happens while they are
// still in registers. NEON.md has the register map and the figures.

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/cpu_features.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/bgemm_neon_epilogue.h"

namespace bifsmn {
namespace {

// A word adds at most 8 to a byte.
constexpr int kMaxDepth = 31;

// x0-x7 point to the pixels, v4-v7 hold replicated words of them; v0-v3 are
// weights, v8-v11 temporaries. A pixel's words are loaded while the one before
// it is computed. Weights come through general registers: such a load issues
// beside a vector operation on an in-order core, one of a vector register does
// not.
// clang-format off
#define LOAD_TWO(lo, hi, pointer) \
  "ld2r {v" lo ".8h, v" hi ".8h}, [x" pointer "], #4\n"
#define LOAD_ONE(lo, pointer) \
  "ld1r {v" lo ".8h}, [x" pointer "], #2\n"

#define DISAGREE_TWO(lo, hi)            \
  "eor v8.16b, v" lo ".16b, v0.16b\n"   \
  "eor v9.16b, v" lo ".16b, v1.16b\n"   \
  "eor v10.16b, v" hi ".16b, v2.16b\n"  \
  "eor v11.16b, v" hi ".16b, v3.16b\n"

#define COUNT_TO_ADD(p)                         \
  "cnt v8.16b, v8.16b\n"                        \
  "cnt v9.16b, v9.16b\n"                        \
  "cnt v10.16b, v10.16b\n"                      \
  "cnt v11.16b, v11.16b\n"
#define ADD_COUNTS(p)                           \
  "add %[a" p "].16b, %[a" p "].16b, v8.16b\n"  \
  "add %[b" p "].16b, %[b" p "].16b, v9.16b\n"  \
  "add %[a" p "].16b, %[a" p "].16b, v10.16b\n" \
  "add %[b" p "].16b, %[b" p "].16b, v11.16b\n"

// The first words begin the sums.
#define COUNT_TO_SET(p)                         \
  "cnt %[a" p "].16b, v8.16b\n"                 \
  "cnt %[b" p "].16b, v9.16b\n"                 \
  "cnt v10.16b, v10.16b\n"                      \
  "cnt v11.16b, v11.16b\n"
#define SET_COUNTS(p)                           \
  "add %[a" p "].16b, %[a" p "].16b, v10.16b\n" \
  "add %[b" p "].16b, %[b" p "].16b, v11.16b\n"

#define TWO(HOW, p) COUNT_TO_##HOW(p) HOW##_COUNTS(p)

#define SET_ONE(p, lo)                  \
  "eor v8.16b, v" lo ".16b, v0.16b\n"   \
  "eor v9.16b, v" lo ".16b, v1.16b\n"   \
  "cnt %[a" p "].16b, v8.16b\n"         \
  "cnt %[b" p "].16b, v9.16b\n"

// Two words. In: v0-v3 weights, v4 and v5 the first pixel. The last round loads
// its own weights again rather than what lies behind them.
#define ROUND(HOW)                                                            \
  LOAD_TWO("6", "7", "1")                                                     \
  "eor v8.16b, v4.16b, v0.16b\n"                                              \
  "subs %w[pairs], %w[pairs], #1\n"                                           \
  "eor v9.16b, v4.16b, v1.16b\n"                                              \
  "add x17, x16, #64\n"                                                       \
  "eor v10.16b, v5.16b, v2.16b\n"                                             \
  "csel x16, x16, x17, eq\n"                                                  \
  "eor v11.16b, v5.16b, v3.16b\n"                                             \
  TWO(HOW, "0")                                                               \
  LOAD_TWO("4", "5", "2") DISAGREE_TWO("6", "7")                              \
  "ldr x8, [x16]\n"                                                           \
  TWO(HOW, "1")                                                               \
  LOAD_TWO("6", "7", "3") DISAGREE_TWO("4", "5")                              \
  "ldr x9, [x16, #8]\n"                                                       \
  TWO(HOW, "2")                                                               \
  LOAD_TWO("4", "5", "4") DISAGREE_TWO("6", "7")                              \
  "ldr x10, [x16, #16]\n"                                                     \
  TWO(HOW, "3")                                                               \
  LOAD_TWO("6", "7", "5") DISAGREE_TWO("4", "5")                              \
  "ldr x11, [x16, #24]\n"                                                     \
  TWO(HOW, "4")                                                               \
  LOAD_TWO("4", "5", "6") DISAGREE_TWO("6", "7")                              \
  "ldr x12, [x16, #32]\n"                                                     \
  TWO(HOW, "5")                                                               \
  LOAD_TWO("6", "7", "7")                                                     \
  "eor v8.16b, v4.16b, v0.16b\n"                                              \
  "ldr x13, [x16, #40]\n"                                                     \
  "eor v9.16b, v4.16b, v1.16b\n"                                              \
  "eor v10.16b, v5.16b, v2.16b\n"                                             \
  "ldr x14, [x16, #48]\n"                                                     \
  "eor v11.16b, v5.16b, v3.16b\n"                                             \
  TWO(HOW, "6")                                                               \
  LOAD_TWO("4", "5", "0") DISAGREE_TWO("6", "7")                              \
  "ldr x15, [x16, #56]\n"                                                     \
  "fmov d0, x8\n"                                                             \
  "fmov d1, x10\n"                                                            \
  "fmov d2, x12\n"                                                            \
  "fmov d3, x14\n"                                                            \
  COUNT_TO_##HOW("7")                                                         \
  "ins v0.d[1], x9\n"                                                         \
  "ins v1.d[1], x11\n"                                                        \
  "ins v2.d[1], x13\n"                                                        \
  "ins v3.d[1], x15\n"                                                        \
  HOW##_COUNTS("7")

#define COUNT_BY_BYTES                                                        \
  "mov x0, %[patches]\n"                                                      \
  "add x1, x0, %[stride]\n"                                                   \
  "add x2, x0, %[stride], lsl #1\n"                                           \
  "add x3, x1, %[stride], lsl #1\n"                                           \
  "add x4, x2, %[stride], lsl #1\n"                                           \
  "add x5, x3, %[stride], lsl #1\n"                                           \
  "add x6, x4, %[stride], lsl #1\n"                                           \
  "add x7, x5, %[stride], lsl #1\n"                                           \
  "mov x16, %[weights]\n"                                                     \
  "lsr %w[pairs], %w[words], #1\n"                                            \
  "tbz %w[words], #0, 1f\n"                                                   \
  LOAD_ONE("4", "0")                                                          \
  "ldp q0, q1, [x16], #32\n"                                                  \
  LOAD_ONE("6", "1") SET_ONE("0", "4")                                        \
  LOAD_ONE("4", "2") SET_ONE("1", "6")                                        \
  LOAD_ONE("6", "3") SET_ONE("2", "4")                                        \
  LOAD_ONE("4", "4") SET_ONE("3", "6")                                        \
  LOAD_ONE("6", "5") SET_ONE("4", "4")                                        \
  LOAD_ONE("4", "6") SET_ONE("5", "6")                                        \
  LOAD_ONE("6", "7") SET_ONE("6", "4")                                        \
  SET_ONE("7", "6")                                                           \
  "cbz %w[pairs], 3f\n"                                                       \
  "ldp q0, q1, [x16]\n"                                                       \
  LOAD_TWO("4", "5", "0")                                                     \
  "ldp q2, q3, [x16, #32]\n"                                                  \
  "b 2f\n"                                                                    \
  "1:\n"                                                                      \
  "ldp q0, q1, [x16]\n"                                                       \
  LOAD_TWO("4", "5", "0")                                                     \
  "ldp q2, q3, [x16, #32]\n"                                                  \
  ROUND(SET)                                                                  \
  "b.eq 3f\n"                                                                 \
  ".p2align 4\n"                                                              \
  "2:\n"                                                                      \
  ROUND(ADD)                                                                  \
  "b.ne 2b\n"                                                                 \
  "3:\n"
// clang-format on

// The bytes' counts of `words` words of eight pixels, each `words` behind the
// one before, with sixteen outputs.
BIFSMN_INLINE BytesOfTile CountBytes(const Word* patches, int words,
                                     const Word* weights) {
  BytesOfTile t;
  int pairs;
  const ptrdiff_t stride = static_cast<ptrdiff_t>(words) * sizeof(Word);
  asm(COUNT_BY_BYTES
      : [a0] "=&w"(t.low[0]), [a1] "=&w"(t.low[1]), [a2] "=&w"(t.low[2]),
        [a3] "=&w"(t.low[3]), [a4] "=&w"(t.low[4]), [a5] "=&w"(t.low[5]),
        [a6] "=&w"(t.low[6]), [a7] "=&w"(t.low[7]), [b0] "=&w"(t.high[0]),
        [b1] "=&w"(t.high[1]), [b2] "=&w"(t.high[2]), [b3] "=&w"(t.high[3]),
        [b4] "=&w"(t.high[4]), [b5] "=&w"(t.high[5]), [b6] "=&w"(t.high[6]),
        [b7] "=&w"(t.high[7]), [pairs] "=&r"(pairs)
      : [patches] "r"(patches), [stride] "r"(stride), [weights] "r"(weights),
        [words] "r"(words)
      : "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
        "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "v0",
        "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11");
  return t;
}

struct Tiles {
  static bool FitBytes(int words) { return words <= kMaxDepth / 2; }

  template <typename Epilogue>
  BIFSMN_INLINE static void ForEach(const Bgemm& gemm,
                                    const Epilogue& epilogue) {
    const int words = gemm.words;
    Word last[BytesOfTile::kPixels * kMaxDepth];
    for (int p = 0; p < gemm.rows; p += BytesOfTile::kPixels) {
      const Word* patches = gemm.patches + static_cast<size_t>(p) * words;
      const int pixels = std::min(BytesOfTile::kPixels, gemm.rows - p);
      if (pixels < BytesOfTile::kPixels) {
        std::fill(std::copy_n(patches, pixels * words, last), std::end(last),
                  Word{0});
        patches = last;
      }
      const Word* weights = gemm.packed;
      for (int o = 0; o < gemm.outputs; o += kWordBits) {
        epilogue(p, pixels, o, CountBytes(patches, words, weights));
        weights += static_cast<ptrdiff_t>(kWordBits) * words;
      }
    }
  }
};

using Kernel = NeonBgemm<Tiles, true>;

}  // namespace

const BgemmKernel kBgemmNeon8x16U8 = {
    "bgemm_neon_8x16_u8",
    kWordBits,
    1,
    1,
    kMaxDepth,
    kWordBits,
    kAnyPixels,
    true,
    HasNeon,
    PackForNeon,
    Kernel::Count,
    Kernel::Threshold,
    Kernel::Add,
};

}  // namespace bifsmn

#endif  // __aarch64__
