// The part that the ops into the residual share: from dots to floats or 16-bit
// integers, and to their signs.

#ifndef BIFSMN_CUSTOM_OPS_OPS_RESIDUAL_EPILOGUE_H_
#define BIFSMN_CUSTOM_OPS_OPS_RESIDUAL_EPILOGUE_H_

#include <cstdint>
#include <vector>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/activation_bits.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

// Rows of an epilogue's parameters; of two bits two more thresholds follow.
enum EpilogueRow { kScale, kOffset, kSlope, kThreshold };

class ResidualEpilogue {
 public:
  // Reads the attributes of the epilogue, which end an op's.
  Status ReadAttributes(const Attributes& attributes);

  // Checks and copies parameters[rows][channels] for a residual of `shape` and
  // dots in [-largest_dot, largest_dot]; tells what the outputs are.
  Status Plan(const TensorInfo& parameters, int largest_dot,
              const std::vector<int>& shape, int output_count,
              std::vector<TensorInfo>* outputs);

  // Checks what the outputs are added to.
  Status CheckResidual(const TensorInfo& residual, const char* name) const;

  // Whether the residual is 16-bit integers.
  bool is_int16() const { return is_int16_; }
  Int16Residual int16_parameters() const;

  // Of the activations that are given beside the residual.
  int activation_bits() const { return activation_bits_; }

  // Writes the activations of a pixel's result, and returns where the next
  // one's go.
  template <typename T>
  Word* Write(const T* result, Word* bits) const {
    const int channels = shape_.back();
    return WriteActivations(result, Rows(result) + kThreshold * channels,
                            channels, activation_bits_, bits);
  }

  // Where the next pixel is read and written; null what is absent.
  struct Cursor {
    const void* residual;
    void* result;
    Word* bits;
  };

  // Takes the dots of the next pixel, and moves on.
  void Run(const int16_t* dots, Cursor* cursor) const;

 private:
  const int16_t* Rows(const int16_t*) const { return int16s_.data(); }
  const float* Rows(const float*) const { return floats_.data(); }

  bool is_int16_ = false;
  int shift_ = 0;
  int activation_bits_ = 1;
  std::vector<int> shape_;
  std::vector<float> floats_;
  std::vector<int16_t> int16s_;
};

// The attribute of an op into the residual that says how far a dot product is
// shifted.
constexpr AttributeSpec kShiftAttribute = {"shift", AttributeType::kInt32};

// What an op into the residual lists last.
inline std::vector<AttributeSpec> EpilogueAttributes() {
  return {kShiftAttribute, kActivationBitsAttribute};
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_RESIDUAL_EPILOGUE_H_
