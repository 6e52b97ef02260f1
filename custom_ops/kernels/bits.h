// Signs as bits: 1 means -1, 0 means +1. Channel c of a pixel is bit c % 16,
// least significant first, of word c / 16; unused high bits of a pixel's last
// word are 0.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BITS_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BITS_H_

#include <cstdint>

namespace bifsmn {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "words are read in place from little-endian files");

using Word = uint16_t;

constexpr int kWordBits = 16;

// Most +-1 products in one sum: twice a sum's threshold, and a flip, fit int16.
constexpr int kMaxBinaryTerms = 16382;

// Most products of two int8 in one sum: it fits int32.
constexpr int kMaxQuantizedTerms = 131071;

constexpr int CeilDiv(int value, int divisor) {
  return value / divisor + (value % divisor != 0);
}

constexpr int RoundUp(int value, int multiple) {
  return CeilDiv(value, multiple) * multiple;
}

constexpr int WordsFor(int channels) { return CeilDiv(channels, kWordBits); }

// The bits of a pixel's last word that stand for no channel.
constexpr Word UnusedBits(int channels) {
  return channels % kWordBits == 0
             ? Word{0}
             : static_cast<Word>(0xffffu << channels % kWordBits);
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BITS_H_
