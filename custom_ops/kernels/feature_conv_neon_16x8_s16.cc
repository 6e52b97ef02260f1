// Sixteen pixels against eight outputs in 16-bit lanes. A value is a lane of a
// vector of neighbours, multiplied by all of a term's weights at once: neither
// has to be replicated, nor does a stride cost anything.

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/feature_conv.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>
#include <limits>

#include "custom_ops/kernels/neon.h"
#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 16;
constexpr int kTileOutputs = 8;

// The convolution with code of its own: 5 x 5, stride 2, one channel.
constexpr int kTerms = 5;
constexpr int kStride = 2;

constexpr int kVectors = CeilDiv((kTilePixels - 1) * kStride + kTerms, 8);
static_assert(kVectors * 8 - kTerms <= kFeatureConvSlack);

constexpr size_t kQuantizedTogether = 32;

// Half of the values are computed while the other half waits for its products:
// in the order of a compiler, each would.
// clang-format off
#define SCALE(i) "fmul v" i ".4s, v" i ".4s, %[scale].4s\n"
#define ROUND_EVEN(i) "fcvtns v" i ".4s, v" i ".4s\n"
#define NARROW(i, j)                        \
  "sqxtn v" i ".4h, v" i ".4s\n"           \
  "sqxtn2 v" i ".8h, v" j ".4s\n"
#define NARROW_AGAIN(i, j)                  \
  "sqxtn v" i ".8b, v" i ".8h\n"           \
  "sqxtn2 v" i ".16b, v" j ".8h\n"

BIFSMN_INLINE void QuantizeTogether(const float* values, float inverse_scale,
                                    int8_t* quantized) {
  asm volatile(
      "ldp q0, q1, [%[values]]\n"
      "ldp q2, q3, [%[values], #32]\n"
      SCALE("0") SCALE("1")
      "ldp q4, q5, [%[values], #64]\n"
      SCALE("2") SCALE("3")
      "ldp q6, q7, [%[values], #96]\n"
      ROUND_EVEN("0") ROUND_EVEN("1") ROUND_EVEN("2") ROUND_EVEN("3")
      SCALE("4") SCALE("5") SCALE("6") SCALE("7")
      NARROW("0", "1")
      NARROW("2", "3")
      ROUND_EVEN("4") ROUND_EVEN("5") ROUND_EVEN("6") ROUND_EVEN("7")
      NARROW_AGAIN("0", "2")
      NARROW("4", "5")
      NARROW("6", "7")
      "str q0, [%[quantized]]\n"
      NARROW_AGAIN("4", "6")
      "str q4, [%[quantized], #16]\n"
      :
      : [values] "r"(values), [quantized] "r"(quantized),
        [scale] "w"(vdupq_n_f32(inverse_scale))
      : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7");
}
// clang-format on

void Quantize(const float* values, size_t count, float inverse_scale,
              int8_t* quantized) {
  constexpr size_t kTogether = kQuantizedTogether;
  size_t i = 0;
  for (; i + kTogether <= count; i += kTogether) {
    QuantizeTogether(values + i, inverse_scale, quantized + i);
  }
  if (i == count) return;
  float last[kTogether] = {};
  std::copy(values + i, values + count, last);
  int8_t rounded[kTogether];
  QuantizeTogether(last, inverse_scale, rounded);
  std::copy_n(rounded, count - i, quantized + i);
}

// For each tile the largest sums that are below the thresholds, level by level,
// then the weights of each term.
size_t TileValues(int terms, int levels) {
  return static_cast<size_t>(terms + levels) * kTileOutputs;
}

size_t PackedBytes(int outputs, int terms, int levels) {
  return RoundUp(outputs, kWordBits) / kTileOutputs *
         TileValues(terms, levels) * sizeof(int16_t);
}

void Pack(const FeatureConvWeights& weights, void* packed) {
  constexpr int kLowest = std::numeric_limits<int16_t>::min();
  constexpr int kHighest = std::numeric_limits<int16_t>::max();
  auto* to = static_cast<int16_t*>(packed);
  for (int tile = 0; tile < RoundUp(weights.outputs, kWordBits);
       tile += kTileOutputs) {
    for (int level = 0; level < weights.levels; ++level) {
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        // No sum is as low as kLowest.
        const int threshold = weights.Threshold(level, o, kLowest);
        *to++ = static_cast<int16_t>(
            std::clamp(threshold, kLowest + 1, kHighest + 1) - 1);
      }
    }
    to =
        PackTile(weights.matrix(), tile, kTileOutputs, 0, weights.terms, 1, to);
  }
}

