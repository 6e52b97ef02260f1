// What both forms of FBCK (section 3.4 of the paper) share: everything but the
// order of the instructions. NEON.md has the register map.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_FBCK_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_FBCK_H_

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/bgemm_neon_epilogue.h"
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
    vst4q_u16(interleaved + k * WordsOfTile::kPixels,
              {{vld1q_u16(rows[0] + k), vld1q_u16(rows[1] + k),
                vld1q_u16(rows[2] + k), vld1q_u16(rows[3] + k)}});
  }
  for (; k < words; ++k) {
    for (int i = 0; i < WordsOfTile::kPixels; ++i) {
      interleaved[k * WordsOfTile::kPixels + i] = rows[i][k];
    }
  }
}

// A kernel of the family out of Counting::Count(pixels, weights, words), which
// gives the disagreements of a tile.
template <typename Counting>
class Fbck {
 public:
  static void Count(const Bgemm& gemm, uint16_t* disagreements) {
    ForEachTile(gemm, CountEpilogue(gemm.outputs, disagreements));
  }

  static void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
                        Word* bits) {
    if (thresholds.patterns == nullptr) {
      ForEachTile(gemm, ThresholdEpilogue<false, false>(gemm.outputs,
                                                        thresholds, bits));
    } else {
      ForEachTile(
          gemm, ThresholdEpilogue<true, false>(gemm.outputs, thresholds, bits));
    }
  }

  static void Stream(const Bgemm& gemm, int base, const ShortStream& parameters,
                     const int16_t* residual, int16_t* stream, Word* bits) {
    if (residual == nullptr) {
      ForEachTile(gemm, StreamEpilogue<false>(gemm.outputs, base, parameters,
                                              nullptr, stream, bits));
    } else {
      ForEachTile(gemm, StreamEpilogue<true>(gemm.outputs, base, parameters,
                                             residual, stream, bits));
    }
  }

 private:
  template <typename Epilogue>
  BIFSMN_INLINE static void ForEachTile(const Bgemm& gemm,
                                        const Epilogue& epilogue) {
    const int words = gemm.words;
    FbckPixels interleaved;
    for (int p = 0; p < gemm.pixels; p += WordsOfTile::kPixels) {
      const int pixels = std::min(WordsOfTile::kPixels, gemm.pixels - p);
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

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_FBCK_H_
