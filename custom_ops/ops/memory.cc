// BifsmnMemory: the memory block (Eq. 3 of the paper). Its residual the
// contract calls stream.

#include "custom_ops/kernels/memory.h"

#include <algorithm>

#include "custom_ops/kernels/levels.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/residual_epilogue.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

// Steps whose dots are kept before the epilogue takes them.
constexpr int kBlockSteps = 32;

// [taps][2][words] of weights[taps][words].
std::vector<Word> TwiceARow(const std::vector<Word>& weights, int words) {
  std::vector<Word> twice;
  for (size_t row = 0; row < weights.size(); row += words) {
    for (int plane = 0; plane < 2; ++plane) {
      twice.insert(twice.end(), weights.begin() + row,
                   weights.begin() + row + words);
    }
  }
  return twice;
}

class Memory : public Op {
 public:
  Memory(const MemoryGeometry& geometry, const ResidualEpilogue& epilogue)
      : channels_(geometry.channels),
        geometry_(geometry),
        epilogue_(epilogue) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kMemoryOp, inputs, output_count));
    const TensorInfo& bits = *inputs[0];
    const int words = WordsFor(channels_);
    BIFSMN_RETURN_IF_ERROR(CheckTensor(bits, "bits", ElementType::kInt16, 4));
    const int planes = bits.shape[3] == 2 * words ? 2 : 1;
    if (bits.shape[2] != 1 || bits.shape[3] != planes * words) {
      return Status::Error(
          "bits of %d channels have to be of shape [N, T, 1, "
          "%d], or twice as many words of two bits, are of shape %s",
          channels_, words, ShapeText(bits.shape).c_str());
    }
    const int largest = geometry_.taps() * (planes == 2 ? kLargestLevel : 1);
    if (largest > kMaxBinaryTerms) {
      return Status::Error("a sum is at most %d, of %d taps it may be %d",
                           kMaxBinaryTerms, geometry_.taps(), largest);
    }
    const TensorInfo& residual = *inputs[1];
    sequences_ = bits.shape[0];
    geometry_.steps = bits.shape[1];
    std::vector<int> shape = bits.shape;
    shape.back() = channels_;
    if (residual.shape.size() == shape.size()) shape[1] = residual.shape[1];
    BIFSMN_RETURN_IF_ERROR(CheckShape(shape).In("result"));
    first_ = geometry_.steps - shape[1];
    if (first_ < 0) {
      return Status::Error("bits of %d frames for a stream of %d",
                           geometry_.steps, shape[1]);
    }
    BIFSMN_RETURN_IF_ERROR(
        epilogue_.Plan(*inputs[3], largest, shape, output_count, outputs));
    BIFSMN_RETURN_IF_ERROR(epilogue_.CheckResidual(residual, "stream"));
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "weights",
                                        ElementType::kInt16,
                                        {geometry_.taps(), words}, &weights_));
    BIFSMN_RETURN_IF_ERROR(CheckUnusedBits(weights_, "weights", channels_));
    geometry_.channels = channels_;
    planes_ = planes;
    fused_ = epilogue_.is_int16();
    kernel_ = &MemoryKernels().Select([&](const MemoryKernel& kernel) {
      return (planes == 2 ? geometry_.taps() : largest) <= kernel.max_taps &&
             (planes == 2 || !fused_ || channels_ % kernel.add_channels == 0);
    });
    if (planes == 2) {
      fused_ = fused_ && kernel_->add_levels != nullptr &&
               channels_ % kernel_->add_channels == 0 &&
               largest <= kernel_->max_taps;
      if (!fused_) {
        // The second plane is as many channels more, with the same weights.
        geometry_.channels = 2 * words * kWordBits;
        weights_ = TwiceARow(weights_, words);
      }
    }
    layout_ = WorkspaceLayout();
    if (!fused_) {
      dots_ = layout_.Add<int16_t>(size_t{kBlockSteps} *
                                   MemoryRowStride(geometry_.channels));
    }
    has_bits_ = output_count > 1;
    return Status();
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    const auto* bits = static_cast<const Word*>(inputs[0]);
    auto* signs = has_bits_ ? static_cast<Word*>(outputs[1]) : nullptr;
    if (fused_) {
      RunFused(bits, static_cast<const int16_t*>(inputs[1]),
               static_cast<int16_t*>(outputs[0]), signs);
    } else {
      RunSteps(bits, {inputs[1], outputs[0], signs}, workspace);
    }
  }

 private:
  void RunFused(const Word* bits, const int16_t* residual, int16_t* result,
                Word* signs) const {
    const Int16Residual parameters = epilogue_.int16_parameters();
    const auto add = planes_ == 2 ? kernel_->add_levels : kernel_->add;
    const ptrdiff_t words = WordsFor(channels_);
    const ptrdiff_t steps = geometry_.steps - first_;
    const bool levels = signs != nullptr && epilogue_.activation_bits() == 2;
    for (int n = 0; n < sequences_; ++n) {
      add(bits, weights_.data(), geometry_, first_, parameters, residual,
          result, levels ? nullptr : signs);
      for (ptrdiff_t i = 0; levels && i < steps; ++i) {
        signs = epilogue_.Write(result + i * channels_, signs);
      }
      bits += geometry_.steps * planes_ * words;
      residual += steps * channels_;
      result += steps * channels_;
      if (signs != nullptr && !levels) signs += steps * words;
    }
  }

  void RunSteps(const Word* bits, ResidualEpilogue::Cursor cursor,
                void* workspace) const {
    int16_t* dots = dots_.In(workspace);
    const int stride = MemoryRowStride(geometry_.channels);
    for (int n = 0; n < sequences_; ++n) {
      for (int first = first_; first < geometry_.steps; first += kBlockSteps) {
        const int last = std::min(first + kBlockSteps, geometry_.steps);
        kernel_->dot(bits, weights_.data(), geometry_, first, last, dots);
        for (int i = 0; i < last - first; ++i) {
          int16_t* of_step = dots + ptrdiff_t{i} * stride;
          if (geometry_.channels != channels_) {
            JoinPlanes(of_step, of_step + stride / 2, channels_, of_step);
          }
          epilogue_.Run(of_step, &cursor);
        }
      }
      bits += ptrdiff_t{geometry_.steps} * WordsFor(geometry_.channels);
    }
  }

  const int channels_;
  // That the kernel sees.
  MemoryGeometry geometry_;
  int planes_ = 1;
  bool fused_ = false;
  int sequences_ = 0;
  // The step of the bits that is the first of the residual.
  int first_ = 0;
  std::vector<Word> weights_;
  const MemoryKernel* kernel_ = nullptr;
  bool has_bits_ = false;
  ResidualEpilogue epilogue_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int16_t> dots_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  const MemoryGeometry geometry = {
      0,
      attributes.Int("channels"),
      attributes.Int("look_back"),
      attributes.Int("look_ahead"),
      attributes.Int("stride_back"),
      attributes.Int("stride_ahead"),
  };
  if (geometry.channels < 1 || geometry.channels > kMaxElements) {
    return Status::Error("channels has to be positive, is %d",
                         geometry.channels);
  }
  if (geometry.stride_back < 1 || geometry.stride_ahead < 1) {
    return Status::Error("strides have to be positive, are %d and %d",
                         geometry.stride_back, geometry.stride_ahead);
  }
  if (std::min(geometry.look_back, geometry.look_ahead) < 0 ||
      std::max(geometry.look_back, geometry.look_ahead) >= kMaxBinaryTerms ||
      geometry.taps() > kMaxBinaryTerms) {
    return Status::Error(
        "look_back and look_ahead are %d and %d; neither may "
        "be negative, nor the taps more than %d",
        geometry.look_back, geometry.look_ahead, kMaxBinaryTerms);
  }
  ResidualEpilogue epilogue;
  BIFSMN_RETURN_IF_ERROR(epilogue.ReadAttributes(attributes));
  *op = std::make_unique<Memory>(geometry, epilogue);
  return Status();
}

}  // namespace

const OpDefinition kMemoryOp = {
    "BifsmnMemory",
    1,
    {{"channels", AttributeType::kInt32},
     {"look_back", AttributeType::kInt32},
     {"look_ahead", AttributeType::kInt32},
     {"stride_back", AttributeType::kInt32},
     {"stride_ahead", AttributeType::kInt32},
     kShiftAttribute,
     kActivationBitsAttribute},
    {"bits", "stream", "weights", "parameters"},
    {"stream", "bits?"},
    Create,
};

}  // namespace bifsmn
