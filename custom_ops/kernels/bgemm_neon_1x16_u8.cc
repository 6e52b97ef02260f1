// One pixel against sixteen outputs, for the step of a stream: nothing is left
// of what a tile of pixels shares, so that it is bound by bringing the weights
// in. A vector has eight words of one output, and the pixel's own words stay in
// registers as they are. Half of the weights meet them in general registers,
// which is free beside vector operations. NEON.md has the schedule.

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/cpu_features.h"

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
constexpr int kMaxChunks = CeilDiv(kMaxDepth, kChunkWords);

// Tiles of outputs that an epilogue takes together: as many words of bits as
// PackMasks makes.
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
// Of step s, x0-x3 (even) or x4-x7 have the weights, the arguments behind them
// are the vectors. A vector's halves are moved three cycles apart. WITH and
// AFTER are other instructions.
// clang-format off
#define STEP(x0, x1, x2, x3, y1, y2, y3, y4, a4, b4, a1, b1, a2, b2, a3,      \
             sums, from, at, JOIN, WITH, AFTER)                               \
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
  WITH                                                                        \
  "ins v" a1 ".d[1], x" y2 "\n"                                               \
  "ins v" b1 ".d[1], x" y4 "\n"                                               \
  JOIN##_THEN(sums)                                                           \
  AFTER

// The first eight words begin the sums, others are added to them.
#define SET_FIRST(sums, a, b) ADD_PAIRS(sums, a, b)
#define SET_THEN(sums)
#define ADD_FIRST(sums, a, b) ADD_PAIRS("17", a, b)
#define ADD_THEN(sums) "add v" sums ".16b, v" sums ".16b, v17.16b\n"
#define ADD_PAIRS(to, a, b) "addp v" to ".16b, v" a ".16b, v" b ".16b\n"

#define STEP_0(sums, from, at, JOIN, WITH, AFTER)                             \
  STEP("0", "1", "2", "3", "4", "5", "6", "7", "0", "1", "6", "7", "4", "5",  \
       "2", sums, from, at, JOIN, WITH, AFTER)
#define STEP_1(sums, from, at, JOIN, WITH, AFTER)                             \
  STEP("4", "5", "6", "7", "0", "1", "2", "3", "2", "3", "0", "1", "6", "7",  \
       "4", sums, from, at, JOIN, WITH, AFTER)
#define STEP_2(sums, from, at, JOIN, WITH, AFTER)                             \
  STEP("0", "1", "2", "3", "4", "5", "6", "7", "4", "5", "2", "3", "0", "1",  \
       "6", sums, from, at, JOIN, WITH, AFTER)
#define STEP_3(sums, from, at, JOIN, WITH, AFTER)                             \
  STEP("4", "5", "6", "7", "0", "1", "2", "3", "6", "7", "4", "5", "2", "3",  \
       "0", sums, from, at, JOIN, WITH, AFTER)

// Of sixteen outputs' eight words at x10, the last four steps, and the first
// four of what lies behind, at x11. There is nothing behind the last ones,
// which begin again instead. v8-v15 are the sums of two outputs each.
#define END(JOIN, WITH_0, WITH_1, AFTER_0, AFTER_1)                           \
  STEP_0("8", "x10", "128", JOIN, WITH_0, AFTER_0)                            \
  STEP_1("9", "x10", "160", JOIN, WITH_1, AFTER_1)                            \
  STEP_2("10", "x10", "192", JOIN, "", "")                                    \
  STEP_3("11", "x10", "224", JOIN, "", "")
#define BEGIN(JOIN, WITH_0, WITH_1, WITH_2)                                   \
  STEP_0("12", "x11", "0", JOIN, WITH_0, "")                                  \
  STEP_1("13", "x11", "32", JOIN, WITH_1, "")                                 \
  STEP_2("14", "x11", "64", JOIN, WITH_2, "")                                 \
  STEP_3("15", "x11", "96", JOIN, "", "")
#define COUNT_ROUND "subs %w[rounds], %w[rounds], #1\n"
#define CHOOSE_NEXT "csel x11, x10, x12, eq\n"
#define MOVE_ON                                                               \
  "mov x10, x11\n"                                                            \
  "add x12, x11, #256\n"

