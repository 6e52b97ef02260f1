// BifsmnInt8Conv2D: a convolution of 8-bit values, to 8-bit values or into the
// residual, for what one bit costs too much.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/igemm.h"
#include "custom_ops/ops/activation_bits.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/residual_epilogue.h"
#include "custom_ops/ops/shared_constants.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/value_conv.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

// Pixels whose patches are laid out at a time.
constexpr int kBlockPixels = 32;

// Bytes that a copy may reach behind what it is of.
constexpr size_t kSlack = kIgemmTermStep;

// What the result may be, by the bits of an element.
ElementType ResultType(int bits) {
  switch (bits) {
    case 8:
      return ElementType::kInt8;
    case 16:
      return ElementType::kInt16;
    case 32:
      return ElementType::kFloat32;
    default:
      return ElementType::kOther;
  }
}

class Int8Conv2D : public Op {
 public:
  Int8Conv2D(const ConvAttributes& attributes, float inverse_scale,
             ElementType result_type, float output_inverse_scale,
             int activation_bits)
      : attributes_(attributes),
        inverse_scale_(inverse_scale),
        result_type_(result_type),
        output_inverse_scale_(output_inverse_scale),
        activation_bits_(activation_bits) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kInt8Conv2DOp, inputs, output_count));
    is_float_ = inputs[0]->type == ElementType::kFloat32;
    const TensorInfo& weights = *inputs[1];
    BIFSMN_RETURN_IF_ERROR(
        conv_.Plan(attributes_, *inputs[0], "values",
                   is_float_ ? ElementType::kFloat32 : ElementType::kInt8,
                   weights, ElementType::kInt8));
    BIFSMN_RETURN_IF_ERROR(PackWeights(weights));
    BIFSMN_RETURN_IF_ERROR(ReadConstant(
        *inputs[2], "parameters", ElementType::kFloat32,
        {kThreshold + ThresholdsOf(activation_bits_), conv_.outputs},
        &parameters_));
    const std::vector<int> shape = {conv_.images, conv_.geometry.output_h,
                                    conv_.geometry.output_w, conv_.outputs};
    BIFSMN_RETURN_IF_ERROR(CheckShape(shape).In("result"));
    has_residual_ = inputs.size() > 3 && inputs[3] != nullptr;
    if (has_residual_) {
      if (result_type_ == ElementType::kInt8) {
        return Status::Error("values of 8 bits have no residual");
      }
      BIFSMN_RETURN_IF_ERROR(
          CheckTensor(*inputs[3], "residual", result_type_, shape));
    }
    has_bits_ = output_count > 1;

    layout_ = WorkspaceLayout();
    image_ = layout_.Add<int8_t>(conv_.padded.elements() + kSlack);
    patches_ =
        layout_.Add<int8_t>(size_t{kBlockPixels} * patch_stride_ + kSlack);
    sums_ = layout_.Add<int32_t>(size_t{kBlockPixels} * conv_.outputs);
    reals_ = layout_.Add<float>(size_t{kBlockPixels} * conv_.outputs);

    std::vector<int> bits_shape = shape;
    bits_shape.back() = activation_bits_ * WordsFor(conv_.outputs);
    *outputs = {{result_type_, shape}, {ElementType::kInt16, bits_shape}};
    outputs->resize(output_count);
    return Status();
  }

  void Share(ConstantPool* pool) override { packed_.Share(pool); }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    Cursor cursor = {has_residual_ ? inputs[3] : nullptr, outputs[0],
                     has_bits_ ? static_cast<Word*>(outputs[1]) : nullptr};
    std::memset(image_.In(workspace), 0, conv_.padded.bytes());
    for (int n = 0; n < conv_.images; ++n) {
      if (is_float_) {
        ReadImage(static_cast<const float*>(inputs[0]), n, workspace);
      } else {
        ReadImage(static_cast<const int8_t*>(inputs[0]), n, workspace);
      }
      RunImage(workspace, &cursor);
    }
  }

 private:
  // Where the next pixel's results go, and what they are added to.
  struct Cursor {
    const void* residual;
    void* result;
    Word* bits;
  };

  Status PackWeights(const TensorInfo& weights) {
    std::vector<int8_t> values;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(weights, "weights", ElementType::kInt8,
                                        weights.shape, &values));
    if (std::find(values.begin(), values.end(), INT8_MIN) != values.end()) {
      return Status::Error("weights have a -128, beyond [-127, 127]");
    }
    quantize_ = FeatureConvKernels()
                    .Select([](const FeatureConvKernel&) { return true; })
                    .quantize;
    kernel_ = &IgemmKernels().Select([](const IgemmKernel&) { return true; });
    patch_stride_ = RoundUp(conv_.terms, kIgemmTermStep);
    kernel_->pack(
        values.data(), conv_.outputs, conv_.terms,
        packed_.Resize(kernel_->packed_bytes(conv_.outputs, conv_.terms)));
    return Status();
  }

  // Puts the n-th image into the middle of the padded one.
  template <typename T>
  void ReadImage(const T* values, int n, void* workspace) const {
    const ConvGeometry& g = conv_.geometry;
    const ptrdiff_t row_stride =
        ptrdiff_t{conv_.padded.shape[1]} * conv_.channels;
    const ptrdiff_t row = ptrdiff_t{g.width} * conv_.channels;
    int8_t* to = image_.In(workspace) + g.pad_top * row_stride +
                 ptrdiff_t{g.pad_left} * conv_.channels;
    values += n * g.height * row;
    for (int y = 0; y < g.height; ++y) {
      if constexpr (std::is_same_v<T, float>) {
        quantize_(values, row, inverse_scale_, to);
      } else {
        std::memcpy(to, values, row);
      }
      values += row;
      to += row_stride;
    }
  }

  void RunImage(void* workspace, Cursor* cursor) const {
    const int pixels = conv_.geometry.output_h * conv_.geometry.output_w;
    int8_t* patches = patches_.In(workspace);
    int32_t* sums = sums_.In(workspace);
    for (int first = 0; first < pixels; first += kBlockPixels) {
      const int count = std::min(kBlockPixels, pixels - first);
      LayOut(image_.In(workspace), first, count, patches);
      kernel_->run({patches, patch_stride_, count, packed_.data(),
                    conv_.outputs, conv_.terms},
                   sums);
      Finish(sums, count, reals_.In(workspace), cursor);
    }
  }

  // The values that the pixels' sums are of. What a copy writes behind them is
  // overwritten by the next one.
  void LayOut(const int8_t* image, int first, int count,
              int8_t* patches) const {
    const ConvGeometry& g = conv_.geometry;
    const ptrdiff_t row_stride =
        ptrdiff_t{conv_.padded.shape[1]} * conv_.channels;
    const int run = g.kernel_w * conv_.channels;
    int y = first / g.output_w;
    int x = first % g.output_w;
    for (int i = 0; i < count; ++i, patches += patch_stride_) {
      const int8_t* from = image + y * g.stride_h * row_stride +
                           ptrdiff_t{x} * g.stride_w * conv_.channels;
      int8_t* to = patches;
      for (int ky = 0; ky < g.kernel_h; ++ky, from += row_stride, to += run) {
        std::memcpy(to, from, 8);
        for (int k = 8; k < run; k += 8) std::memcpy(to + k, from + k, 8);
      }
      std::memset(to, 0, kIgemmTermStep);
      if (++x == g.output_w) {
        x = 0;
        ++y;
      }
    }
  }

  void Finish(const int32_t* sums, int pixels, float* reals,
              Cursor* cursor) const {
    const ptrdiff_t values = ptrdiff_t{pixels} * conv_.outputs;
    const bool adds_floats = result_type_ == ElementType::kFloat32;
    const auto* residual =
        static_cast<const float*>(adds_floats ? cursor->residual : nullptr);
    const float* rows = parameters_.data();
    for (ptrdiff_t at = 0; at < values; at += conv_.outputs) {
      AddAffinePrelu(
          sums + at,
          {rows + kScale * conv_.outputs, rows + kOffset * conv_.outputs,
           rows + kSlope * conv_.outputs},
          residual == nullptr ? nullptr : residual + at, conv_.outputs,
          reals + at);
    }
    switch (result_type_) {
      case ElementType::kInt8:
        quantize_(reals, values, output_inverse_scale_,
                  static_cast<int8_t*>(cursor->result));
        break;
      case ElementType::kInt16: {
        auto* result = static_cast<int16_t*>(cursor->result);
        AddRounded(reals, output_inverse_scale_,
                   static_cast<const int16_t*>(cursor->residual), values,
                   result);
        std::copy_n(result, values, reals);
        break;
      }
      default:
        std::memcpy(cursor->result, reals, values * sizeof(float));
        break;
    }
    const ptrdiff_t bytes = values * SizeOf(result_type_);
    cursor->result = static_cast<char*>(cursor->result) + bytes;
    if (cursor->residual != nullptr) {
      cursor->residual = static_cast<const char*>(cursor->residual) + bytes;
    }
    if (cursor->bits == nullptr) return;
    const float* thresholds = rows + kThreshold * conv_.outputs;
    for (ptrdiff_t at = 0; at < values; at += conv_.outputs) {
      cursor->bits = WriteActivations(reals + at, thresholds, conv_.outputs,
                                      activation_bits_, cursor->bits);
    }
  }

  const ConvAttributes attributes_;
  const float inverse_scale_;
  const ElementType result_type_;
  const float output_inverse_scale_;
  const int activation_bits_;

  bool is_float_ = false;
  bool has_residual_ = false;
  bool has_bits_ = false;
  ValueConv conv_;
  ptrdiff_t patch_stride_ = 0;
  std::vector<float> parameters_;
  void (*quantize_)(const float*, size_t, float, int8_t*) = nullptr;
  const IgemmKernel* kernel_ = nullptr;
  PackedConstant<char> packed_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int8_t> image_;
  WorkspaceLayout::Part<int8_t> patches_;
  WorkspaceLayout::Part<int32_t> sums_;
  WorkspaceLayout::Part<float> reals_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  ConvAttributes conv;
  BIFSMN_RETURN_IF_ERROR(ConvAttributes::Read(attributes, &conv));
  float inverse_scale, output_inverse_scale;
  BIFSMN_RETURN_IF_ERROR(
      ReadScale(attributes, "inverse_scale", &inverse_scale));
  BIFSMN_RETURN_IF_ERROR(
      ReadScale(attributes, "output_inverse_scale", &output_inverse_scale));
  int activation_bits;
  BIFSMN_RETURN_IF_ERROR(ReadActivationBits(attributes, &activation_bits));
  const int bits = attributes.Int("output_bits");
  const ElementType type = ResultType(bits);
  if (type == ElementType::kOther) {
    return Status::Error("output_bits has to be 8, 16 or 32, is %d", bits);
  }
  *op = std::make_unique<Int8Conv2D>(conv, inverse_scale, type,
                                     output_inverse_scale, activation_bits);
  return Status();
}

}  // namespace

const OpDefinition kInt8Conv2DOp = {
    "BifsmnInt8Conv2D",
    1,
    WithConvAttributes({}, {{"inverse_scale", AttributeType::kFloat32},
                            {"output_bits", AttributeType::kInt32},
                            {"output_inverse_scale", AttributeType::kFloat32},
                            kActivationBitsAttribute}),
    {"values", "weights", "parameters", "residual?"},
    {"result", "bits?"},
    Create,
};

}  // namespace bifsmn
