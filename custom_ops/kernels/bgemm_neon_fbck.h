// What both forms of FBCK (section 3.4 of the paper) share: everything but the
// order of the instructions. NEON.md has the register map.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_FBCK_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_FBCK_H_

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/bgemm_neon_epilogue.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/neon.h"

namespace bifsmn {

constexpr int kFbckMaxDepth = CeilDiv(kMaxBinaryTerms, kWordBits);

// Four pixels, word by word, as partition A loads them, and as many words again
// for a load ahead of the last one.
using FbckPixels = Word[WordsOfTile::kPixels * (kFbckMaxDepth + 1)];

inline void InterleavePixels(const Word* patches, int pixels, int words,
                             Word* interleaved) {
  const Word* rows[WordsOfTile::kPixels];
  for (int i = 0; i < WordsOfTile::kPixels; ++i) {
    rows[i] = patches + static_cast<ptrdiff_t>(std::min(i, pixels - 1)) * words;
  }
  int k = 0;
  for (; k + 8 <= words; k += 8) {
    // A macro in clang, which commas in braces would give more arguments.
    const uint16x8x4_t four = {{vld1q_u16(rows[0] + k), vld1q_u16(rows[1] + k),
                                vld1q_u16(rows[2] + k),
                                vld1q_u16(rows[3] + k)}};
    vst4q_u16(interleaved + k * WordsOfTile::kPixels, four);
  }
  for (; k < words; ++k) {
    for (int i = 0; i < WordsOfTile::kPixels; ++i) {
      interleaved[k * WordsOfTile::kPixels + i] = rows[i][k];
    }
  }
}

// What both kernels' assembly has in common: it works on the variables words,
// pixels, weights and steps, and its results are the tile.
#define BIFSMN_FBCK_CLEAR_E \
  "movi %[e0].8h, #0\n"     \
  "movi %[e1].8h, #0\n"     \
  "movi %[e2].8h, #0\n"     \
  "movi %[e3].8h, #0\n"     \
  "movi %[e4].8h, #0\n"     \
  "movi %[e5].8h, #0\n"     \
  "movi %[e6].8h, #0\n"     \
  "movi %[e7].8h, #0\n"

// As many steps as D has room for, and D cleared.
#define BIFSMN_FBCK_BEGIN_ROUND           \
  "mov w17, #16\n"                        \
  "cmp %w[words], #16\n"                  \
  "csel %w[steps], %w[words], w17, lt\n"  \
  "sub %w[words], %w[words], %w[steps]\n" \
  "movi v16.16b, #0\n"                    \
  "movi v17.16b, #0\n"                    \
  "movi v18.16b, #0\n"                    \
  "movi v19.16b, #0\n"                    \
  "movi v20.16b, #0\n"                    \
  "movi v21.16b, #0\n"                    \
  "movi v22.16b, #0\n"                    \
  "movi v23.16b, #0\n"

// D to E.
#define BIFSMN_FBCK_END_ROUND  \
  "uadalp %[e0].8h, v16.16b\n" \
  "uadalp %[e1].8h, v17.16b\n" \
  "uadalp %[e2].8h, v18.16b\n" \
  "uadalp %[e3].8h, v19.16b\n" \
  "uadalp %[e4].8h, v20.16b\n" \
  "uadalp %[e5].8h, v21.16b\n" \
  "uadalp %[e6].8h, v22.16b\n" \
  "uadalp %[e7].8h, v23.16b\n"

#define BIFSMN_FBCK_RESULTS                                                  \
  [e0] "=&w"(tile.low[0]), [e1] "=&w"(tile.low[1]), [e2] "=&w"(tile.low[2]), \
      [e3] "=&w"(tile.low[3]), [e4] "=&w"(tile.high[0]),                     \
      [e5] "=&w"(tile.high[1]), [e6] "=&w"(tile.high[2]),                    \
      [e7] "=&w"(tile.high[3]), [pixels] "+&r"(pixels),                      \
      [weights] "+&r"(weights), [words] "+&r"(words), [steps] "=&r"(steps)

#define BIFSMN_FBCK_CLOBBERS                                                   \
  "cc", "memory", "x17", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", \
      "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",     \
      "v19", "v20", "v21", "v22", "v23"

// A kernel of the family out of Counting::Count(pixels, weights, words), which
// gives the disagreements of a tile.
template <typename Counting>
struct FbckTiles {
  static bool FitBytes(int) { return false; }

  template <typename Epilogue>
  BIFSMN_INLINE static void ForEach(const Bgemm& gemm,
                                    const Epilogue& epilogue) {
    const int words = gemm.words;
    FbckPixels interleaved;
    for (int p = 0; p < gemm.rows; p += WordsOfTile::kPixels) {
      const int pixels = std::min(WordsOfTile::kPixels, gemm.rows - p);
      InterleavePixels(gemm.patches + static_cast<ptrdiff_t>(p) * words, pixels,
                       words, interleaved);
      const Word* weights = gemm.packed;
      for (int o = 0; o < gemm.outputs; o += kWordBits) {
        epilogue(p, pixels, o, Counting::Count(interleaved, weights, words));
        weights += static_cast<ptrdiff_t>(kWordBits) * words;
      }
    }
  }
};

template <typename Counting>
constexpr BgemmKernel FbckKernel(const char* name) {
  using Kernel = NeonBgemm<FbckTiles<Counting>, false>;
  return {
      name,          kWordBits,         1,           1,       kFbckMaxDepth,
      kWordBits,     kAnyPixels,        false,       HasNeon, PackForNeon,
      Kernel::Count, Kernel::Threshold, Kernel::Add,
  };
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_FBCK_H_
