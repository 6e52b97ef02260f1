// BifsmnFloatConv2D: the first convolution in floats, to signs.

#include <algorithm>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/value_conv.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

class FloatConv2D : public Op {
 public:
  explicit FloatConv2D(const ConvAttributes& attributes)
      : attributes_(attributes) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kFloatConv2DOp, inputs, output_count));
    const TensorInfo& weights = *inputs[1];
    BIFSMN_RETURN_IF_ERROR(conv_.Plan(attributes_, *inputs[0], "features",
                                      ElementType::kFloat32, weights,
                                      ElementType::kFloat32));
    std::vector<float> values;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(
        weights, "weights", ElementType::kFloat32, weights.shape, &values));
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "thresholds",
                                        ElementType::kFloat32, {conv_.outputs},
                                        &thresholds_));
    // [terms][outputs]: the inner loop runs over outputs, whose sums are
    // independent, so that compilers may compute several at a time.
    weights_.resize(values.size());
    for (int o = 0; o < conv_.outputs; ++o) {
      for (int k = 0; k < conv_.terms; ++k) {
        weights_[size_t{1} * k * conv_.outputs + o] =
            values[size_t{1} * o * conv_.terms + k];
      }
    }
    layout_ = WorkspaceLayout();
    sums_ = layout_.Add<float>(conv_.outputs);
    *outputs = {{ElementType::kInt16,
                 {conv_.images, conv_.geometry.output_h,
                  conv_.geometry.output_w, WordsFor(conv_.outputs)}}};
    return CheckShape(outputs->front().shape).In("bits");
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    const auto* image = static_cast<const float*>(inputs[0]);
    auto* bits = static_cast<Word*>(outputs[0]);
    float* sums = sums_.In(workspace);
    const ConvGeometry& g = conv_.geometry;
    for (int n = 0; n < conv_.images; ++n) {
      for (int y = 0; y < g.output_h; ++y) {
        for (int x = 0; x < g.output_w; ++x) {
          Sum(image, y * g.stride_h - g.pad_top, x * g.stride_w - g.pad_left,
              sums);
          SignBits(sums, thresholds_.data(), conv_.outputs, bits);
          bits += WordsFor(conv_.outputs);
        }
      }
      image += ptrdiff_t{g.height} * g.width * conv_.channels;
    }
  }

 private:
  void Sum(const float* image, int top, int left, float* sums) const {
    const ConvGeometry& g = conv_.geometry;
    std::fill_n(sums, conv_.outputs, 0.0f);
    const float* weights = weights_.data();
    for (int row = top; row < top + g.kernel_h; ++row) {
      for (int column = left; column < left + g.kernel_w; ++column) {
        const bool inside =
            row >= 0 && row < g.height && column >= 0 && column < g.width;
        for (int c = 0; c < conv_.channels; ++c, weights += conv_.outputs) {
          if (!inside) continue;
          const float value =
              image[(ptrdiff_t{row} * g.width + column) * conv_.channels + c];
          for (int o = 0; o < conv_.outputs; ++o) sums[o] += value * weights[o];
        }
      }
    }
  }

  const ConvAttributes attributes_;
  ValueConv conv_;
  std::vector<float> thresholds_;
  std::vector<float> weights_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<float> sums_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  ConvAttributes conv;
  BIFSMN_RETURN_IF_ERROR(ConvAttributes::Read(attributes, &conv));
  *op = std::make_unique<FloatConv2D>(conv);
  return Status();
}

}  // namespace

const OpDefinition kFloatConv2DOp = {
    "BifsmnFloatConv2D",
    1,
    WithConvAttributes({}, {}),
    {"features", "weights", "thresholds"},
    {"bits"},
    Create,
};

}  // namespace bifsmn