#define START                                                                 \
  "mov x11, %[weights]\n"                                                     \
  "ldp x8, x9, [%[patch]]\n"                                                  \
  "ldr q16, [%[patch]]\n"                                                     \
  BEGIN(SET, "", "", "")                                                      \
  MOVE_ON
// clang-format on

#define CLOBBERED                                                             \
  "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", \
      "x10", "x11", "x12", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",    \
      "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",     \
      "v18", "v19", "v20", "v21"

// clang-format off

// The disagreements of a pixel's eight words with the outputs of `tiles` tiles,
// a byte each. Sixteen bytes before `counts` are written, too: the last
// additions of a tile stand among the first steps of the next one.
void CountBytes(const Word* patch, const Word* weights, int tiles,
                uint8_t* counts) {
  counts -= kWordBits;
  asm volatile(START
      ".p2align 4\n"
      "1:\n"
      END(SET,
          ADD_PAIRS("20", "20", "21") COUNT_ROUND,
          ADD_PAIRS("20", "18", "20") CHOOSE_NEXT, "", "")
      BEGIN(SET,
          ADD_PAIRS("18", "8", "9") "str q20, [%[counts]], #16\n",
          ADD_PAIRS("19", "10", "11"),
          ADD_PAIRS("18", "18", "19"))
      ADD_PAIRS("20", "12", "13")
      ADD_PAIRS("21", "14", "15")
      MOVE_ON
      "cbnz %w[rounds], 1b\n"
      ADD_PAIRS("20", "20", "21")
      ADD_PAIRS("20", "18", "20")
      "str q20, [%[counts]]\n"
      : [rounds] "+r"(tiles), [counts] "+r"(counts)
      : [patch] "r"(patch), [weights] "r"(weights)
      : CLOBBERED);
}

// The same for `chunks` > 1 times eight words, which the first eight follow in
// `patch`. An output has two bytes, each of half its bits, and a tile before
// `counts` is written.
void CountPairs(const Word* patch, int chunks, const Word* weights, int tiles,
                uint8_t* counts) {
  counts -= 2 * kWordBits;
  int rounds = chunks * tiles;
  asm volatile(START
      ".p2align 4\n"
      "1:\n"
      END(SET,
          ADD_PAIRS("20", "20", "21") COUNT_ROUND,
          "stp q18, q20, [%[counts]], #32\n" CHOOSE_NEXT, "", "")
      BEGIN(SET,
          "ldp x8, x9, [%[patch], #16]\n"
          "add x13, %[patch], #32\n",
          "ldr q16, [%[patch], #16]\n",
          "sub w14, %w[chunks], #1\n")
      MOVE_ON
      ".p2align 4\n"
      "2:\n"
      END(ADD, "", "", COUNT_ROUND, CHOOSE_NEXT)
      BEGIN(ADD,
          ADD_PAIRS("18", "8", "9") "ldp x8, x9, [x13]\n",
          ADD_PAIRS("19", "10", "11") "sub w14, w14, #1\n"
          "ldr q16, [x13], #16\n",
          ADD_PAIRS("18", "18", "19"))
      ADD_PAIRS("20", "12", "13")
      ADD_PAIRS("21", "14", "15")
      MOVE_ON
      "cbnz w14, 2b\n"
      "cbnz %w[rounds], 1b\n"
      ADD_PAIRS("20", "20", "21")
      "stp q18, q20, [%[counts]]\n"
      : [rounds] "+r"(rounds), [counts] "+r"(counts)
      : [patch] "r"(patch), [weights] "r"(weights), [chunks] "r"(chunks)
      : CLOBBERED, "x13", "x14");
}
// clang-format on

// Counts of a group's tiles, a byte for an output.
class CountsInBytes {
 public:
  static constexpr int kTileBytes = kWordBits;
  // Tiles that are counted before an epilogue takes them.
  static constexpr int kTiles = 4 * kGroupTiles;

  explicit CountsInBytes(const uint8_t* bytes) : bytes_(bytes) {}

  static void Count(const Word* patch, int, const Word* weights, int tiles,
                    uint8_t* counts) {
    CountBytes(patch, weights, tiles, counts);
  }

  BIFSMN_INLINE uint16x8_t Low(int tile) const {
    return vmovl_u8(vld1_u8(bytes_ + tile * kTileBytes));
  }
  BIFSMN_INLINE uint16x8_t High(int tile) const {
    return vmovl_u8(vld1_u8(bytes_ + tile * kTileBytes + 8));
  }

