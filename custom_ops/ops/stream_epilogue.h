// The part that the ops into the float stream share: from dots to floats, and
// to their signs.

#ifndef BIFSMN_CUSTOM_OPS_OPS_STREAM_EPILOGUE_H_
#define BIFSMN_CUSTOM_OPS_OPS_STREAM_EPILOGUE_H_

#include <cstdint>
#include <vector>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

class StreamEpilogue {
 public:
  // Checks and copies scale, offset, slope and threshold, which are inputs[0]
  // to inputs[3], for a stream of `shape`; tells what the outputs are.
  Status Plan(const TensorInfo* const* inputs, const std::vector<int>& shape,
              int output_count, std::vector<TensorInfo>* outputs);

  // Where the next pixel is read and written; null what is absent.
  struct Cursor {
    const float* residual;
    float* stream;
    Word* bits;
  };

  // Takes the dots of the next pixel, and moves on.
  void Run(const int16_t* dots, Cursor* cursor) const;

 private:
  int channels_ = 0;
  std::vector<float> scale_;
  std::vector<float> offset_;
  std::vector<float> slope_;
  std::vector<float> threshold_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_STREAM_EPILOGUE_H_
