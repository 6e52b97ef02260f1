// What a stream keeps between its steps: frames of windows as bytes, part after
// part. A frame is what lies behind the second axis of a tensor [1, T, ...].

#ifndef BIFSMN_CUSTOM_OPS_OPS_STREAM_FRAMES_H_
#define BIFSMN_CUSTOM_OPS_OPS_STREAM_FRAMES_H_

#include <cstdint>

#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

// What the first byte of each part is a multiple of, and the bytes of a state.
constexpr int kStateAlignment = 4;

// Checks that a tensor has frames of one stream, of a type that may be kept.
Status CheckFrames(const TensorInfo& tensor, const char* name);

// Bytes of a frame of what CheckFrames passed.
int64_t FrameBytes(const TensorInfo& tensor);

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_STREAM_FRAMES_H_
