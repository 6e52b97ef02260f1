// Sixteen channels share a vector, one byte each of -1 or +1, or of a level of
// two bits, and 0 where there is no step: then a tap is one multiplication, and
// edges need no other code. Eight steps of a block with two taps either way are
// computed together, so that a step's bits are spread once for all that look at
// it. Other blocks, and what is left, are computed step by step, 128 channels
// at a time.

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/memory.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/int16_residual_neon.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/memory_taps.h"
#include "custom_ops/kernels/neon.h"

namespace bifsmn {
namespace {

constexpr int kTileSteps = 8;

// A tap adds at most 1 to the magnitude of a byte, of two bits kLargestLevel.
constexpr int kMaxTaps = 127;

// The number of taps either way that has code of its own.
constexpr int kNear = 2;

// Words of a row that are computed together.
constexpr int kRowWords = 8;

// Where a replicated word has its bits: channel i in byte 2 i, channel 8 + i in
// byte 2 i + 1.
BIFSMN_INLINE uint8x16_t Places() {
  return vreinterpretq_u8_u64(vcombine_u64(vdup_n_u64(0x0808040402020101),
                                           vdup_n_u64(0x8080404020201010)));
}

// Signs of the channels of a word, in that order.
BIFSMN_INLINE int8x16_t Spread(const Word* word) {
  const uint8x16_t seen = vreinterpretq_u8_u16(vld1q_dup_u16(word));
  return vreinterpretq_s8_u8(vorrq_u8(vtstq_u8(seen, Places()), vdupq_n_u8(1)));
}

// `count` of eight words, and zeros.
BIFSMN_INLINE uint16x8_t LoadWords(const Word* words, int count) {
  if (count == kRowWords) return vld1q_u16(words);
  Word all[kRowWords] = {};
  for (int i = 0; i < count; ++i) all[i] = words[i];
  return vld1q_u16(all);
}

// Dots of channels 0-7 and 8-15, shifted left by 8 + shift.
struct Dots {
  int16x8_t low;
  int16x8_t high;
};

BIFSMN_INLINE Dots ShiftedDots(int8x16_t sums, int16x8_t shift) {
  const int16x8_t pairs = vreinterpretq_s16_s8(sums);
  return {
      vshlq_s16(vshlq_n_s16(pairs, 8), shift),
      vshlq_s16(vbicq_s16(pairs, vdupq_n_s16(0xff)), shift),
  };
}

// Adds the residual of sixteen channels; returns where the result lies below
// the thresholds.
BIFSMN_INLINE uint8x16_t AddSixteen(const Dots& dots,
                                    const Int16ResidualLanes& low,
                                    const Int16ResidualLanes& high,
                                    const int16_t* residual, int16_t* result) {
  const int16x8_t y = vqaddq_s16(LoadByHalves(residual), low.Branch(dots.low));
  const int16x8_t z =
      vqaddq_s16(LoadByHalves(residual + 8), high.Branch(dots.high));
  vst1q_s16(result, y);
  vst1q_s16(result + 8, z);
  return vuzp1q_u8(vreinterpretq_u8_u16(low.Signs(y)),
                   vreinterpretq_u8_u16(high.Signs(z)));
}

// A word's column of the bits, of one plane or two, and of the weights.
template <int kPlanes>
class Column {
 public:
  BIFSMN_INLINE Column(const Word* bits, const Word* weights,
                       const MemoryGeometry& geometry, int word)
      : bits_(bits + word),
        weights_(weights + word),
        words_(WordsFor(geometry.channels)),
        row_(kPlanes * words_),
        geometry_(geometry) {}

  // Sums of the products of any step.
  BIFSMN_INLINE int8x16_t Sums(int step) const {
    const MemoryGeometry& g = geometry_;
    const int back = std::min(g.look_back, step / g.stride_back);
    const int ahead =
        std::min(g.look_ahead, (g.steps - 1 - step) / g.stride_ahead);
    int8x16_t sums = vdupq_n_s8(0);
    for (int distance = -back; distance <= ahead; ++distance) {
      const int stride = distance < 0 ? g.stride_back : g.stride_ahead;
      sums = vmlaq_s8(sums, Step(step + distance * stride),
                      Spread(weights_ + (g.look_back + distance) * words_));
    }
    return sums;
  }