  // Masks of the outputs that reach their limits; no count is above 128.
  BIFSMN_INLINE uint8x16_t Reached(int tile, uint16x8_t low,
                                   uint16x8_t high) const {
    return vcgeq_u8(vld1q_u8(bytes_ + tile * kTileBytes),
                    vqmovn_high_u16(vqmovn_u16(low), high));
  }

 private:
  const uint8_t* bytes_;
};

// Two bytes for an output, of the outputs 0-7 of a tile and then of 8-15.
class CountsInPairs {
 public:
  static constexpr int kTileBytes = 2 * kWordBits;
  static constexpr int kTiles = kGroupTiles;

  explicit CountsInPairs(const uint8_t* bytes) : bytes_(bytes) {}

  static void Count(const Word* patch, int chunks, const Word* weights,
                    int tiles, uint8_t* counts) {
    CountPairs(patch, chunks, weights, tiles, counts);
  }

  BIFSMN_INLINE uint16x8_t Low(int tile) const { return Half(2 * tile); }
  BIFSMN_INLINE uint16x8_t High(int tile) const { return Half(2 * tile + 1); }

  BIFSMN_INLINE uint8x16_t Reached(int tile, uint16x8_t low,
                                   uint16x8_t high) const {
    return vuzp1q_u8(vreinterpretq_u8_u16(vcgeq_u16(Low(tile), low)),
                     vreinterpretq_u8_u16(vcgeq_u16(High(tile), high)));
  }

 private:
  BIFSMN_INLINE uint16x8_t Half(int half) const {
    const uint8_t* bytes = bytes_ + half * kWordBits;
    return vpaddlq_u8(vcombine_u8(vld1_u8(bytes), vld1_u8(bytes + 8)));
  }

  const uint8_t* bytes_;
};

BIFSMN_INLINE uint16x8_t LoadLimits(const uint16_t* limits) {
  return vreinterpretq_u16_s16(
      LoadBeside8(reinterpret_cast<const int16_t*>(limits)));
}

template <typename Counts>
BIFSMN_INLINE uint8x16_t Reached(const Counts& counts, int tile,
                                 const uint16_t* limits) {
  return counts.Reached(tile, LoadLimits(limits), LoadLimits(limits + 8));
}

