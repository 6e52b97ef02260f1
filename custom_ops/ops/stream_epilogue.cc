#include "custom_ops/ops/stream_epilogue.h"

#include "custom_ops/ops/validation.h"

namespace bifsmn {

Status StreamEpilogue::Plan(const TensorInfo* const* inputs,
                            const std::vector<int>& shape, int output_count,
                            std::vector<TensorInfo>* outputs) {
  channels_ = shape.back();
  const struct {
    const char* name;
    std::vector<float>* values;
  } vectors[] = {{"scale", &scale_},
                 {"offset", &offset_},
                 {"slope", &slope_},
                 {"threshold", &threshold_}};
  for (const auto& vector : vectors) {
    BIFSMN_RETURN_IF_ERROR(ReadConstant(**inputs++, vector.name,
                                        ElementType::kFloat32, {channels_},
                                        vector.values));
  }
  std::vector<int> bits_shape = shape;
  bits_shape.back() = WordsFor(channels_);
  *outputs = {{ElementType::kFloat32, shape},
              {ElementType::kInt16, bits_shape}};
  outputs->resize(output_count);
  return Status();
}

void StreamEpilogue::Run(const int16_t* dots, Cursor* cursor) const {
  AddAffinePrelu(dots, {scale_.data(), offset_.data(), slope_.data()},
                 cursor->residual, channels_, cursor->stream);
  if (cursor->bits != nullptr) {
    SignBits(cursor->stream, threshold_.data(), channels_, cursor->bits);
    cursor->bits += WordsFor(channels_);
  }
  if (cursor->residual != nullptr) cursor->residual += channels_;
  cursor->stream += channels_;
}

}  // namespace bifsmn
