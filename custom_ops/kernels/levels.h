// Activations of two bits: of each channel the sum 2 * b1 + b2 of two signs, a
// level of 3, 1, -1 or -3. The words of a pixel's first bits are followed by
// those of its second ones: its two planes. Weights have one bit, so that a sum
// is twice that of the first plane plus that of the second.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LEVELS_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LEVELS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"

namespace bifsmn {

constexpr int kLargestLevel = 3;

// Thresholds between the levels.
constexpr int kLevelThresholds = 3;

// The planes of 16 channels, from three words whose bits tell what lies below
// a threshold: how many of them do, in binary.
inline void CountBelow(const Word* below, Word* first, Word* second) {
  const Word odd = below[0] ^ below[1];
  *first = static_cast<Word>((below[0] & below[1]) | (odd & below[2]));
  *second = static_cast<Word>(odd ^ below[2]);
}

// Words of which the planes are made at once.
constexpr int kRowOfWords = 8;

// Writes the planes of a pixel. below(t, first, count, words) writes the words
// of threshold t for the `count` channels from `first` on, of a row at most.
template <typename Below>
inline void WriteLevels(int channels, const Below& below, Word* bits) {
  constexpr int kRow = kRowOfWords * kWordBits;
  const int words = WordsFor(channels);
  for (int first = 0; first < channels; first += kRow) {
    const int count = std::min(kRow, channels - first);
    Word tests[kLevelThresholds][kRowOfWords];
    for (int t = 0; t < kLevelThresholds; ++t) {
      below(t, first, count, tests[t]);
    }
    Word* to = bits + first / kWordBits;
    const auto write = [&](int count_of_words) {
      for (int i = 0; i < count_of_words; ++i) {
        const Word of_word[] = {tests[0][i], tests[1][i], tests[2][i]};
        CountBelow(of_word, to + i, to + words + i);
      }
    };
    // A whole row for the compiler to unroll.
    if (count == kRow) {
      write(kRowOfWords);
    } else {
      write(WordsFor(count));
    }
  }
}

// joined = 2 * first + second, of disagreements or dots; `joined` may be
// `first`.
template <typename T>
inline void JoinPlanes(const T* first, const T* second, int count, T* joined) {
  for (int i = 0; i < count; ++i) {
    joined[i] = static_cast<T>(2 * first[i] + second[i]);
  }
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LEVELS_H_