// Calls epilogue(pixel, first output, how many tiles, counts) for every group.
template <typename Counts, typename Epilogue>
BIFSMN_INLINE void ForEachGroup(const Bgemm& gemm, const Epilogue& epilogue) {
  const int chunks = CeilDiv(gemm.words, kChunkWords);
  const ptrdiff_t tile_words = ptrdiff_t{kWordBits} * chunks * kChunkWords;
  alignas(16) Word patch[(kMaxChunks + 1) * kChunkWords];
  alignas(16) uint8_t bytes[(1 + Counts::kTiles) * Counts::kTileBytes];
  uint8_t* const counts = bytes + Counts::kTileBytes;
  for (int p = 0; p < gemm.rows; ++p) {
    // Weights are 0 where there are no words.
    std::fill(std::copy_n(gemm.patches + ptrdiff_t{p} * gemm.words, gemm.words,
                          patch),
              patch + chunks * kChunkWords, Word{0});
    std::copy_n(patch, kChunkWords, patch + chunks * kChunkWords);
    const int all_tiles = WordsFor(gemm.outputs);
    for (int first = 0; first < all_tiles; first += Counts::kTiles) {
      const int counted = std::min(all_tiles - first, Counts::kTiles);
      Counts::Count(patch, chunks, gemm.packed + first * tile_words, counted,
                    counts);
      for (int tile = 0; tile < counted; tile += kGroupTiles) {
        epilogue(p, (first + tile) * kWordBits,
                 std::min(counted - tile, kGroupTiles),
                 Counts(counts + tile * Counts::kTileBytes));
      }
    }
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
  template <typename Counts>
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

// A kernel with counts of one kind.
template <typename Counts>
struct Row {
  static void Count(const Bgemm& gemm, uint16_t* disagreements) {
    const ptrdiff_t row = BgemmRowStride(gemm.outputs);
    const auto store = [&](int p, int o, int tiles, const Counts& counts) {
      uint16_t* to = disagreements + p * row + o;
      for (int i = 0; i < tiles; ++i) {
        vst1q_u16(to + i * kWordBits, counts.Low(i));
        vst1q_u16(to + i * kWordBits + 8, counts.High(i));
      }
    };
    ForEachGroup<Counts>(gemm, store);
  }

  static void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
                        Word* bits) {
    const ptrdiff_t row = BgemmRowStride(gemm.outputs);
    const ptrdiff_t words = WordsFor(gemm.outputs);
    const uint16_t* patterns = thresholds.patterns;
    const auto compare = [&](int p, int o, int tiles, const Counts& counts) {
      const uint16_t* limits = thresholds.limits + o;
      if (patterns != nullptr) limits += patterns[p] * row;
      const Word* flips = thresholds.flips + o / kWordBits;
      Word* to = bits + p * words + o / kWordBits;
      uint8x16_t masks[kGroupTiles] = {};
      if (tiles == kGroupTiles) {
        BIFSMN_UNROLL
        for (int i = 0; i < kGroupTiles; ++i) {
          masks[i] = Reached(counts, i, limits + i * kWordBits);
        }
        vst1q_u16(to, veorq_u16(PackMasks(masks), vld1q_u16(flips)));
        return;
      }
      for (int i = 0; i < tiles; ++i) {
        masks[i] = Reached(counts, i, limits + i * kWordBits);
      }
      StoreWords(PackMasks(masks), tiles, 1, to);
      for (int i = 0; i < tiles; ++i) to[i] ^= flips[i];
    };
    ForEachGroup<Counts>(gemm, compare);
  }

  static void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
                  const int16_t* residual, int16_t* result, Word* bits) {
    if (residual == nullptr) {
      AddTo<false>(gemm, base, parameters, nullptr, result, bits);
    } else {
      AddTo<true>(gemm, base, parameters, residual, result, bits);
    }
  }

 private:
  template <bool kAdds>
  static void AddTo(const Bgemm& gemm, int base,
                    const Int16Residual& parameters, const int16_t* residual,
                    int16_t* result, Word* bits) {
    const AddRow<kAdds> add(base, parameters);
    const ptrdiff_t words = WordsFor(gemm.outputs);
    const auto store = [&](int p, int o, int tiles,
                           const Counts& counts) BIFSMN_INLINE_LAMBDA {
      uint8x16_t masks[kGroupTiles] = {};
      const ptrdiff_t at = ptrdiff_t{p} * gemm.outputs + o;
      for (int i = 0; i < tiles; ++i) {
        const ptrdiff_t first = at + i * kWordBits;
        masks[i] = add.Tile(counts, i, o + i * kWordBits,
                            kAdds ? residual + first : nullptr, result + first);
      }
      if (bits == nullptr) return;
      StoreWords(PackMasks(masks), tiles, 1, bits + p * words + o / kWordBits);
    };
    ForEachGroup<Counts>(gemm, store);
  }
};

void Count(const Bgemm& gemm, uint16_t* disagreements) {
  if (gemm.words <= kChunkWords) {
    Row<CountsInBytes>::Count(gemm, disagreements);
  } else {
    Row<CountsInPairs>::Count(gemm, disagreements);
  }
}

void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
               Word* bits) {
  if (gemm.words <= kChunkWords) {
    Row<CountsInBytes>::Threshold(gemm, thresholds, bits);
  } else {
    Row<CountsInPairs>::Threshold(gemm, thresholds, bits);
  }
}

void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
         const int16_t* residual, int16_t* result, Word* bits) {
  if (gemm.words <= kChunkWords) {
    Row<CountsInBytes>::Add(gemm, base, parameters, residual, result, bits);
  } else {
    Row<CountsInPairs>::Add(gemm, base, parameters, residual, result, bits);
  }
}

}  // namespace

const BgemmKernel kBgemmNeon1x16U8 = {
    "bgemm_neon_1x16_u8",
    kWordBits,
    kChunkWords,
    1,
    kMaxDepth,
    kWordBits,
    4,
    false,
    HasNeon,
    Pack,
    Count,
    Threshold,
    Add,
};

}  // namespace bifsmn

#endif  // __aarch64__
