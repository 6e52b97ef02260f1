// How many bits the activations have that an op gives: the attribute, and what
// a pixel's values become.

#ifndef BIFSMN_CUSTOM_OPS_OPS_ACTIVATION_BITS_H_
#define BIFSMN_CUSTOM_OPS_OPS_ACTIVATION_BITS_H_

#include <cstddef>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/status.h"

namespace bifsmn {

constexpr AttributeSpec kActivationBitsAttribute = {
    "activation_bits", AttributeType::kOptionalInt32};

// One bit where the attribute is left out.
Status ReadActivationBits(const Attributes& attributes, int* bits);

// How many thresholds a channel has with activations of so many bits.
constexpr int ThresholdsOf(int bits) {
  return bits == 2 ? kLevelThresholds : 1;
}

// Writes the activations of a pixel's values, of one bit or two, and returns
// where the next pixel's go: thresholds[ThresholdsOf(bits)][channels].
template <typename T>
Word* WriteActivations(const T* values, const T* thresholds, int channels,
                       int bits, Word* to) {
  if (bits == 1) {
    SignBits(values, thresholds, channels, to);
  } else {
    WriteLevels(
        channels,
        [=](int t, int first, int count, Word* below) {
          SignBits(values + first, thresholds + ptrdiff_t{t} * channels + first,
                   count, below);
        },
        to);
  }
  return to + ptrdiff_t{bits} * WordsFor(channels);
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_ACTIVATION_BITS_H_
