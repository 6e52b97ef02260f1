#include "custom_ops/ops/activation_bits.h"

namespace bifsmn {

Status ReadActivationBits(const Attributes& attributes, int* bits) {
  *bits = attributes.IntOr(kActivationBitsAttribute.name, 1);
  if (*bits != 1 && *bits != 2) {
    return Status::Error("activation_bits has to be 1 or 2, is %d", *bits);
  }
  return Status();
}

}  // namespace bifsmn