// v0-v4 are the 40 values of a run, v5-v9 the weights of its five terms,
// v10-v14 the next run's values before they are widened. What is loaded comes
// through general registers (see LoadBeside); a pair of moves from there takes
// a cycle. x0 and x1 point to the run and to its weights, x2 and x3 to the next
// ones; the last round loads its own again rather than what lies behind them.
#define MUL(op, p, w, x, i) op " %[s" #p "].8h, v" #w ".8h, v" #x ".h[" #i "]\n"
#define TERM_0_0(op)  \
  MUL(op, 0, 5, 0, 0) \
  MUL(op, 1, 5, 0, 2) MUL(op, 2, 5, 0, 4) MUL(op, 3, 5, 0, 6)
#define TERM_0_1(op)  \
  MUL(op, 4, 5, 1, 0) \
  MUL(op, 5, 5, 1, 2) MUL(op, 6, 5, 1, 4) MUL(op, 7, 5, 1, 6)
#define TERM_0_2(op)  \
  MUL(op, 8, 5, 2, 0) \
  MUL(op, 9, 5, 2, 2) MUL(op, 10, 5, 2, 4) MUL(op, 11, 5, 2, 6)
#define TERM_0_3(op)   \
  MUL(op, 12, 5, 3, 0) \
  MUL(op, 13, 5, 3, 2) MUL(op, 14, 5, 3, 4) MUL(op, 15, 5, 3, 6)
#define TERM_1_0(op)  \
  MUL(op, 0, 6, 0, 1) \
  MUL(op, 1, 6, 0, 3) MUL(op, 2, 6, 0, 5) MUL(op, 3, 6, 0, 7)
#define TERM_1_1(op)  \
  MUL(op, 4, 6, 1, 1) \
  MUL(op, 5, 6, 1, 3) MUL(op, 6, 6, 1, 5) MUL(op, 7, 6, 1, 7)
#define TERM_1_2(op)  \
  MUL(op, 8, 6, 2, 1) \
  MUL(op, 9, 6, 2, 3) MUL(op, 10, 6, 2, 5) MUL(op, 11, 6, 2, 7)
#define TERM_1_3(op)   \
  MUL(op, 12, 6, 3, 1) \
  MUL(op, 13, 6, 3, 3) MUL(op, 14, 6, 3, 5) MUL(op, 15, 6, 3, 7)
#define TERM_2_0(op)  \
  MUL(op, 0, 7, 0, 2) \
  MUL(op, 1, 7, 0, 4) MUL(op, 2, 7, 0, 6) MUL(op, 3, 7, 1, 0)
#define TERM_2_1(op)  \
  MUL(op, 4, 7, 1, 2) \
  MUL(op, 5, 7, 1, 4) MUL(op, 6, 7, 1, 6) MUL(op, 7, 7, 2, 0)
#define TERM_2_2(op)  \
  MUL(op, 8, 7, 2, 2) \
  MUL(op, 9, 7, 2, 4) MUL(op, 10, 7, 2, 6) MUL(op, 11, 7, 3, 0)
#define TERM_2_3(op)   \
  MUL(op, 12, 7, 3, 2) \
  MUL(op, 13, 7, 3, 4) MUL(op, 14, 7, 3, 6) MUL(op, 15, 7, 4, 0)
#define TERM_3_0(op)  \
  MUL(op, 0, 8, 0, 3) \
  MUL(op, 1, 8, 0, 5) MUL(op, 2, 8, 0, 7) MUL(op, 3, 8, 1, 1)
#define TERM_3_1(op)  \
  MUL(op, 4, 8, 1, 3) \
  MUL(op, 5, 8, 1, 5) MUL(op, 6, 8, 1, 7) MUL(op, 7, 8, 2, 1)
