// What the NEON kernels make of a tile's counts while these are in registers.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_EPILOGUE_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_EPILOGUE_H_

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/base_lanes.h"
#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/int16_residual_neon.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/neon.h"
#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn {

// Disagreements of eight pixels with sixteen outputs. An output has two bytes,
// one for each half of its bits: bytes 2 i and 2 i + 1 of `low` belong to
// output i, those of `high` to output 8 + i.
struct BytesOfTile {
  static constexpr int kPixels = 8;

  BIFSMN_INLINE uint16x8_t Low(int i) const { return vpaddlq_u8(low[i]); }
  BIFSMN_INLINE uint16x8_t High(int i) const { return vpaddlq_u8(high[i]); }

  // Both bytes of an output together, where that fits a byte.
  BIFSMN_INLINE uint8x16_t Bytes(int i) const {
    return vpaddq_u8(low[i], high[i]);
  }

  uint8x16_t low[kPixels];
  uint8x16_t high[kPixels];
};

// Of four pixels, in 16 bits.
struct WordsOfTile {
  static constexpr int kPixels = 4;

  BIFSMN_INLINE uint16x8_t Low(int i) const { return low[i]; }
  BIFSMN_INLINE uint16x8_t High(int i) const { return high[i]; }
  BIFSMN_INLINE uint8x16_t Bytes(int i) const {
    return vuzp1q_u8(vreinterpretq_u8_u16(low[i]),
                     vreinterpretq_u8_u16(high[i]));
  }

  uint16x8_t low[kPixels];
  uint16x8_t high[kPixels];
};

// A tile whose rows are the planes of pixels.
template <typename Tile>
struct JoinedTile {
  static constexpr int kPixels = Tile::kPixels / 2;

  BIFSMN_INLINE uint16x8_t Low(int i) const {
    return vaddq_u16(vshlq_n_u16(tile.Low(2 * i), 1), tile.Low(2 * i + 1));
  }
  BIFSMN_INLINE uint16x8_t High(int i) const {
    return vaddq_u16(vshlq_n_u16(tile.High(2 * i), 1), tile.High(2 * i + 1));
  }

  const Tile& tile;
};

// An epilogue for the pixels of two planes.
template <typename Epilogue>
class Joined {
 public:
  BIFSMN_INLINE explicit Joined(const Epilogue& epilogue)
      : epilogue_(epilogue) {}

  template <typename Tile>
  BIFSMN_INLINE void operator()(int row, int rows, int o,
                                const Tile& tile) const {
    epilogue_(row / 2, rows / 2, o, JoinedTile<Tile>{tile});
  }

 private:
  const Epilogue& epilogue_;
};

// Writes the planes of a tile's first `pixels` pixels: mask(t, i) is what of
// pixel i is below threshold t, flips[t * words] whose bits are the other way
// round. A pixel has twice `words` of bits.
template <int kPixels, typename Mask>
BIFSMN_INLINE void StoreLevels(const Mask& mask, const Word* flips, int pixels,
                               ptrdiff_t words, Word* bits) {
  uint16x8_t below[kLevelThresholds];
  if constexpr (kPixels == 8) {
    BIFSMN_UNROLL
    for (int t = 0; t < kLevelThresholds; ++t) {
      uint8x16_t masks[8];
      BIFSMN_UNROLL
      for (int i = 0; i < 8; ++i) masks[i] = mask(t, i);
      below[t] = PackMasks(masks);
    }
  } else {
    // Two thresholds fill the words of one.
    uint8x16_t masks[2][8] = {};
    BIFSMN_UNROLL
    for (int t = 0; t < kLevelThresholds; ++t) {
      BIFSMN_UNROLL
      for (int i = 0; i < 4; ++i) masks[t / 2][t % 2 * 4 + i] = mask(t, i);
    }
    below[0] = PackMasks(masks[0]);
    below[1] = vextq_u16(below[0], below[0], 4);
    below[2] = PackMasks(masks[1]);
  }
  if (flips != nullptr) {
    for (int t = 0; t < kLevelThresholds; ++t) {
      below[t] = veorq_u16(below[t], vld1q_dup_u16(flips + t * words));
    }
  }
  const uint16x8x2_t planes = CountBelowEight(below[0], below[1], below[2]);
  StoreWords(planes.val[0], pixels, 2 * words, bits);
  StoreWords(planes.val[1], pixels, 2 * words, bits + words);
}

