// BifsmnConv2DAdd: a binary convolution from bits into the residual,
// which the contract calls stream.

#include <algorithm>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/binary_conv.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/residual_epilogue.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

class Conv2DAdd : public Op {
 public:
  Conv2DAdd(const BinaryConv& conv, const ResidualEpilogue& epilogue)
      : conv_(conv), epilogue_(epilogue) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kConv2DAddOp, inputs, output_count));
    layout_ = WorkspaceLayout();
    BIFSMN_RETURN_IF_ERROR(conv_.Plan(*inputs[0], *inputs[1], &layout_));
    BIFSMN_RETURN_IF_ERROR(epilogue_.Plan(*inputs[2], conv_.largest_dot(),
                                          conv_.output_shape(), output_count,
                                          outputs));
    has_residual_ = inputs.size() > 3 && inputs[3] != nullptr;
    if (has_residual_) {
      BIFSMN_RETURN_IF_ERROR(epilogue_.CheckResidual(*inputs[3], "residual"));
    }
    has_bits_ = output_count > 1;

    // What a kernel does at once knows of no padding.
    const std::vector<int16_t>& bases = conv_.bases();
    const bool padded = std::any_of(
        bases.begin(), bases.end(),
        [this](int16_t base) { return base != conv_.largest_dot(); });
    const bool fusible = epilogue_.is_int16() && !padded;
    const auto fuses = [&](const BgemmKernel& kernel) {
      return fusible && (kernel.takes_levels || conv_.planes() == 1);
    };
    conv_.SelectKernel([&](const BgemmKernel& kernel) {
      return !fuses(kernel) || conv_.outputs() % kernel.add_outputs == 0;
    });
    fused_ = fuses(conv_.kernel());
    if (fused_) {
      conv_.ForgetBases();
    } else {
      dots_ = layout_.Add<int16_t>(conv_.outputs());
      conv_.ReserveCounts(&layout_);
    }
    return Status();
  }

  void Share(ConstantPool* pool) override { conv_.Share(pool); }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    const auto* bits = static_cast<const Word*>(inputs[0]);
    const void* residual = has_residual_ ? inputs[3] : nullptr;
    auto* signs = has_bits_ ? static_cast<Word*>(outputs[1]) : nullptr;
    if (fused_) {
      RunFused(bits, static_cast<const int16_t*>(residual),
               static_cast<int16_t*>(outputs[0]), signs, workspace);
    } else {
      RunPixels(bits, {residual, outputs[0], signs}, workspace);
    }
  }

 private:
  void RunFused(const Word* bits, const int16_t* residual, int16_t* result,
                Word* signs, void* workspace) const {
    const Int16Residual parameters = epilogue_.int16_parameters();
    const ptrdiff_t words =
        epilogue_.activation_bits() * WordsFor(conv_.outputs());
    // Levels that the kernel does not give are made of its results.
    const bool writes =
        epilogue_.activation_bits() == 2 && !conv_.kernel().takes_levels;
    conv_.ForEachBlock(bits, workspace, [&](const Bgemm& gemm, int) {
      conv_.kernel().add(gemm, conv_.largest_dot(), parameters, residual,
                         result, writes ? nullptr : signs);
      Word* to = signs;
      for (int i = 0; writes && to != nullptr && i < gemm.pixels(); ++i) {
        to = epilogue_.Write(result + ptrdiff_t{i} * gemm.outputs, to);
      }
      const ptrdiff_t values = ptrdiff_t{gemm.pixels()} * gemm.outputs;
      if (residual != nullptr) residual += values;
      result += values;
      if (signs != nullptr) signs += gemm.pixels() * words;
    });
  }

  void RunPixels(const Word* bits, ResidualEpilogue::Cursor cursor,
                 void* workspace) const {
    int16_t* dots = dots_.In(workspace);
    const int channels = conv_.outputs();
    conv_.ForEachCount(
        bits, workspace,
        [&](const uint16_t* disagreements, int pixels, int first) {
          const uint16_t* patterns = conv_.PatternsFrom(first);
          for (int i = 0; i < pixels; ++i) {
            const size_t pattern = patterns == nullptr ? 0 : patterns[i];
            DotsOfDisagreements(
                disagreements + ptrdiff_t{i} * BgemmRowStride(channels),
                conv_.bases().data() + pattern * channels, channels, dots);
            epilogue_.Run(dots, &cursor);
          }
        });
  }

  BinaryConv conv_;
  bool has_residual_ = false;
  bool has_bits_ = false;
  bool fused_ = false;
  ResidualEpilogue epilogue_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int16_t> dots_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  BinaryConv conv;
  BIFSMN_RETURN_IF_ERROR(BinaryConv::Create(attributes, &conv));
  ResidualEpilogue epilogue;
  BIFSMN_RETURN_IF_ERROR(epilogue.ReadAttributes(attributes));
  *op = std::make_unique<Conv2DAdd>(conv, epilogue);
  return Status();
}

}  // namespace

const OpDefinition kConv2DAddOp = {
    "BifsmnConv2DAdd",
    1,
    WithConvAttributes({{"in_channels", AttributeType::kInt32}},
                       EpilogueAttributes()),
    {"bits", "weights", "parameters", "residual?"},
    {"stream", "bits?"},
    Create,
};

}  // namespace bifsmn