#define TERM_3_2(op)  \
  MUL(op, 8, 8, 2, 3) \
  MUL(op, 9, 8, 2, 5) MUL(op, 10, 8, 2, 7) MUL(op, 11, 8, 3, 1)
#define TERM_3_3(op)   \
  MUL(op, 12, 8, 3, 3) \
  MUL(op, 13, 8, 3, 5) MUL(op, 14, 8, 3, 7) MUL(op, 15, 8, 4, 1)
#define TERM_4_0(op)  \
  MUL(op, 0, 9, 0, 4) \
  MUL(op, 1, 9, 0, 6) MUL(op, 2, 9, 1, 0) MUL(op, 3, 9, 1, 2)
#define TERM_4_1(op)  \
  MUL(op, 4, 9, 1, 4) \
  MUL(op, 5, 9, 1, 6) MUL(op, 6, 9, 2, 0) MUL(op, 7, 9, 2, 2)
#define TERM_4_2(op)  \
  MUL(op, 8, 9, 2, 4) \
  MUL(op, 9, 9, 2, 6) MUL(op, 10, 9, 3, 0) MUL(op, 11, 9, 3, 2)
#define TERM_4_3(op)   \
  MUL(op, 12, 9, 3, 4) \
  MUL(op, 13, 9, 3, 6) MUL(op, 14, 9, 4, 0) MUL(op, 15, 9, 4, 2)

// clang-format off
#define RUN(first)                                                            \
  TERM_0_0(first)                                                             \
  "ldp x4, x5, [x1, #32]\n"                                                   \
  TERM_0_1(first)                                                             \
  "ldp x6, x7, [x1, #48]\n"                                                   \
  TERM_0_2(first)                                                             \
  "subs %w[rows], %w[rows], #1\n"                                             \
  "fmov d7, x4\n"                                                             \
  "fmov d8, x6\n"                                                             \
  TERM_0_3(first)                                                             \
  "add x2, x0, %[stride]\n"                                                   \
  "ins v7.d[1], x5\n"                                                         \
  "ins v8.d[1], x7\n"                                                         \
  TERM_1_0("mla")                                                             \
  "add x3, x1, #80\n"                                                         \
  TERM_1_1("mla")                                                             \
  "csel x2, x0, x2, eq\n"                                                     \
  TERM_1_2("mla")                                                             \
  "csel x3, x1, x3, eq\n"                                                     \
  TERM_1_3("mla")                                                             \
  "ldp x8, x9, [x1, #64]\n"                                                   \
  TERM_2_0("mla")                                                             \
  "ldp x4, x5, [x2]\n"                                                        \
  TERM_2_1("mla")                                                             \
  "ldp x6, x7, [x2, #16]\n"                                                   \
  "fmov d9, x8\n"                                                             \
  "fmov d10, x4\n"                                                            \
  TERM_2_2("mla")                                                             \
  "ins v9.d[1], x9\n"                                                         \
  "fmov d11, x5\n"                                                            \
  TERM_2_3("mla")                                                             \
  "ldr x8, [x2, #32]\n"                                                       \
  TERM_3_0("mla")                                                             \
  "ldp x4, x5, [x3]\n"                                                        \
  "fmov d12, x6\n"                                                            \
  "fmov d13, x7\n"                                                            \
  TERM_3_1("mla")                                                             \
  "ldp x6, x7, [x3, #16]\n"                                                   \
  TERM_3_2("mla")                                                             \
  "mov x0, x2\n"                                                              \
  "fmov d14, x8\n"                                                            \
  "fmov d5, x4\n"                                                             \
  TERM_3_3("mla")                                                             \
  "mov x1, x3\n"                                                              \
  "ins v5.d[1], x5\n"                                                         \
  "fmov d6, x6\n"                                                             \
  TERM_4_0("mla")                                                             \
  "sxtl v0.8h, v10.8b\n"                                                      \
  TERM_4_1("mla")                                                             \
  "sxtl v1.8h, v11.8b\n"                                                      \
  "ins v6.d[1], x7\n"                                                         \
  TERM_4_2("mla")                                                             \
  "sxtl v2.8h, v12.8b\n"                                                      \
  TERM_4_3("mla")                                                             \
  "sxtl v3.8h, v13.8b\n"                                                      \
  "sxtl v4.8h, v14.8b\n"
