#include "custom_ops/kernels/epilogue.h"

#include <algorithm>

#include "custom_ops/kernels/base_lanes.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/quantize.h"

namespace bifsmn {
namespace {

// Packs `test(channel)` over the channels. The loop over a whole word has a
// fixed length for the compiler to unroll.
template <typename Test>
void PackTests(int channels, const Test& test, Word* bits) {
  int c = 0;
  for (; c + kWordBits <= channels; c += kWordBits) {
    unsigned word = 0;
    for (int i = 0; i < kWordBits; ++i) word |= unsigned{test(c + i)} << i;
    *bits++ = static_cast<Word>(word);
  }
  if (c == channels) return;
  unsigned word = 0;
  for (int i = 0; c + i < channels; ++i) word |= unsigned{test(c + i)} << i;
  *bits = static_cast<Word>(word);
}

template <typename Dot>
void AddAffinePreluOf(const Dot* __restrict dots, const AffinePrelu& map,
                      const float* residual, int channels,
                      float* __restrict result) {
  const float* scale = map.scale;
  const float* offset = map.offset;
  const float* slope = map.slope;
  for (int c = 0; c < channels; ++c) {
    const float u = static_cast<float>(dots[c]) * scale[c] + offset[c];
    const float below = u * slope[c];
    result[c] = u >= 0.0f ? u : below;
  }
  if (residual == nullptr) return;
  for (int c = 0; c < channels; ++c) result[c] = residual[c] + result[c];
}

void Flip(const Word* flips, int outputs, Word* bits) {
  for (int i = 0; i < WordsFor(outputs); ++i) bits[i] ^= flips[i];
}

}  // namespace

uint16_t DisagreementLimit(int base, int threshold) {
  const int difference = base - threshold;
  if (difference < 0) return 0;
  return static_cast<uint16_t>(std::min(difference / 2 + 1, 65535));
}

void ThresholdDisagreements(const uint16_t* disagreements,
                            const uint16_t* limits, const Word* flips,
                            int outputs, Word* bits) {
  constexpr int kRow = kRowOfWords * kWordBits;
  Word* word = bits;
  int left = outputs;
  for (; left >= kRow; left -= kRow) {
    WordsAtLeast(disagreements, limits, word);
    word += kRowOfWords;
    disagreements += kRow;
    limits += kRow;
  }
  for (; left >= kWordBits; left -= kWordBits) {
    *word++ = WordAtLeast(disagreements, limits);
    disagreements += kWordBits;
    limits += kWordBits;
  }
  if (left > 0) {
    PackTests(left, [=](int o) { return disagreements[o] >= limits[o]; }, word);
  }
  Flip(flips, outputs, bits);
}

void ThresholdSums(const int32_t* sums, const int32_t* thresholds, int outputs,
                   Word* bits) {
  PackTests(outputs, [=](int o) { return sums[o] < thresholds[o]; }, bits);
}

Word* WritePlanes(const Word* below, int pixels, int words, Word* planes) {
  int i = 0;
  if (words == 1) {
    for (; i + kBaseLanes <= pixels; i += kBaseLanes) {
      WriteEightPlanes(below + kLevelThresholds * i, planes + 2 * i);
    }
  }
  for (; i < pixels; ++i) {
    const Word* of_pixel = below + ptrdiff_t{kLevelThresholds} * i * words;
    Word* to = planes + ptrdiff_t{2} * i * words;
    for (int word = 0; word < words; ++word) {
      const Word tests[] = {of_pixel[word], of_pixel[words + word],
                            of_pixel[2 * words + word]};
      CountBelow(tests, to + word, to + words + word);
    }
  }
  return planes + ptrdiff_t{2} * pixels * words;
}

void DotsOfDisagreements(const uint16_t* disagreements, const int16_t* bases,
                         int outputs, int16_t* dots) {
  for (int o = 0; o < outputs; ++o) {
    dots[o] = static_cast<int16_t>(bases[o] - 2 * disagreements[o]);
  }
}

void AddAffinePrelu(const int16_t* dots, const AffinePrelu& map,
                    const float* residual, int channels, float* result) {
  AddAffinePreluOf(dots, map, residual, channels, result);
}

void AddAffinePrelu(const int32_t* dots, const AffinePrelu& map,
                    const float* residual, int channels, float* result) {
  AddAffinePreluOf(dots, map, residual, channels, result);
}

void AddRounded(const float* values, float inverse_scale,
                const int16_t* residual, ptrdiff_t count, int16_t* result) {
  ptrdiff_t i = 0;
  for (; i + kBaseLanes <= count; i += kBaseLanes) {
    AddEightRounded(values + i, inverse_scale,
                    residual == nullptr ? nullptr : residual + i, result + i);
  }
  for (; i < count; ++i) {
    const int rounded = static_cast<int>(
        RoundAndClamp(values[i] * inverse_scale, -32768.0f, 32767.0f));
    const int sum = rounded + (residual == nullptr ? 0 : residual[i]);
    result[i] = static_cast<int16_t>(std::clamp(sum, -32768, 32767));
  }
}

void AddToInt16Residual(const int16_t* dots, const Int16Residual& parameters,
                        int first, int count, const int16_t* residual,
                        int16_t* result, Word* bits) {
  for (int i = 0; i < count; ++i) {
    result[i] = Int16ResidualValue(parameters, first + i, dots[i],
                                   residual == nullptr ? 0 : residual[i]);
  }
  if (bits == nullptr) return;
  const int16_t* threshold = parameters.threshold + first;
  PackTests(count, [=](int i) { return result[i] < threshold[i]; }, bits);
}

void SignBits(const float* values, const float* threshold, int channels,
              Word* bits) {
  BitsBelow(values, threshold, channels, bits);
}

void SignBits(const int16_t* values, const int16_t* threshold, int channels,
              Word* bits) {
  BitsBelow(values, threshold, channels, bits);
}

}  // namespace bifsmn
