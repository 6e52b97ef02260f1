// One pixel against sixteen outputs, for the step of a stream: nothing is left
// of what a tile of pixels shares, so that it is bound by bringing the weights
// in. A vector has eight words of one output, and the pixel's own words stay in
// registers as they are. Half of the weights meet them in general registers,
// which is free beside vector operations. NEON.md has the schedule.

#include "custom_ops/kernels/bgemm.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/int16_residual_neon.h"
#include "custom_ops/kernels/neon.h"
#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn {
namespace {

// Words of a vector.
constexpr int kChunkWords = 8;

// A byte counts the first halves of three vectors, and three words more.
constexpr int kMaxDepth = 27;
// Words whose bits one byte counts with a limit above.
constexpr int kMaxByteWords = 15;
constexpr int kMaxChunks = CeilDiv(kMaxDepth, kChunkWords);

// Tiles of outputs whose counts are kept before an epilogue takes them: as many
// words of bits as PackMasks makes.
constexpr int kGroupTiles = 8;

// Of each tile, eight words of all its outputs after another.
void Pack(const Word* weights, int outputs, int words, Word* packed) {
  PackTiles(WeightMatrix<Word>{weights, outputs, words}, kWordBits, kChunkWords,
            packed);
}

// A step has two outputs, A and B, and six cycles. It begins with their
// weights' loads; what is later done to them stands in the next four steps:
//
//   ldp A | ldp B     eor B, fmov A and B, eor B, ins A and B
//   eor A, cnt B      cnt A     JOIN, addp of A and B
//
// Of step s, x0-x3 (even) or x4-x7 have the weights, the fifth and the sixth
// argument are the vectors. A vector's halves are moved three cycles apart.
// clang-format off
#define STEP(x0, x1, x2, x3, y1, y2, y3, y4, a4, b4, a1, b1, a2, b2, a3,      \
             sums, from, at, JOIN, EXTRA)                                     \
  "cnt v" a3 ".16b, v" a3 ".16b\n"                                            \
  "ldp x" x0 ", x" x1 ", [" from ", #" at "]\n"                               \
  JOIN##_FIRST(sums, a4, b4)                                                  \
  "eor x" y3 ", x" y3 ", x8\n"                                                \
  "fmov d" a1 ", x" y1 "\n"                                                   \
  "fmov d" b1 ", x" y3 "\n"                                                   \
  "eor v" a2 ".16b, v" a2 ".16b, v16.16b\n"                                   \
  "ldp x" x2 ", x" x3 ", [" from ", #" at "+16]\n"                            \
  "cnt v" b2 ".16b, v" b2 ".16b\n"                                            \
  "eor x" y4 ", x" y4 ", x9\n"                                                \
  EXTRA                                                                       \
  "ins v" a1 ".d[1], x" y2 "\n"                                               \
  "ins v" b1 ".d[1], x" y4 "\n"                                               \
  JOIN##_THEN(sums)

// The first eight words begin the sums, others are added to them.
#define SET_FIRST(sums, a, b) "addp v" sums ".16b, v" a ".16b, v" b ".16b\n"
#define SET_THEN(sums)
#define ADD_FIRST(sums, a, b) "addp v17.16b, v" a ".16b, v" b ".16b\n"
#define ADD_THEN(sums) "add v" sums ".16b, v" sums ".16b, v17.16b\n"

#define STEP_0(sums, from, at, JOIN, EXTRA)                                   \
  STEP("0", "1", "2", "3", "4", "5", "6", "7", "0", "1", "6", "7", "4", "5",  \
       "2", sums, from, at, JOIN, EXTRA)
#define STEP_1(sums, from, at, JOIN, EXTRA)                                   \
  STEP("4", "5", "6", "7", "0", "1", "2", "3", "2", "3", "0", "1", "6", "7",  \
       "4", sums, from, at, JOIN, EXTRA)
#define STEP_2(sums, from, at, JOIN, EXTRA)                                   \
  STEP("0", "1", "2", "3", "4", "5", "6", "7", "4", "5", "2", "3", "0", "1",  \
       "6", sums, from, at, JOIN, EXTRA)
#define STEP_3(sums, from, at, JOIN, EXTRA)                                   \
  STEP("4", "5", "6", "7", "0", "1", "2", "3", "6", "7", "4", "5", "2", "3",  \
       "0", sums, from, at, JOIN, EXTRA)

