// BifsmnMemory: the memory block (Eq. 3 of the paper). Its residual the
// contract calls stream.

#include "custom_ops/kernels/memory.h"

#include <algorithm>

#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/residual_epilogue.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

// Steps whose dots are kept before the epilogue takes them.
constexpr int kBlockSteps = 32;

class Memory : public Op {
 public:
  Memory(const MemoryGeometry& geometry, int shift)
      : geometry_(geometry), shift_(shift) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kMemoryOp, inputs, output_count));
    const TensorInfo& bits = *inputs[0];
    const int words = WordsFor(geometry_.channels);
    BIFSMN_RETURN_IF_ERROR(CheckTensor(bits, "bits", ElementType::kInt16, 4));
    if (bits.shape[2] != 1 || bits.shape[3] != words) {
      return Status::Error(
          "bits of %d channels have to be of shape [N, T, 1, "
          "%d], are of shape %s",
          geometry_.channels, words, ShapeText(bits.shape).c_str());
    }
    const TensorInfo& residual = *inputs[1];
    sequences_ = bits.shape[0];
    geometry_.steps = bits.shape[1];
    std::vector<int> shape = bits.shape;
    shape.back() = geometry_.channels;
    if (residual.shape.size() == shape.size()) shape[1] = residual.shape[1];
    BIFSMN_RETURN_IF_ERROR(CheckShape(shape).In("result"));
    first_ = geometry_.steps - shape[1];
    if (first_ < 0) {
      return Status::Error("bits of %d frames for a stream of %d",
                           geometry_.steps, shape[1]);
    }
    BIFSMN_RETURN_IF_ERROR(epilogue_.Plan(*inputs[3], shift_, geometry_.taps(),
                                          shape, output_count, outputs));
    BIFSMN_RETURN_IF_ERROR(epilogue_.CheckResidual(residual, "stream"));
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "weights",
                                        ElementType::kInt16,
                                        {geometry_.taps(), words}, &weights_));
    BIFSMN_RETURN_IF_ERROR(
        CheckUnusedBits(weights_, "weights", geometry_.channels));
    kernel_ = &MemoryKernels().Select([this](const MemoryKernel& kernel) {
      return geometry_.taps() <= kernel.max_taps &&
             (!epilogue_.is_int16() ||
              geometry_.channels % kernel.add_channels == 0);
    });
    layout_ = WorkspaceLayout();
    if (!epilogue_.is_int16()) {
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
    if (epilogue_.is_int16()) {
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
    const ptrdiff_t words = WordsFor(geometry_.channels);
    const ptrdiff_t steps = geometry_.steps - first_;
    for (int n = 0; n < sequences_; ++n) {
      kernel_->add(bits, weights_.data(), geometry_, first_, parameters,
                   residual, result, signs);
      bits += geometry_.steps * words;
      residual += steps * geometry_.channels;
      result += steps * geometry_.channels;
      if (signs != nullptr) signs += steps * words;
    }
  }

  void RunSteps(const Word* bits, ResidualEpilogue::Cursor cursor,
                void* workspace) const {
    int16_t* dots = dots_.In(workspace);
    for (int n = 0; n < sequences_; ++n) {
      for (int first = first_; first < geometry_.steps; first += kBlockSteps) {
        const int last = std::min(first + kBlockSteps, geometry_.steps);
        kernel_->dot(bits, weights_.data(), geometry_, first, last, dots);
        for (int i = 0; i < last - first; ++i) {
          epilogue_.Run(dots + i * MemoryRowStride(geometry_.channels),
                        &cursor);
        }
      }
      bits += ptrdiff_t{geometry_.steps} * WordsFor(geometry_.channels);
    }
  }

  MemoryGeometry geometry_;
  const int shift_;
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
  *op = std::make_unique<Memory>(geometry, attributes.Int("shift"));
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
     kShiftAttribute},
    {"bits", "stream", "weights", "parameters"},
    {"stream", "bits?"},
    Create,
};

}  // namespace bifsmn