// For each word of a patch, the words of sixteen outputs.
inline void PackForNeon(const Word* weights, int outputs, int words,
                        Word* packed) {
  PackTiles(WeightMatrix<Word>{weights, outputs, words}, kWordBits, 1, packed);
}

// The disagreements as they are.
class CountEpilogue {
 public:
  CountEpilogue(int outputs, uint16_t* counts)
      : row_(BgemmRowStride(outputs)), counts_(counts) {}

  template <typename Tile>
  BIFSMN_INLINE void operator()(int p, int pixels, int o,
                                const Tile& tile) const {
    uint16_t* counts = counts_ + p * row_ + o;
    for (int i = 0; i < Tile::kPixels; ++i) {
      if (i == pixels) return;
      vst1q_u16(counts, tile.Low(i));
      vst1q_u16(counts + 8, tile.High(i));
      counts += row_;
    }
  }

 private:
  ptrdiff_t row_;
  uint16_t* counts_;
};

// Bits, or levels. With kPatterns, pixels have rows of limits of their own.
// With kOneByte, the counts of an output's two bytes add up to less than 255.
template <bool kPatterns, bool kOneByte, bool kLevels>
class ThresholdEpilogue {
 public:
  ThresholdEpilogue(int outputs, const BgemmThresholds& thresholds, Word* bits)
      : row_(BgemmRowStride(outputs)),
        words_(WordsFor(outputs)),
        limits_(thresholds.limits),
        next_limits_(thresholds.next_limits),
        patterns_(thresholds.patterns),
        flips_(thresholds.flips),
        bits_(bits) {}

  template <typename Tile>
  BIFSMN_INLINE void operator()(int p, int pixels, int o,
                                const Tile& tile) const {
    const ptrdiff_t word = o / kWordBits;
    if constexpr (kLevels) {
      // Of each pixel, its limits. Pixels are asked for in order, and most have
      // those of the one before: three loads of each take longer than looking.
      const uint16_t* rows[Tile::kPixels];
      BIFSMN_UNROLL
      for (int i = 0; i < Tile::kPixels; ++i) {
        rows[i] = LimitsOf(p, pixels, i) + o;
      }
      Limits limits(rows[0]);
      const auto mask = [&](int t, int i) BIFSMN_INLINE_LAMBDA {
        if (i == 0 || (kPatterns && rows[i] != rows[i - 1])) {
          limits = Limits(rows[i] + t * next_limits_);
        }
        return limits.Reached(tile, i);
      };
      StoreLevels<Tile::kPixels>(mask, flips_ + word, pixels, words_,
                                 bits_ + 2 * p * words_ + word);
      return;
    }
    uint8x16_t masks[8] = {};
    const Limits shared(limits_ + o);
    BIFSMN_UNROLL
    for (int i = 0; i < Tile::kPixels; ++i) {
      if (kPatterns) {
        masks[i] = Limits(LimitsOf(p, pixels, i) + o).Reached(tile, i);
      } else {
        masks[i] = shared.Reached(tile, i);
      }
    }
    const uint16x8_t flips = vld1q_dup_u16(flips_ + word);
    StoreWords(veorq_u16(PackMasks(masks), flips), pixels, words_,
               bits_ + p * words_ + word);
  }

 private:
  // Limits of a pixel's disagreements with sixteen outputs.
  class Limits {
   public:
    BIFSMN_INLINE explicit Limits(const uint16_t* limits)
        : low_(Loaded(limits)), high_(Loaded(limits + 8)) {
      // No count reaches 255, so that such a limit is still never reached.
      bytes_ = vqmovn_high_u16(vqmovn_u16(low_), high_);
    }

    template <typename Tile>
    BIFSMN_INLINE uint8x16_t Reached(const Tile& tile, int i) const {
      if constexpr (kOneByte) return vcgeq_u8(tile.Bytes(i), bytes_);
      return vuzp1q_u8(vreinterpretq_u8_u16(vcgeq_u16(tile.Low(i), low_)),
                       vreinterpretq_u8_u16(vcgeq_u16(tile.High(i), high_)));
    }