// The first four steps of what lies at x11, which end the one before.
#define BEGIN(JOIN, NEXT_HALVES, NEXT_WHOLE)                                  \
  STEP_0("12", "x11", "0", JOIN, NEXT_HALVES)                                 \
  STEP_1("13", "x11", "32", JOIN, NEXT_WHOLE)                                 \
  STEP_2("14", "x11", "64", JOIN, "")                                         \
  STEP_3("15", "x11", "96", JOIN, "")

// Sixteen outputs' eight words at x10, of which four steps have begun, and the
// first four steps of the next ones. There are none behind the last ones, which
// begin again instead.
#define ROUND(JOIN, NEXT_HALVES, NEXT_WHOLE)                                  \
  "subs %w[rounds], %w[rounds], #1\n"                                         \
  "add x11, x10, #256\n"                                                      \
  "csel x11, x10, x11, eq\n"                                                  \
  STEP_0("8", "x10", "128", JOIN, "")                                         \
  STEP_1("9", "x10", "160", JOIN, "")                                         \
  STEP_2("10", "x10", "192", JOIN, "")                                        \
  STEP_3("11", "x10", "224", JOIN, "")                                        \
  BEGIN(JOIN, NEXT_HALVES, NEXT_WHOLE)                                        \
  "mov x10, x11\n"

// The pixel's words that the next round meets.
#define NEXT_HALVES                                                           \
  "add x12, x12, #16\n"                                                       \
  "cmp x12, x13\n"                                                            \
  "csel x12, %[patch], x12, eq\n"                                             \
  "ldp x8, x9, [x12]\n"
#define NEXT_WHOLE "ldr q16, [x12]\n"

// Of v8-v15, with eight bytes for an output, two for an output.
#define STORE_TILE                                                            \
  "addp v18.16b, v8.16b, v9.16b\n"                                            \
  "addp v19.16b, v10.16b, v11.16b\n"                                          \
  "addp v20.16b, v12.16b, v13.16b\n"                                          \
  "addp v21.16b, v14.16b, v15.16b\n"                                          \
  "addp v18.16b, v18.16b, v19.16b\n"                                          \
  "addp v20.16b, v20.16b, v21.16b\n"                                          \
  "stp q18, q20, [%[counts]], #32\n"

#define START                                                                 \
  "mov x11, %[weights]\n"                                                     \
  "ldp x8, x9, [%[patch]]\n"                                                  \
  "ldr q16, [%[patch]]\n"                                                     \
  BEGIN(SET, "", "")                                                          \
  "mov x10, %[weights]\n"
// clang-format on

#define CLOBBERED                                                             \
  "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", \
      "x10", "x11", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",     \
      "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",    \
      "v19", "v20", "v21"

// The disagreements of a pixel's `chunks` times eight words with the outputs of
// `tiles` tiles. An output has two bytes, each of half its bits.
void CountTiles(const Word* patch, int chunks, const Word* weights, int tiles,
                uint8_t* counts) {
  int rounds = chunks * tiles;
  if (chunks == 1) {
    // clang-format off
    asm volatile(START
        ".p2align 4\n"
        "1:\n"
        ROUND(SET, "", "")
        STORE_TILE
        "cbnz %w[rounds], 1b\n"
        : [rounds] "+r"(rounds), [counts] "+r"(counts)
        : [patch] "r"(patch), [weights] "r"(weights)
        : CLOBBERED);
    return;
  }
  asm volatile(START
      "mov x12, %[patch]\n"
      "add x13, x12, %w[chunks], uxtw #4\n"
      "1:\n"
      ROUND(SET, NEXT_HALVES, NEXT_WHOLE)
      "sub w14, %w[chunks], #1\n"
      ".p2align 4\n"
      "2:\n"
      ROUND(ADD, NEXT_HALVES, NEXT_WHOLE)
      "sub w14, w14, #1\n"
      "cbnz w14, 2b\n"
      STORE_TILE
      "cbnz %w[rounds], 1b\n"
      : [rounds] "+r"(rounds), [counts] "+r"(counts)
      : [patch] "r"(patch), [weights] "r"(weights), [chunks] "r"(chunks)
      : CLOBBERED, "x12", "x13", "x14");
  // clang-format on
}

