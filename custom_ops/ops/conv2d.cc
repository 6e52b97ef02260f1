// BifsmnConv2D: a binary convolution from bits to bits.

#include <algorithm>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/ops/activation_bits.h"
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
  Conv2D(const BinaryConv& conv, int activation_bits)
      : conv_(conv), activation_bits_(activation_bits) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kConv2DOp, inputs, output_count));
    layout_ = WorkspaceLayout();
    BIFSMN_RETURN_IF_ERROR(conv_.Plan(*inputs[0], *inputs[1], &layout_));
    const int channels = conv_.outputs();
    const int count = ThresholdsOf(activation_bits_);
    std::vector<int> rows = {channels};
    if (count > 1) rows.insert(rows.begin(), count);
    std::vector<int16_t> thresholds;
    BIFSMN_RETURN_IF_ERROR(
        ReadIntegers(*inputs[2], "thresholds", rows, &thresholds));
    conv_.SelectKernel([](const BgemmKernel&) { return true; });
    fused_ = conv_.kernel().takes_levels ||
             (conv_.planes() == 1 && activation_bits_ == 1);
    if (!fused_) conv_.ReserveCounts(&layout_);

    limits_stride_ = conv_.patterns() * BgemmRowStride(channels);
    flips_.assign(static_cast<size_t>(count) * WordsFor(channels), 0);
    limits_.Resize(count * limits_stride_);
    std::fill_n(limits_.data(), limits_.size(), uint16_t{65535});
    for (int t = 0; t < count; ++t) {
      SetThresholds(thresholds.data() + ptrdiff_t{t} * channels, t);
    }
    conv_.ForgetBases();
    std::vector<int> shape = conv_.output_shape();
    shape.back() = activation_bits_ * WordsFor(channels);
    *outputs = {{ElementType::kInt16, shape}};
    return CheckShape(shape).In("bits");
  }

  void Share(ConstantPool* pool) override { conv_.Share(pool); }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    auto* bits = static_cast<Word*>(outputs[0]);
    const auto* given = static_cast<const Word*>(inputs[0]);
    if (!fused_) {
      RunCounts(given, bits, workspace);
      return;
    }
    BgemmThresholds thresholds = {limits_.data(), nullptr, flips_.data()};
    if (activation_bits_ == 2) thresholds.next_limits = limits_stride_;
    const ptrdiff_t words = activation_bits_ * WordsFor(conv_.outputs());
    conv_.ForEachBlock(given, workspace, [&](const Bgemm& gemm, int first) {
      thresholds.patterns = conv_.PatternsFrom(first);
      conv_.kernel().threshold(gemm, thresholds, bits);
      bits += gemm.pixels() * words;
    });
  }

 private:
  // Sets limits and flips of threshold number `t`.
  void SetThresholds(const int16_t* thresholds, int t) {
    const int channels = conv_.outputs();
    const int stride = BgemmRowStride(channels);
    Word* flips = flips_.data() + ptrdiff_t{t} * WordsFor(channels);
    for (int o = 0; o < channels; ++o) {
      const int threshold = thresholds[o] >> 1;
      const int flip = thresholds[o] & 1;
      flips[o / kWordBits] |= static_cast<Word>(flip << o % kWordBits);
      for (size_t pattern = 0; pattern < conv_.patterns(); ++pattern) {
        limits_[t * limits_stride_ + pattern * stride + o] =
            DisagreementLimit(conv_.bases()[pattern * channels + o], threshold);
      }
    }
  }

  // Where two bits are read or given, and the kernel does neither.
  void RunCounts(const Word* given, Word* bits, void* workspace) const {
    const int channels = conv_.outputs();
    const int words = WordsFor(channels);
    const ptrdiff_t stride = BgemmRowStride(channels);
    conv_.ForEachCount(
        given, workspace, [&](const uint16_t* counts, int pixels, int first) {
          const uint16_t* patterns = conv_.PatternsFrom(first);
          for (int i = 0; i < pixels; ++i, counts += stride) {
            const uint16_t* limits = limits_.data();
            if (patterns != nullptr) limits += patterns[i] * stride;
            if (activation_bits_ == 1) {
              ThresholdDisagreements(counts, limits, flips_.data(), channels,
                                     bits);
            } else {
              const auto below = [&](int t, int row, int count, Word* to) {
                ThresholdDisagreements(
                    counts + row, limits + t * limits_stride_ + row,
                    flips_.data() + t * words + row / kWordBits, count, to);
              };
              WriteLevels(channels, below, bits);
            }
            bits += activation_bits_ * words;
          }
        });
  }

  BinaryConv conv_;
  const int activation_bits_;
  bool fused_ = true;
  // From a threshold's limits to the next one's.
  ptrdiff_t limits_stride_ = 0;
  AlignedBuffer<uint16_t> limits_;
  std::vector<Word> flips_;
  WorkspaceLayout layout_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  BinaryConv conv;
  BIFSMN_RETURN_IF_ERROR(BinaryConv::Create(attributes, &conv));
  int activation_bits;
  BIFSMN_RETURN_IF_ERROR(ReadActivationBits(attributes, &activation_bits));
  *op = std::make_unique<Conv2D>(conv, activation_bits);
  return Status();
}

}  // namespace

const OpDefinition kConv2DOp = {
    "BifsmnConv2D",
    1,
    WithConvAttributes({{"in_channels", AttributeType::kInt32}},
                       {kActivationBitsAttribute}),
    {"bits", "weights", "thresholds"},
    {"bits"},
    Create,
};

}  // namespace bifsmn