  // Sums of kTileSteps steps from `first` on, where IsNear; with kWhole, of
  // all.
  template <bool kWhole>
  BIFSMN_INLINE void TileSums(int first, int8x16_t sums[kTileSteps]) const {
    int8x16_t weights[2 * kNear + 1];
    for (int tap = 0; tap < 2 * kNear + 1; ++tap) {
      weights[tap] = Spread(weights_ + tap * words_);
    }
    int8x16_t steps[kTileSteps + 2 * kNear];
    for (int i = 0; i < kTileSteps + 2 * kNear; ++i) {
      const int step = first + i - kNear;
      const bool inside = (kNear <= i && i < kTileSteps + kNear) ||
                          (!kWhole && 0 <= step && step < geometry_.steps);
      steps[i] = inside ? Step(step) : vdupq_n_s8(0);
    }
    for (int i = 0; i < kTileSteps; ++i) {
      sums[i] = vmulq_s8(steps[i], weights[0]);
      for (int tap = 1; tap < 2 * kNear + 1; ++tap) {
        sums[i] = vmlaq_s8(sums[i], steps[i + tap], weights[tap]);
      }
    }
  }

 private:
  BIFSMN_INLINE int8x16_t Step(ptrdiff_t step) const {
    const Word* word = bits_ + step * row_;
    const int8x16_t signs = Spread(word);
    if (kPlanes == 1) return signs;
    return vaddq_s8(vaddq_s8(signs, signs), Spread(word + words_));
  }