// The counts of a group's tiles. Bytes 2 i and 2 i + 1 of a tile's first half
// belong to its output i, those of the other one to output 8 + i.
class Counts {
 public:
  explicit Counts(const uint8_t* bytes) : bytes_(bytes) {}

  BIFSMN_INLINE uint16x8_t Low(int tile) const {
    return vpaddlq_u8(Half(2 * tile));
  }
  BIFSMN_INLINE uint16x8_t High(int tile) const {
    return vpaddlq_u8(Half(2 * tile + 1));
  }
  // Both bytes of an output together, where that fits a byte.
  BIFSMN_INLINE uint8x16_t Bytes(int tile) const {
    return vpaddq_u8(Half(2 * tile), Half(2 * tile + 1));
  }

 private:
  BIFSMN_INLINE uint8x16_t Half(int half) const {
    const uint8_t* bytes = bytes_ + 16 * half;
    return vcombine_u8(vld1_u8(bytes), vld1_u8(bytes + 8));
  }

  const uint8_t* bytes_;
};

BIFSMN_INLINE uint16x8_t LoadLimits(const uint16_t* limits) {
  return vreinterpretq_u16_s16(
      LoadBeside8(reinterpret_cast<const int16_t*>(limits)));
}

// All bits set where sixteen outputs' counts reach their limits. With kOneByte,
// no count is larger than 240.
template <bool kOneByte>
BIFSMN_INLINE uint8x16_t Reached(const Counts& counts, int tile,
                                 const uint16_t* limits) {
  const uint16x8_t low = LoadLimits(limits);
  const uint16x8_t high = LoadLimits(limits + 8);
  if (kOneByte) {
    // A limit of 255 is still never reached.
    return vcgeq_u8(counts.Bytes(tile), vqmovn_high_u16(vqmovn_u16(low), high));
  }
  return vuzp1q_u8(vreinterpretq_u8_u16(vcgeq_u16(counts.Low(tile), low)),
                   vreinterpretq_u8_u16(vcgeq_u16(counts.High(tile), high)));
}

// Calls epilogue(pixel, first output, how many tiles, counts) for every group.
template <typename Epilogue>
BIFSMN_INLINE void ForEachGroup(const Bgemm& gemm, const Epilogue& epilogue) {
  const int chunks = CeilDiv(gemm.words, kChunkWords);
  const ptrdiff_t tile_words = ptrdiff_t{kWordBits} * chunks * kChunkWords;
  alignas(16) Word patch[kMaxChunks * kChunkWords];
  alignas(16) uint8_t bytes[kGroupTiles * 2 * kWordBits];
  for (int p = 0; p < gemm.pixels; ++p) {
    // Weights are 0 where there are no words.
    std::fill(std::copy_n(gemm.patches + ptrdiff_t{p} * gemm.words, gemm.words,
                          patch),
              std::end(patch), Word{0});
    const Word* weights = gemm.packed;
    int left = WordsFor(gemm.outputs);
    for (int o = 0; left > 0; o += kGroupTiles * kWordBits) {
      const int tiles = std::min(left, kGroupTiles);
      CountTiles(patch, chunks, weights, tiles, bytes);
      epilogue(p, o, tiles, Counts(bytes));
      weights += tiles * tile_words;
      left -= tiles;
    }
  }
}

void Count(const Bgemm& gemm, uint16_t* disagreements) {
  const ptrdiff_t row = BgemmRowStride(gemm.outputs);
  ForEachGroup(gemm, [&](int p, int o, int tiles, const Counts& counts) {
    uint16_t* to = disagreements + p * row + o;
    for (int i = 0; i < tiles; ++i) {
      vst1q_u16(to + i * kWordBits, counts.Low(i));
      vst1q_u16(to + i * kWordBits + 8, counts.High(i));
    }
  });
}