// clang-format on

// Sums of kTilePixels pixels with weights[kernel_rows][kTerms][kTileOutputs].
BIFSMN_INLINE void FiveByStrideTwo(const FeatureConvRow& row,
                                   const int8_t* patch, const int16_t* weights,
                                   int16x8_t* sums) {
  int rows;
  asm("mov x0, %[patch]\n"
      "mov x1, %[weights]\n"
      "mov %w[rows], %w[kernel_rows]\n"
      "ldp d0, d1, [x0]\n"
      "ldp d2, d3, [x0, #16]\n"
      "ldr d4, [x0, #32]\n"
      "ldp q5, q6, [x1]\n"
      "sxtl v0.8h, v0.8b\n"
      "sxtl v1.8h, v1.8b\n"
      "sxtl v2.8h, v2.8b\n"
      "sxtl v3.8h, v3.8b\n"
      "sxtl v4.8h, v4.8b\n"
      RUN("mul")
      "b.eq 2f\n"
      "1:\n"
      RUN("mla")
      "b.ne 1b\n"
      "2:\n"
      : [s0] "=&w"(sums[0]), [s1] "=&w"(sums[1]), [s2] "=&w"(sums[2]),
        [s3] "=&w"(sums[3]), [s4] "=&w"(sums[4]), [s5] "=&w"(sums[5]),
        [s6] "=&w"(sums[6]), [s7] "=&w"(sums[7]), [s8] "=&w"(sums[8]),
        [s9] "=&w"(sums[9]), [s10] "=&w"(sums[10]), [s11] "=&w"(sums[11]),
        [s12] "=&w"(sums[12]), [s13] "=&w"(sums[13]), [s14] "=&w"(sums[14]),
        [s15] "=&w"(sums[15]), [rows] "=&r"(rows)
      : [patch] "r"(patch), [weights] "r"(weights), [stride] "r"(row.run_stride),
        [kernel_rows] "r"(row.kernel_rows)
      : "cc", "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
        "x9", "v0", "v1", "v2", "v3", "v4",
        "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14");
}

// The sums of the first `pixels` pixels, for any convolution.
void AnyConvolution(const FeatureConvRow& row, const int8_t* patch,
                    const int16_t* weights, int pixels, int16x8_t* sums) {
  for (int p = 0; p < pixels; ++p) {
    const int16_t* term = weights;
    const int8_t* run = patch + p * row.pixel_stride;
    int16x8_t sum = vdupq_n_s16(0);
    for (int r = 0; r < row.kernel_rows; ++r) {
      for (int k = 0; k < row.run_terms; ++k) {
        sum = vmlaq_n_s16(sum, vld1q_s16(term), run[k]);
        term += kTileOutputs;
      }
      run += row.run_stride;
    }
    sums[p] = sum;
  }
  std::fill(sums + pixels, sums + kTilePixels, vdupq_n_s16(0));
}

// Bits of eight outputs, a byte a pixel.
BIFSMN_INLINE uint8x16_t Bits(const int16x8_t* sums, int16x8_t highest) {
  uint8x16_t masks[kTilePixels / 2];
  for (int i = 0; i < kTilePixels / 2; ++i) {
    masks[i] =
        vuzp1q_u8(vreinterpretq_u8_u16(vcleq_s16(sums[2 * i], highest)),
                  vreinterpretq_u8_u16(vcleq_s16(sums[2 * i + 1], highest)));
  }
  return vreinterpretq_u8_u16(PackMasks(masks));
}

// Words of kTilePixels pixels.
struct Words {
  uint16x8_t first;
  uint16x8_t last;
};

BIFSMN_INLINE Words Interleave(uint8x16_t low, uint8x16_t high) {
  return {vreinterpretq_u16_u8(vzip1q_u8(low, high)),
          vreinterpretq_u16_u8(vzip2q_u8(low, high))};
}

