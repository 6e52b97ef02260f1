#include "custom_ops/ops/residual_epilogue.h"

#include "custom_ops/kernels/base_lanes.h"
#include "custom_ops/ops/packed_integers.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {

Status ResidualEpilogue::ReadAttributes(const Attributes& attributes) {
  shift_ = attributes.Int(kShiftAttribute.name);
  return ReadActivationBits(attributes, &activation_bits_);
}

Status ResidualEpilogue::Plan(const TensorInfo& parameters, int largest_dot,
                              const std::vector<int>& shape, int output_count,
                              std::vector<TensorInfo>* outputs) {
  shape_ = shape;
  const int channels = shape.back();
  const std::vector<int> expected = {
      kThreshold + ThresholdsOf(activation_bits_), channels};
  if (parameters.type != ElementType::kInt8) {
    BIFSMN_RETURN_IF_ERROR(CheckTensor(parameters, "parameters",
                                       ElementType::kInt16,
                                       ElementType::kFloat32, expected));
  }
  is_int16_ = parameters.type != ElementType::kFloat32;
  if (is_int16_) {
    if (shift_ < 0 || shift_ > 14 || largest_dot * (1 << shift_) > 32767) {
      return Status::Error(
          "sums of up to %d, shifted by %d, do not fit 16 bits", largest_dot,
          shift_);
    }
    BIFSMN_RETURN_IF_ERROR(
        ReadIntegers(parameters, "parameters", expected, &int16s_));
    for (const int row : {kScale, kSlope}) {
      for (int c = 0; c < channels; ++c) {
        if (int16s_[row * channels + c] == -32768) {
          return Status::Error("a scale or slope is -32768 (channel %d)", c);
        }
      }
    }
  } else {
    if (shift_ != 0) {
      return Status::Error("a float residual has shift 0, not %d", shift_);
    }
    BIFSMN_RETURN_IF_ERROR(ReadConstant(parameters, "parameters",
                                        parameters.type, expected, &floats_));
  }
  std::vector<int> bits_shape = shape;
  bits_shape.back() = activation_bits_ * WordsFor(channels);
  *outputs = {{is_int16_ ? ElementType::kInt16 : ElementType::kFloat32, shape},
              {ElementType::kInt16, bits_shape}};
  outputs->resize(output_count);
  return Status();
}

Status ResidualEpilogue::CheckResidual(const TensorInfo& residual,
                                       const char* name) const {
  return CheckTensor(residual, name,
                     is_int16_ ? ElementType::kInt16 : ElementType::kFloat32,
                     shape_);
}

Int16Residual ResidualEpilogue::int16_parameters() const {
  const int channels = shape_.back();
  const int16_t* rows = int16s_.data();
  return {rows + kScale * channels,
          rows + kOffset * channels,
          rows + kSlope * channels,
          rows + kThreshold * channels,
          shift_,
          activation_bits_ == 2 ? channels : 0};
}

void ResidualEpilogue::Run(const int16_t* dots, Cursor* cursor) const {
  const int channels = shape_.back();
  if (is_int16_) {
    const auto* residual = static_cast<const int16_t*>(cursor->residual);
    auto* result = static_cast<int16_t*>(cursor->result);
    AddDotsToResidual(dots, int16_parameters(), channels, residual, result);
    if (cursor->bits != nullptr) cursor->bits = Write(result, cursor->bits);
    if (residual != nullptr) cursor->residual = residual + channels;
    cursor->result = result + channels;
  } else {
    const float* rows = floats_.data();
    const auto* residual = static_cast<const float*>(cursor->residual);
    auto* result = static_cast<float*>(cursor->result);
    AddAffinePrelu(dots,
                   {rows + kScale * channels, rows + kOffset * channels,
                    rows + kSlope * channels},
                   residual, channels, result);
    if (cursor->bits != nullptr) cursor->bits = Write(result, cursor->bits);
    if (residual != nullptr) cursor->residual = residual + channels;
    cursor->result = result + channels;
  }
}

}  // namespace bifsmn