template <bool kOneByte>
void ThresholdWith(const Bgemm& gemm, const BgemmThresholds& thresholds,
                   Word* bits) {
  const ptrdiff_t row = BgemmRowStride(gemm.outputs);
  const ptrdiff_t words = WordsFor(gemm.outputs);
  ForEachGroup(gemm, [&](int p, int o, int tiles,
                         const Counts& counts) BIFSMN_INLINE_LAMBDA {
    const ptrdiff_t pattern =
        thresholds.patterns == nullptr ? 0 : thresholds.patterns[p];
    const uint16_t* limits = thresholds.limits + pattern * row + o;
    const Word* flips = thresholds.flips + o / kWordBits;
    Word* to = bits + p * words + o / kWordBits;
    uint8x16_t masks[kGroupTiles] = {};
    if (tiles == kGroupTiles) {
      BIFSMN_UNROLL
      for (int i = 0; i < kGroupTiles; ++i) {
        masks[i] = Reached<kOneByte>(counts, i, limits + i * kWordBits);
      }
      vst1q_u16(to, veorq_u16(PackMasks(masks), vld1q_u16(flips)));
      return;
    }
    for (int i = 0; i < tiles; ++i) {
      masks[i] = Reached<kOneByte>(counts, i, limits + i * kWordBits);
    }
    StoreWords(PackMasks(masks), tiles, 1, to);
    for (int i = 0; i < tiles; ++i) to[i] ^= flips[i];
  });
}

void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
               Word* bits) {
  if (gemm.words <= kMaxByteWords) {
    ThresholdWith<true>(gemm, thresholds, bits);
  } else {
    ThresholdWith<false>(gemm, thresholds, bits);
  }
}

// The 16-bit residual of a row.
template <bool kAdds>
class AddRow {
 public:
  AddRow(int base, const Int16Residual& parameters)
      : parameters_(parameters),
        scaled_base_(
            vdupq_n_s16(static_cast<int16_t>(base * (1 << parameters.shift)))),
        shift_(vdupq_n_s16(static_cast<int16_t>(parameters.shift + 1))) {}

  // Of sixteen outputs from `o` on; returns where signs are below.
  BIFSMN_INLINE uint8x16_t Tile(const Counts& counts, int tile, int o,
                                const int16_t* residual,
                                int16_t* result) const {
    const Int16ResidualLanes low(parameters_, o);
    const Int16ResidualLanes high(parameters_, o + 8);
    int16x8_t y = low.Branch(ScaledDots(counts.Low(tile)));
    int16x8_t z = high.Branch(ScaledDots(counts.High(tile)));
    if (kAdds) {
      y = vqaddq_s16(LoadByHalves(residual), y);
      z = vqaddq_s16(LoadByHalves(residual + 8), z);
    }
    vst1q_s16(result, y);
    vst1q_s16(result + 8, z);
    return vuzp1q_u8(vreinterpretq_u8_u16(low.Signs(y)),
                     vreinterpretq_u8_u16(high.Signs(z)));
  }

 private:
  BIFSMN_INLINE int16x8_t ScaledDots(uint16x8_t counts) const {
    return vsubq_s16(scaled_base_,
                     vshlq_s16(vreinterpretq_s16_u16(counts), shift_));
  }

  Int16Residual parameters_;
  int16x8_t scaled_base_;
  int16x8_t shift_;
};

template <bool kAdds>
void AddWith(const Bgemm& gemm, int base, const Int16Residual& parameters,
             const int16_t* residual, int16_t* result, Word* bits) {
  const AddRow<kAdds> add(base, parameters);
  const ptrdiff_t words = WordsFor(gemm.outputs);
  ForEachGroup(gemm, [&](int p, int o, int tiles, const Counts& counts) {
    uint8x16_t masks[kGroupTiles] = {};
    const ptrdiff_t at = ptrdiff_t{p} * gemm.outputs + o;
    for (int i = 0; i < tiles; ++i) {
      const ptrdiff_t first = at + i * kWordBits;
      masks[i] = add.Tile(counts, i, o + i * kWordBits,
                          kAdds ? residual + first : nullptr, result + first);
    }
    if (bits == nullptr) return;
    StoreWords(PackMasks(masks), tiles, 1, bits + p * words + o / kWordBits);
  });
}

void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
         const int16_t* residual, int16_t* result, Word* bits) {
  if (residual == nullptr) {
    AddWith<false>(gemm, base, parameters, nullptr, result, bits);
  } else {
    AddWith<true>(gemm, base, parameters, residual, result, bits);
  }
}

}  // namespace

const BgemmKernel kBgemmNeon1x16U8 = {
    "bgemm_neon_1x16_u8", kWordBits, kChunkWords, kMaxDepth, kWordBits, 4,
    [] { return true; },  Pack,      Count,       Threshold, Add,
};

}  // namespace bifsmn

#endif  // __aarch64__
