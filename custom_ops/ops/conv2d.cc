// BifsmnConv2D: a binary convolution from bits to bits.

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/binary_conv.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

class Conv2D : public Op {
 public:
  explicit Conv2D(const BinaryConv& conv) : conv_(conv) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kConv2DOp, inputs, output_count));
    layout_ = WorkspaceLayout();
    BIFSMN_RETURN_IF_ERROR(conv_.Plan(*inputs[0], *inputs[1], &layout_));
    const int channels = conv_.outputs();
    std::vector<int16_t> thresholds;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "thresholds",
                                        ElementType::kInt16, {channels},
                                        &thresholds));
    BIFSMN_RETURN_IF_ERROR(ReadFlips(*inputs[3], channels, &flips_));

    limits_.resize(conv_.bases().size());
    for (size_t i = 0; i < limits_.size(); ++i) {
      limits_[i] =
          DisagreementLimit(conv_.bases()[i], thresholds[i % channels]);
    }
    std::vector<int> shape = conv_.output_shape();
    shape.back() = WordsFor(channels);
    *outputs = {{ElementType::kInt16, shape}};
    return Status();
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    auto* bits = static_cast<Word*>(outputs[0]);
    const int channels = conv_.outputs();
    conv_.Run(static_cast<const Word*>(inputs[0]), workspace,
              [&](size_t pattern, const uint16_t* disagreements) {
                ThresholdDisagreements(disagreements,
                                       limits_.data() + pattern * channels,
                                       flips_.data(), channels, bits);
                bits += WordsFor(channels);
              });
  }

 private:
  BinaryConv conv_;
  std::vector<uint16_t> limits_;
  std::vector<Word> flips_;
  WorkspaceLayout layout_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  BinaryConv conv;
  BIFSMN_RETURN_IF_ERROR(BinaryConv::Create(attributes, &conv));
  *op = std::make_unique<Conv2D>(conv);
  return Status();
}

}  // namespace

const OpDefinition kConv2DOp = {
    "BifsmnConv2D",
    1,
    {{"in_channels", AttributeType::kInt32},
     {"stride_h", AttributeType::kInt32},
     {"stride_w", AttributeType::kInt32},
     {"pad_top", AttributeType::kInt32},
     {"pad_bottom", AttributeType::kInt32},
     {"pad_left", AttributeType::kInt32},
     {"pad_right", AttributeType::kInt32}},
    {"bits", "weights", "thresholds", "flips"},
    {"bits"},
    Create,
};

}  // namespace bifsmn
