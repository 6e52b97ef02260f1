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
    asm(BIFSMN_FBCK_CLEAR_E
        "1:\n" BIFSMN_FBCK_BEGIN_ROUND
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
        BIFSMN_FBCK_END_ROUND "cbnz %w[words], 1b\n"
        : BIFSMN_FBCK_RESULTS
        :
        : BIFSMN_FBCK_CLOBBERS);
    return tile;
  }
};

}  // namespace

const BgemmKernel kBgemmNeonFbck4x16U8 =
    FbckKernel<InPaperOrder>("bgemm_neon_fbck_4x16_u8");

}  // namespace bifsmn

#endif  // __aarch64__
