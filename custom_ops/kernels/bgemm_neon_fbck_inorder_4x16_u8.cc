// FBCK with the same partitions as bgemm_neon_fbck_4x16_u8, and its loads where
// an in-order core has time for them: A while C is counted, B through general
// registers, each a step ahead.

#include "custom_ops/kernels/bgemm.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include "custom_ops/kernels/bgemm_neon_fbck.h"

namespace bifsmn {
namespace {

struct ForInOrderCores {
  BIFSMN_INLINE static WordsOfTile Count(const Word* pixels,
                                         const Word* weights, int words) {
    WordsOfTile tile;
    int steps;
    asm(BIFSMN_FBCK_CLEAR_E
        "ld4r {v1.8h, v2.8h, v3.8h, v4.8h}, [%[pixels]], #8\n"
        "ldp q5, q6, [%[weights]]\n"
        "1:\n" BIFSMN_FBCK_BEGIN_ROUND
        "2:\n"
        // The weights of the next step, or the last ones again rather than what
        // lies behind them.
        "eor v8.16b, v1.16b, v5.16b\n"
        "subs %w[steps], %w[steps], #1\n"
        "eor v9.16b, v2.16b, v5.16b\n"
        "add x9, %[weights], #32\n"
        "eor v10.16b, v3.16b, v5.16b\n"
        "orr w17, %w[words], %w[steps]\n"
        "eor v11.16b, v4.16b, v5.16b\n"
        "cmp w17, #0\n"
        "eor v12.16b, v1.16b, v6.16b\n"
        "csel %[weights], x9, %[weights], ne\n"
        "eor v13.16b, v2.16b, v6.16b\n"
        "eor v14.16b, v3.16b, v6.16b\n"
        "eor v15.16b, v4.16b, v6.16b\n"
        "ld4r {v1.8h, v2.8h, v3.8h, v4.8h}, [%[pixels]], #8\n"
        "cnt v8.16b, v8.16b\n"
        "ldr x9, [%[weights]]\n"
        "cnt v9.16b, v9.16b\n"
        "ldr x10, [%[weights], #8]\n"
        "cnt v10.16b, v10.16b\n"
        "ldr x11, [%[weights], #16]\n"
        "cnt v11.16b, v11.16b\n"
        "ldr x12, [%[weights], #24]\n"
        "cnt v12.16b, v12.16b\n"
        "cnt v13.16b, v13.16b\n"
        "cnt v14.16b, v14.16b\n"
        "cnt v15.16b, v15.16b\n"
        "fmov d5, x9\n"
        "fmov d6, x11\n"
        "add v16.16b, v16.16b, v8.16b\n"
        "add v17.16b, v17.16b, v9.16b\n"
        "add v18.16b, v18.16b, v10.16b\n"
        "add v19.16b, v19.16b, v11.16b\n"
        "ins v5.d[1], x10\n"
        "ins v6.d[1], x12\n"
        "add v20.16b, v20.16b, v12.16b\n"
        "add v21.16b, v21.16b, v13.16b\n"
        "cmp %w[steps], #0\n"
        "add v22.16b, v22.16b, v14.16b\n"
        "add v23.16b, v23.16b, v15.16b\n"
        "b.ne 2b\n" BIFSMN_FBCK_END_ROUND "cbnz %w[words], 1b\n"
        : BIFSMN_FBCK_RESULTS
        :
        : BIFSMN_FBCK_CLOBBERS, "x9", "x10", "x11", "x12");
    return tile;
  }
};

}  // namespace

const BgemmKernel kBgemmNeonFbckInorder4x16U8 =
    FbckKernel<ForInOrderCores>("bgemm_neon_fbck_inorder_4x16_u8");

}  // namespace bifsmn

#endif  // __aarch64__
