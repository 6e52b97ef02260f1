// The paper's Fast Bitwise Computation Kernel (section 3.4): its five
// partitions of registers, and its steps in its order. Four pixels against
// sixteen outputs.
//
//   A  v1-v4      a word of four pixels, each repeated eight times
//   B  v5-v6      the same word of sixteen outputs
//   C  v8-v15     what EOR and CNT make of A and B
//   D  v16-v23    8-bit sums of up to sixteen steps
//   E  eight more 16-bit sums, by (U)ADALP

#include "custom_ops/kernels/bgemm.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include "custom_ops/kernels/bgemm_neon_fbck.h"

namespace bifsmn {
namespace {

struct InPaperOrder {
  BIFSMN_INLINE static WordsOfTile Count(const Word* pixels,
                                         const Word* weights, int words) {
    WordsOfTile tile;
    int steps;
    asm("movi %[e0].8h, #0\n"
        "movi %[e1].8h, #0\n"
        "movi %[e2].8h, #0\n"
        "movi %[e3].8h, #0\n"
        "movi %[e4].8h, #0\n"
        "movi %[e5].8h, #0\n"
        "movi %[e6].8h, #0\n"
        "movi %[e7].8h, #0\n"
        "1:\n"
        "mov w17, #16\n"
        "cmp %w[words], #16\n"
        "csel %w[steps], %w[words], w17, lt\n"
        "sub %w[words], %w[words], %w[steps]\n"
        "movi v16.16b, #0\n"
        "movi v17.16b, #0\n"
        "movi v18.16b, #0\n"
        "movi v19.16b, #0\n"
        "movi v20.16b, #0\n"
        "movi v21.16b, #0\n"
        "movi v22.16b, #0\n"
        "movi v23.16b, #0\n"
        "2:\n"
        // A, four pixels, and B, sixteen outputs.
        "ld4r {v1.8h, v2.8h, v3.8h, v4.8h}, [%[pixels]], #8\n"
        "ld1 {v5.8h, v6.8h}, [%[weights]], #32\n"
        // C and D, for one register of B after the other.
        "eor v8.16b, v1.16b, v5.16b\n"
        "eor v9.16b, v2.16b, v5.16b\n"
        "eor v10.16b, v3.16b, v5.16b\n"
        "eor v11.16b, v4.16b, v5.16b\n"
        "cnt v8.16b, v8.16b\n"
        "cnt v9.16b, v9.16b\n"
        "cnt v10.16b, v10.16b\n"
        "cnt v11.16b, v11.16b\n"
        "add v16.16b, v16.16b, v8.16b\n"
        "add v17.16b, v17.16b, v9.16b\n"
        "add v18.16b, v18.16b, v10.16b\n"
        "add v19.16b, v19.16b, v11.16b\n"
        "eor v12.16b, v1.16b, v6.16b\n"
        "eor v13.16b, v2.16b, v6.16b\n"
        "eor v14.16b, v3.16b, v6.16b\n"
        "eor v15.16b, v4.16b, v6.16b\n"
        "cnt v12.16b, v12.16b\n"
        "cnt v13.16b, v13.16b\n"
        "cnt v14.16b, v14.16b\n"
        "cnt v15.16b, v15.16b\n"
        "add v20.16b, v20.16b, v12.16b\n"
        "add v21.16b, v21.16b, v13.16b\n"
        "add v22.16b, v22.16b, v14.16b\n"
        "add v23.16b, v23.16b, v15.16b\n"
        "subs %w[steps], %w[steps], #1\n"
        "b.ne 2b\n"
        // E, after sixteen steps at most.
        "uadalp %[e0].8h, v16.16b\n"
        "uadalp %[e1].8h, v17.16b\n"
        "uadalp %[e2].8h, v18.16b\n"
        "uadalp %[e3].8h, v19.16b\n"
        "uadalp %[e4].8h, v20.16b\n"
        "uadalp %[e5].8h, v21.16b\n"
        "uadalp %[e6].8h, v22.16b\n"
        "uadalp %[e7].8h, v23.16b\n"
        "cbnz %w[words], 1b\n"
        : [e0] "=&w"(tile.low[0]), [e1] "=&w"(tile.low[1]),
          [e2] "=&w"(tile.low[2]), [e3] "=&w"(tile.low[3]),
          [e4] "=&w"(tile.high[0]), [e5] "=&w"(tile.high[1]),
          [e6] "=&w"(tile.high[2]), [e7] "=&w"(tile.high[3]),
          [pixels] "+&r"(pixels), [weights] "+&r"(weights),
          [words] "+&r"(words), [steps] "=&r"(steps)
        :
        : "cc", "memory", "x17", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
          "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
          "v18", "v19", "v20", "v21", "v22", "v23");
    return tile;
  }
};

using Kernel = Fbck<InPaperOrder>;

}  // namespace

const BgemmKernel kBgemmNeonFbck4x16U8 = {
    "bgemm_neon_fbck_4x16_u8",
    kWordBits,
    kFbckMaxDepth,
    kWordBits,
    [] { return true; },
    PackForNeon,
    Kernel::Count,
    Kernel::Threshold,
    Kernel::Stream,
};

}  // namespace bifsmn

#endif  // __aarch64__