template <int kLevels>
struct WordsOfLevels {
  Words words[kLevels];
};

// Not inlined: it leaves the compiler few registers to keep a loop in.
template <bool kFast, int kLevels>
__attribute__((noinline)) WordsOfLevels<kLevels> WordsOfTile(
    const FeatureConvRow& row, const int8_t* patch, int pixels,
    const int16_t* tile) {
  const size_t tile_values = TileValues(row.terms(), kLevels);
  uint8x16_t halves[kLevels][2];
  int16x8_t sums[kTilePixels];
  for (int half = 0; half < 2; ++half) {
    const int16_t* weights = tile + kLevels * kTileOutputs;
    if (kFast) {
      FiveByStrideTwo(row, patch, weights, sums);
    } else {
      AnyConvolution(row, patch, weights, pixels, sums);
    }
    for (int level = 0; level < kLevels; ++level) {
      halves[level][half] = Bits(sums, vld1q_s16(tile + level * kTileOutputs));
    }
    tile += tile_values;
  }
  WordsOfLevels<kLevels> result;
  for (int level = 0; level < kLevels; ++level) {
    result.words[level] = Interleave(halves[level][0], halves[level][1]);
  }
  return result;
}

// Writes the words of `pixels` pixels, `stride` words apart.
__attribute__((noinline)) void Scatter(const Words& words, int pixels,
                                       ptrdiff_t stride, Word* bits) {
  Word all[kTilePixels];
  vst1q_u16(all, words.first);
  vst1q_u16(all + 8, words.last);
  for (int i = 0; i < pixels; ++i) bits[i * stride] = all[i];
}

// Writes the words of kTilePixels pixels that have no others.
inline void Store(const WordsOfLevels<1>& tile, Word* bits) {
  vst1q_u16(bits, tile.words[0].first);
  vst1q_u16(bits + 8, tile.words[0].last);
}

inline void Store(const WordsOfLevels<3>& tile, Word* bits) {
  const Words* words = tile.words;
  const uint16x8x3_t first = {{words[0].first, words[1].first, words[2].first}};
  const uint16x8x3_t last = {{words[0].last, words[1].last, words[2].last}};
  vst3q_u16(bits, first);
  vst3q_u16(bits + 3 * 8, last);
}

template <bool kFast, int kLevels>
void RunTiles(const FeatureConvRow& row, const int16_t* packed, int outputs,
              Word* bits) {
  const int words = WordsFor(outputs);
  const size_t word_values = 2 * TileValues(row.terms(), kLevels);
  for (int p = 0; p < row.pixels; p += kTilePixels) {
    const int pixels = std::min(kTilePixels, row.pixels - p);
    const int8_t* patch = row.patch + p * row.pixel_stride;
    for (int word = 0; word < words; ++word) {
      const WordsOfLevels<kLevels> tile = WordsOfTile<kFast, kLevels>(
          row, patch, pixels, packed + word * word_values);
      if (words == 1 && pixels == kTilePixels) {
        Store(tile, bits + p * kLevels);
        continue;
      }
      for (int level = 0; level < kLevels; ++level) {
        Scatter(tile.words[level], pixels, kLevels * words,
                bits + (p * kLevels + level) * words + word);
      }
    }
  }
}

template <int kLevels>
void RunLevels(const FeatureConvRow& row, const void* packed, int outputs,
               Word* bits) {
  const auto* tiles = static_cast<const int16_t*>(packed);
  if (row.run_terms == kTerms && row.pixel_stride == kStride) {
    RunTiles<true, kLevels>(row, tiles, outputs, bits);
  } else {
    RunTiles<false, kLevels>(row, tiles, outputs, bits);
  }
}

}  // namespace

const FeatureConvKernel kFeatureConvNeon16x8S16 = {
    "feature_conv_neon_16x8_s16",
    std::numeric_limits<int16_t>::max(),
    kAnyTerms,
    HasNeon,
    Quantize,
    PackedBytes,
    Pack,
    RunByLevels<RunLevels<1>, RunLevels<kLevelThresholds>>,
};

}  // namespace bifsmn

#endif  // __aarch64__
