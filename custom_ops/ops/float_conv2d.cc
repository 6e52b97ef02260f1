// BifsmnFloatConv2D: the first convolution in floats, to signs.

#include <algorithm>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/validation.h"
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
    const TensorInfo& features = *inputs[0];
    const TensorInfo& weights = *inputs[1];
    const bool has_channels = features.shape.size() != 3;
    BIFSMN_RETURN_IF_ERROR(CheckTensor(features, "features",
                                       ElementType::kFloat32,
                                       size_t{has_channels ? 4u : 3u}));
    BIFSMN_RETURN_IF_ERROR(
        CheckTensor(weights, "weights", ElementType::kFloat32, 4));
    channels_ = has_channels ? features.shape[3] : 1;
    if (weights.shape[3] != channels_) {
      return Status::Error("weights of shape %s, but features of %d channels",
                           ShapeText(weights.shape).c_str(), channels_);
    }
    outputs_ = weights.shape[0];
    images_ = features.shape[0];
    BIFSMN_RETURN_IF_ERROR(attributes_.MakeGeometry(
        features.shape[1], features.shape[2], weights.shape[1],
        weights.shape[2], &geometry_));
    std::vector<float> values;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(
        weights, "weights", ElementType::kFloat32, weights.shape, &values));
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "thresholds",
                                        ElementType::kFloat32, {outputs_},
                                        &thresholds_));
    // [terms][outputs]: the inner loop runs over outputs, whose sums are
    // independent, so that compilers may compute several at a time.
    const size_t terms = values.size() / outputs_;
    weights_.resize(values.size());
    for (int o = 0; o < outputs_; ++o) {
      for (size_t k = 0; k < terms; ++k) {
        weights_[k * outputs_ + o] = values[o * terms + k];
      }
    }
    layout_ = WorkspaceLayout();
    sums_ = layout_.Add<float>(outputs_);
    *outputs = {{ElementType::kInt16,
                 {images_, geometry_.output_h, geometry_.output_w,
                  WordsFor(outputs_)}}};
    return CheckShape(outputs->front().shape).In("bits");
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    const auto* image = static_cast<const float*>(inputs[0]);
    auto* bits = static_cast<Word*>(outputs[0]);
    float* sums = sums_.In(workspace);
    const ConvGeometry& g = geometry_;
    for (int n = 0; n < images_; ++n) {
      for (int y = 0; y < g.output_h; ++y) {
        for (int x = 0; x < g.output_w; ++x) {
          Sum(image, y * g.stride_h - g.pad_top, x * g.stride_w - g.pad_left,
              sums);
          SignBits(sums, thresholds_.data(), outputs_, bits);
          bits += WordsFor(outputs_);
        }
      }
      image += ptrdiff_t{g.height} * g.width * channels_;
    }
  }

 private:
  void Sum(const float* image, int top, int left, float* sums) const {
    const ConvGeometry& g = geometry_;
    std::fill_n(sums, outputs_, 0.0f);
    const float* weights = weights_.data();
    for (int row = top; row < top + g.kernel_h; ++row) {
      for (int column = left; column < left + g.kernel_w; ++column) {
        const bool inside =
            row >= 0 && row < g.height && column >= 0 && column < g.width;
        for (int c = 0; c < channels_; ++c, weights += outputs_) {
          if (!inside) continue;
          const float value =
              image[(ptrdiff_t{row} * g.width + column) * channels_ + c];
          for (int o = 0; o < outputs_; ++o) sums[o] += value * weights[o];
        }
      }
    }
  }

  const ConvAttributes attributes_;
  int images_ = 0;
  int channels_ = 0;
  int outputs_ = 0;
  ConvGeometry geometry_ = {};
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