   private:
    BIFSMN_INLINE static uint16x8_t Loaded(const uint16_t* limits) {
      return vcombine_u16(vcreate_u16(LoadBeside(limits)),
                          vcreate_u16(LoadBeside(limits + 4)));
    }

    uint16x8_t low_;
    uint16x8_t high_;
    uint8x16_t bytes_;
  };

  // The limits of pixel p + i, or of the last one of the tile.
  BIFSMN_INLINE const uint16_t* LimitsOf(int p, int pixels, int i) const {
    if (!kPatterns) return limits_;
    const uint16_t pattern = patterns_[p + std::min(i, pixels - 1)];
    return limits_ + pattern * row_;
  }

  ptrdiff_t row_;
  ptrdiff_t words_;
  const uint16_t* limits_;
  ptrdiff_t next_limits_;
  const uint16_t* patterns_;
  const Word* flips_;
  Word* bits_;
};

// The 16-bit residual, added to one or not, and, unless `bits` is null, its
// signs or levels. All sixteen outputs of a tile exist.
template <bool kAdds, bool kLevels>
class AddEpilogue {
 public:
  AddEpilogue(int outputs, int base, const Int16Residual& parameters,
              const int16_t* residual, int16_t* result, Word* bits)
      : outputs_(outputs),
        words_(WordsFor(outputs)),
        parameters_(parameters),
        scaled_base_(
            vdupq_n_s16(static_cast<int16_t>(base * (1 << parameters.shift)))),
        shift_(vdupq_n_s16(static_cast<int16_t>(parameters.shift + 1))),
        residual_(residual),
        result_(result),
        bits_(bits) {}

  template <typename Tile>
  BIFSMN_INLINE void operator()(int p, int pixels, int o,
                                const Tile& tile) const {
    const ptrdiff_t at = p * outputs_ + o;
    if (pixels == Tile::kPixels) {
      const uint16x8_t signs =
          Add(tile, o, residual_ + at, outputs_, result_ + at);
      Store(signs, result_ + at, outputs_, p, pixels, o, tile);
    } else {
      int16_t values[Tile::kPixels * kWordBits] = {};
      for (int i = 0; kAdds && i < pixels; ++i) {
        std::copy_n(residual_ + at + i * outputs_, kWordBits,
                    values + i * kWordBits);
      }
      const uint16x8_t signs = Add(tile, o, values, kWordBits, values);
      for (int i = 0; i < pixels; ++i) {
        std::copy_n(values + i * kWordBits, kWordBits,
                    result_ + at + i * outputs_);
      }
      Store(signs, values, kWordBits, p, pixels, o, tile);
    }
  }

 private:
  // Writes the signs or, of values `stride` apart, the levels.
  template <typename Tile>
  BIFSMN_INLINE void Store(uint16x8_t signs, const int16_t* values,
                           ptrdiff_t stride, int p, int pixels, int o,
                           const Tile&) const {
    if (bits_ == nullptr) return;
    const ptrdiff_t word = o / kWordBits;
    if constexpr (!kLevels) {
      StoreWords(signs, pixels, words_, bits_ + p * words_ + word);
      return;
    }
    const auto mask = [&](int t, int i) BIFSMN_INLINE_LAMBDA {
      return MaskBelow(
          values + i * stride,
          parameters_.threshold + t * parameters_.next_threshold + o);
    };
    StoreLevels<Tile::kPixels>(mask, nullptr, pixels, words_,
                               bits_ + 2 * p * words_ + word);
  }

  // A tile's pixels, `stride` values apart; returns the words of the signs,
  // which are not made where levels are.
  template <typename Tile>
  BIFSMN_INLINE uint16x8_t Add(const Tile& tile, int o, const int16_t* residual,
                               ptrdiff_t stride, int16_t* result) const {
    const Int16ResidualLanes low(parameters_, o);
    const Int16ResidualLanes high(parameters_, o + 8);
    uint8x16_t masks[8] = {};
    BIFSMN_UNROLL
    for (int i = 0; i < Tile::kPixels; ++i) {
      int16x8_t y = low.Branch(ScaledDots(tile.Low(i)));
      int16x8_t z = high.Branch(ScaledDots(tile.High(i)));
      if (kAdds) {
        y = vqaddq_s16(LoadByHalves(residual), y);
        z = vqaddq_s16(LoadByHalves(residual + 8), z);
        NextRow(stride, residual);
      }
      vst1q_s16(result, y);
      vst1q_s16(result + 8, z);
      NextRow(stride, result);
      if constexpr (!kLevels) {
        masks[i] = vuzp1q_u8(vreinterpretq_u8_u16(low.Signs(y)),
                             vreinterpretq_u8_u16(high.Signs(z)));
      }
    }
    return kLevels ? uint16x8_t{} : PackMasks(masks);
  }

