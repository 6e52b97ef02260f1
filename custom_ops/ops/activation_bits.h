// The attribute that says how many bits the activations have that an op gives.

#ifndef BIFSMN_CUSTOM_OPS_OPS_ACTIVATION_BITS_H_
#define BIFSMN_CUSTOM_OPS_OPS_ACTIVATION_BITS_H_

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

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_ACTIVATION_BITS_H_
