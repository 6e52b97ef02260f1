// 16-bit integers that a model file has in a Rice code.

#ifndef BIFSMN_CUSTOM_OPS_OPS_PACKED_INTEGERS_H_
#define BIFSMN_CUSTOM_OPS_OPS_PACKED_INTEGERS_H_

#include <cstdint>
#include <vector>

#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

// Checks and copies constants [rows][columns]: of int16 and of `shape`, or
// packed, as int8 [bytes].
Status ReadIntegers(const TensorInfo& tensor, const char* name,
                    const std::vector<int>& shape,
                    std::vector<int16_t>* values);

// Appends the `columns` values of every packed row; all of `bytes` has to be
// theirs.
Status UnpackIntegers(const uint8_t* content, size_t bytes, int rows,
                      int columns, std::vector<int16_t>* values);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_PACKED_INTEGERS_H_