  BIFSMN_INLINE int16x8_t ScaledDots(uint16x8_t counts) const {
    return vsubq_s16(scaled_base_,
                     vshlq_s16(vreinterpretq_s16_u16(counts), shift_));
  }

  ptrdiff_t outputs_;
  ptrdiff_t words_;
  Int16Residual parameters_;
  int16x8_t scaled_base_;
  int16x8_t shift_;
  const int16_t* residual_;
  int16_t* result_;
  Word* bits_;
};

// A kernel out of Tiles::ForEach(gemm, epilogue), which calls epilogue(first
// row, how many, first output, counts) for every tile, and
// Tiles::FitBytes(words): whether both halves of the bits of so many words have
// room in one byte. With kTakesLevels, it does.
template <typename Tiles, bool kTakesLevels>
class NeonBgemm {
 public:
  static void Count(const Bgemm& gemm, uint16_t* disagreements) {
    Run(gemm, CountEpilogue(gemm.outputs, disagreements));
  }

  static void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
                        Word* bits) {
    if (thresholds.patterns == nullptr) {
      ThresholdWith<false>(gemm, thresholds, bits);
    } else {
      ThresholdWith<true>(gemm, thresholds, bits);
    }
  }

  static void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
                  const int16_t* residual, int16_t* result, Word* bits) {
    if (residual == nullptr) {
      AddTo<false>(gemm, base, parameters, residual, result, bits);
    } else {
      AddTo<true>(gemm, base, parameters, residual, result, bits);
    }
  }

 private:
  // Inlined, so that what an epilogue has stays in registers.
  template <typename Epilogue>
  BIFSMN_INLINE static void Run(const Bgemm& gemm, const Epilogue& epilogue) {
    if constexpr (kTakesLevels) {
      if (gemm.planes == 2) {
        Tiles::ForEach(gemm, Joined<Epilogue>(epilogue));
        return;
      }
    }
    Tiles::ForEach(gemm, epilogue);
  }

  template <bool kPatterns>
  static void ThresholdWith(const Bgemm& gemm,
                            const BgemmThresholds& thresholds, Word* bits) {
    if constexpr (kTakesLevels) {
      if (thresholds.next_limits != 0) {
        ThresholdOf<kPatterns, true>(gemm, thresholds, bits);
        return;
      }
    }
    ThresholdOf<kPatterns, false>(gemm, thresholds, bits);
  }

  template <bool kPatterns, bool kLevels>
  static void ThresholdOf(const Bgemm& gemm, const BgemmThresholds& thresholds,
                          Word* bits) {
    if (gemm.planes == 1 && Tiles::FitBytes(gemm.words)) {
      Tiles::ForEach(gemm, ThresholdEpilogue<kPatterns, true, kLevels>(
                               gemm.outputs, thresholds, bits));
    } else {
      Run(gemm, ThresholdEpilogue<kPatterns, false, kLevels>(gemm.outputs,
                                                             thresholds, bits));
    }
  }

  template <bool kAdds>
  static void AddTo(const Bgemm& gemm, int base,
                    const Int16Residual& parameters, const int16_t* residual,
                    int16_t* result, Word* bits) {
    if constexpr (kTakesLevels) {
      if (parameters.next_threshold != 0) {
        Run(gemm, AddEpilogue<kAdds, true>(gemm.outputs, base, parameters,
                                           residual, result, bits));
        return;
      }
    }
    Run(gemm, AddEpilogue<kAdds, false>(gemm.outputs, base, parameters,
                                        residual, result, bits));
  }
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_NEON_EPILOGUE_H_
