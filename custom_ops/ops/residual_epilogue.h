// The part that the ops into the residual share: from dots to floats or 16-bit
// integers, and to their signs.

#ifndef BIFSMN_CUSTOM_OPS_OPS_RESIDUAL_EPILOGUE_H_
#define BIFSMN_CUSTOM_OPS_OPS_RESIDUAL_EPILOGUE_H_

#include <cstdint>
#include <vector>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

// Rows of an epilogue's parameters.
enum EpilogueRow { kScale, kOffset, kSlope, kThreshold, kRows };

class ResidualEpilogue {
 public:
  // Checks and copies parameters[kRows][channels] for a residual of `shape`
  // and
  // dots in [-largest_dot, largest_dot]; tells what the outputs are.
  Status Plan(const TensorInfo& parameters, int shift, int largest_dot,
              const std::vector<int>& shape, int output_count,
              std::vector<TensorInfo>* outputs);

  // Checks what the outputs are added to.
  Status CheckResidual(const TensorInfo& residual, const char* name) const;

  // Whether the residual is 16-bit integers.
  bool is_int16() const { return is_int16_; }
  Int16Residual int16_parameters() const;

  // Where the next pixel is read and written; null what is absent.
  struct Cursor {
    const void* residual;
    void* result;
    Word* bits;
  };

  // Takes the dots of the next pixel, and moves on.
  void Run(const int16_t* dots, Cursor* cursor) const;

 private:
  bool is_int16_ = false;
  int shift_ = 0;
  std::vector<int> shape_;
  std::vector<float> floats_;
  std::vector<int16_t> int16s_;
};

// The attribute of an op into the residual that says how far a dot product is
// shifted.
constexpr AttributeSpec kShiftAttribute = {"shift", AttributeType::kInt32};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_RESIDUAL_EPILOGUE_H_
