// 16-bit floats (IEEE 754 binary16), which some processors cannot read.

#ifndef BIFSMN_CUSTOM_OPS_OPS_FLOAT16_H_
#define BIFSMN_CUSTOM_OPS_OPS_FLOAT16_H_

#include <cstdint>
#include <vector>

namespace bifsmn {

// The value of a 16-bit float.
float FromFloat16(uint16_t bits);

std::vector<float> FromFloat16(const std::vector<uint16_t>& values);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_FLOAT16_H_