  const Word* bits_;
  const Word* weights_;
  ptrdiff_t words_;
  ptrdiff_t row_;
  MemoryGeometry geometry_;
};

bool IsNear(const MemoryGeometry& geometry) {
  return geometry.look_back == kNear && geometry.look_ahead == kNear &&
         geometry.stride_back == 1 && geometry.stride_ahead == 1;
}

void Dot(const Word* bits, const Word* weights, const MemoryGeometry& geometry,
         int first, int last, int16_t* dots) {
  const ptrdiff_t stride = MemoryRowStride(geometry.channels);
  const int16x8_t shift = vdupq_n_s16(-8);
  const bool near = IsNear(geometry);
  for (int word = 0; word < WordsFor(geometry.channels); ++word) {
    const Column<1> column(bits, weights, geometry, word);
    int16_t* to = dots + word * kWordBits;
    const auto store = [&](int8x16_t sums) {
      const Dots both = ShiftedDots(sums, shift);
      vst1q_s16(to, both.low);
      vst1q_s16(to + 8, both.high);
      to += stride;
    };
    int step = first;
    for (; near && step + kTileSteps <= last; step += kTileSteps) {
      int8x16_t sums[kTileSteps];
      column.TileSums<false>(step, sums);
      for (const int8x16_t sum : sums) store(sum);
    }
    for (; step < last; ++step) store(column.Sums(step));
  }
}

// The residual of a word's column, for tiles of steps; kWhole: IsNear, and one
// tile is the sequence.
template <bool kWhole, int kPlanes>
BIFSMN_INLINE void AddColumn(const Column<kPlanes>& column,
                             const MemoryGeometry& geometry, int first,
                             int last, const Int16Residual& parameters,
                             int channel, const int16_t* residual,
                             int16_t* result, Word* signs) {
  const ptrdiff_t stride = geometry.channels;
  const ptrdiff_t words = WordsFor(geometry.channels);
  const int16x8_t shift =
      vdupq_n_s16(static_cast<int16_t>(parameters.shift - 8));
  for (int step = first; step < last; step += kTileSteps) {
    int8x16_t sums[kTileSteps];
    column.template TileSums<kWhole>(step, sums);
    // Keeps the compiler from mixing in what follows, for which there are not
    // enough registers.
    asm("" ::"w"(sums[0]), "w"(sums[1]), "w"(sums[2]), "w"(sums[3]),
        "w"(sums[4]), "w"(sums[5]), "w"(sums[6]), "w"(sums[7])
        : "memory");
    const Int16ResidualLanes low(parameters, channel);
    const Int16ResidualLanes high(parameters, channel + 8);
    uint8x16_t masks[kTileSteps];
    for (int i = 0; i < kTileSteps; ++i) {
      const Dots dots = ShiftedDots(sums[i], shift);
      masks[i] = AddSixteen(dots, low, high, residual, result);
      NextRow(stride, residual);
      NextRow(stride, result);
    }
    if (signs != nullptr) {
      StoreWords(PackMasks(masks), kTileSteps, words, signs);
      signs += kTileSteps * words;
    }
    if (kWhole) return;
  }
}

// Up to eight words of channels of one step, whose taps are those of a whole
// row: signs that disagree are counted, those of a first of two planes twice,
// as a word's differences are spread in one.
template <int kPlanes>
BIFSMN_INLINE void AddWords(const Word* bits, const Word* weights,
                            const MemoryTaps& taps, ptrdiff_t row, int count,
                            const Int16Residual& parameters, int channel,
                            const int16_t* residual, int16_t* result,
                            Word* signs) {
  const uint8x16_t places = Places();
  // Minus what disagrees.
  int8x16_t sums[kRowWords] = {};
  const auto add_tap = [&](int tap, int plane) BIFSMN_INLINE_LAMBDA {
    const uint16x8_t differ = veorq_u16(
        LoadWords(bits + (taps.Source(tap) * kPlanes + plane) * row, count),
        LoadWords(weights + tap * row, count));
    const auto add = [&](int i, uint16x8_t word) BIFSMN_INLINE_LAMBDA {
      sums[i] = vaddq_s8(sums[i], vreinterpretq_s8_u8(vtstq_u8(
                                      vreinterpretq_u8_u16(word), places)));
    };
    add(0, vdupq_laneq_u16(differ, 0));
    add(1, vdupq_laneq_u16(differ, 1));
    add(2, vdupq_laneq_u16(differ, 2));
    add(3, vdupq_laneq_u16(differ, 3));
    add(4, vdupq_laneq_u16(differ, 4));
    add(5, vdupq_laneq_u16(differ, 5));
    add(6, vdupq_laneq_u16(differ, 6));
    add(7, vdupq_laneq_u16(differ, 7));
  };
  for (int tap = taps.begin(); tap < taps.end(); ++tap) add_tap(tap, 0);
  if (kPlanes == 2) {
    for (int8x16_t& sum : sums) sum = vaddq_s8(sum, sum);
    for (int tap = taps.begin(); tap < taps.end(); ++tap) add_tap(tap, 1);
  }
  constexpr int kLargest = kPlanes == 2 ? kLargestLevel : 1;
  const int8x16_t all =
      vdupq_n_s8(static_cast<int8_t>(kLargest * taps.count()));
  const int16x8_t shift =
      vdupq_n_s16(static_cast<int16_t>(parameters.shift - 8));
  uint8x16_t masks[kRowWords] = {};
  BIFSMN_UNROLL
  for (int i = 0; i < kRowWords; ++i) {
    if (i == count) break;
    const int at = i * kWordBits;
    masks[i] = AddSixteen(
        ShiftedDots(vaddq_s8(vaddq_s8(sums[i], sums[i]), all), shift),
        Int16ResidualLanes(parameters, channel + at),
        Int16ResidualLanes(parameters, channel + at + 8), residual + at,
        result + at);
  }
  if (signs != nullptr) StoreWords(PackMasks(masks), count, 1, signs);
}

template <int kPlanes>
void AddRow(const Word* bits, const Word* weights,
            const MemoryGeometry& geometry, int step,
            const Int16Residual& parameters, const int16_t* residual,
            int16_t* result, Word* signs) {
  const MemoryTaps taps(geometry, step);
  const int words = WordsFor(geometry.channels);
  for (int word = 0; word < words; word += kRowWords) {
    const int channel = word * kWordBits;
    AddWords<kPlanes>(bits + word, weights + word, taps, words,
                      std::min(kRowWords, words - word), parameters, channel,
                      residual + channel, result + channel,
                      signs == nullptr ? nullptr : signs + word);
  }
}

template <int kPlanes>
void Add(const Word* bits, const Word* weights, const MemoryGeometry& geometry,
         int first, const Int16Residual& parameters, const int16_t* residual,
         int16_t* result, Word* signs) {
  const ptrdiff_t words = WordsFor(geometry.channels);
  const int steps = geometry.steps - first;
  const int in_tiles = IsNear(geometry) ? steps / kTileSteps * kTileSteps : 0;
  const bool whole = in_tiles == geometry.steps && steps == kTileSteps;
  for (int word = 0; in_tiles > 0 && word < words; ++word) {
    const Column<kPlanes> column(bits, weights, geometry, word);
    const int channel = word * kWordBits;
    Word* to = signs == nullptr ? nullptr : signs + word;
    if (whole) {
      AddColumn<true>(column, geometry, 0, kTileSteps, parameters, channel,
                      residual + channel, result + channel, to);
    } else {
      AddColumn<false>(column, geometry, first, first + in_tiles, parameters,
                       channel, residual + channel, result + channel, to);
    }
  }
  for (int i = in_tiles; i < steps; ++i) {
    const ptrdiff_t at = ptrdiff_t{i} * geometry.channels;
    AddRow<kPlanes>(bits, weights, geometry, first + i, parameters,
                    residual + at, result + at,
                    signs == nullptr ? nullptr : signs + i * words);
  }
}

}  // namespace

const MemoryKernel kMemoryNeon8x16S8 = {
    "memory_neon_8x16_s8", kMaxTaps, kWordBits, HasNeon, Dot, Add<1>, Add<2>,
};

}  // namespace bifsmn

#endif  // __aarch64__
