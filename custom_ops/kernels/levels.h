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

// The same of the first `count` words of a row.
inline void CountRowBelow(const Word below[kLevelThresholds][kRowOfWords],
                          int count, Word* first, Word* second) {
  Word planes[2][kRowOfWords];
  for (int i = 0; i < kRowOfWords; ++i) {
    const Word tests[] = {below[0][i], below[1][i], below[2][i]};
    CountBelow(tests, planes[0] + i, planes[1] + i);
  }
  std::copy_n(planes[0], count, first);
  std::copy_n(planes[1], count, second);
}

// Writes the planes of a pixel. below(t, word, count) is the word of threshold
// t for the `count` channels of a word.
template <typename Below>
inline void WriteLevels(int channels, const Below& below, Word* bits) {
  const int words = WordsFor(channels);
  for (int word = 0; word < words; ++word) {
    const int count = std::min(kWordBits, channels - word * kWordBits);
    Word tests[kLevelThresholds];
    for (int t = 0; t < kLevelThresholds; ++t) {
      tests[t] = below(t, word, count);
    }
    CountBelow(tests, bits + word, bits + words + word);
  }
}

// planes[2][pixels][words] of image[pixels][2][words].
void SplitPlanes(const Word* image, ptrdiff_t pixels, int words, Word* planes);

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
