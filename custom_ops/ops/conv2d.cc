// BifsmnConv2D: a binary convolution from bits to bits.

#include <algorithm>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/binary_conv.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/packed_integers.h"
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
    BIFSMN_RETURN_IF_ERROR(
        ReadIntegers(*inputs[2], "thresholds", {channels}, &thresholds));
    conv_.SelectKernel([](const BgemmKernel&) { return true; });

    const int stride = BgemmRowStride(channels);
    flips_.assign(WordsFor(channels), 0);
    limits_.Resize(conv_.patterns() * stride);
    std::fill_n(limits_.data(), limits_.size(), uint16_t{65535});
    for (int o = 0; o < channels; ++o) {
      const int threshold = thresholds[o] >> 1;
      const int flip = thresholds[o] & 1;
      flips_[o / kWordBits] |= static_cast<Word>(flip << o % kWordBits);
      for (size_t pattern = 0; pattern < conv_.patterns(); ++pattern) {
        limits_[pattern * stride + o] =
            DisagreementLimit(conv_.bases()[pattern * channels + o], threshold);
      }
    }
    conv_.ForgetBases();
    std::vector<int> shape = conv_.output_shape();
    shape.back() = WordsFor(channels);
    *outputs = {{ElementType::kInt16, shape}};
    return Status();
  }

  void Share(ConstantPool* pool) override { conv_.Share(pool); }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    auto* bits = static_cast<Word*>(outputs[0]);
    conv_.ForEachBlock(
        static_cast<const Word*>(inputs[0]), workspace,
        [&](const Bgemm& gemm, int first) {
          conv_.kernel().threshold(
              gemm, {limits_.data(), conv_.PatternsFrom(first), flips_.data()},
              bits);
          bits += ptrdiff_t{gemm.pixels} * WordsFor(gemm.outputs);
        });
  }

 private:
  BinaryConv conv_;
  AlignedBuffer<uint16_t> limits_;
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
    WithConvAttributes({{"in_channels", AttributeType::kInt32}}, {}),
    {"bits", "weights", "thresholds"},
    {"bits"},
    Create,
};

}  // namespace bifsmn
