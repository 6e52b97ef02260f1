// BifsmnConv2DAdd: a binary convolution from bits into the float stream.

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/binary_conv.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/stream_epilogue.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

class Conv2DAdd : public Op {
 public:
  explicit Conv2DAdd(const BinaryConv& conv) : conv_(conv) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kConv2DAddOp, inputs, output_count));
    layout_ = WorkspaceLayout();
    BIFSMN_RETURN_IF_ERROR(conv_.Plan(*inputs[0], *inputs[1], &layout_));
    dots_ = layout_.Add<int16_t>(conv_.outputs());
    has_residual_ = inputs.size() > 6 && inputs[6] != nullptr;
    if (has_residual_) {
      BIFSMN_RETURN_IF_ERROR(CheckTensor(
          *inputs[6], "residual", ElementType::kFloat32, conv_.output_shape()));
    }
    has_bits_ = output_count > 1;
    return epilogue_.Plan(inputs.data() + 2, conv_.output_shape(), output_count,
                          outputs);
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    StreamEpilogue::Cursor cursor = {
        has_residual_ ? static_cast<const float*>(inputs[6]) : nullptr,
        static_cast<float*>(outputs[0]),
        has_bits_ ? static_cast<Word*>(outputs[1]) : nullptr};
    int16_t* dots = dots_.In(workspace);
    const int channels = conv_.outputs();
    conv_.Run(static_cast<const Word*>(inputs[0]), workspace,
              [&](size_t pattern, const uint16_t* disagreements) {
                DotsOfDisagreements(disagreements,
                                    conv_.bases().data() + pattern * channels,
                                    channels, dots);
                epilogue_.Run(dots, &cursor);
              });
  }

 private:
  BinaryConv conv_;
  bool has_residual_ = false;
  bool has_bits_ = false;
  StreamEpilogue epilogue_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int16_t> dots_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  BinaryConv conv;
  BIFSMN_RETURN_IF_ERROR(BinaryConv::Create(attributes, &conv));
  *op = std::make_unique<Conv2DAdd>(conv);
  return Status();
}

}  // namespace

const OpDefinition kConv2DAddOp = {
    "BifsmnConv2DAdd",
    1,
    {{"in_channels", AttributeType::kInt32},
     {"stride_h", AttributeType::kInt32},
     {"stride_w", AttributeType::kInt32},
     {"pad_top", AttributeType::kInt32},
     {"pad_bottom", AttributeType::kInt32},
     {"pad_left", AttributeType::kInt32},
     {"pad_right", AttributeType::kInt32}},
    {"bits", "weights", "scale", "offset", "slope", "threshold", "residual?"},
    {"stream", "bits?"},
    Create,
};

}  // namespace bifsmn
