// BifsmnDense: the classifier, over the flattened residual, which the
// contract calls stream.

#include "custom_ops/kernels/dense.h"

#include <cstdint>
#include <cstdlib>

#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/float16.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/packed_integers.h"
#include "custom_ops/ops/shared_constants.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

class Dense : public Op {
 public:
  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kDenseOp, inputs, output_count));
    const TensorInfo& residual = *inputs[0];
    const TensorInfo& weights = *inputs[1];
    BIFSMN_RETURN_IF_ERROR(CheckTensor(residual, "stream", ElementType::kInt16,
                                       ElementType::kFloat32, residual.shape));
    if (residual.shape.size() != 4) {
      return Status::Error("stream has to be of rank 4, is of shape %s",
                           ShapeText(residual.shape).c_str());
    }
    if (weights.type != ElementType::kInt8) {
      BIFSMN_RETURN_IF_ERROR(CheckTensor(weights, "weights",
                                         ElementType::kFloat16,
                                         ElementType::kFloat32, weights.shape));
    }
    BIFSMN_RETURN_IF_ERROR(CheckShape(weights.shape).In("weights"));
    residual_type_ = residual.type;
    is_integer_ = residual.type == ElementType::kInt16 &&
                  weights.type == ElementType::kInt8;
    BIFSMN_RETURN_IF_ERROR(CheckConstant(weights, "weights"));
    batch_ = residual.shape[0];
    inputs_ = static_cast<int>(residual.elements() / batch_);
    const TensorInfo& scale_bias = *inputs[2];
    const bool is_packed =
        weights.type == ElementType::kInt8 && weights.shape.size() == 1;
    if (is_packed) {
      BIFSMN_RETURN_IF_ERROR(
          CheckTensor(scale_bias, "scale_bias", ElementType::kFloat32, 2));
      outputs_ = scale_bias.shape[1];
    } else {
      if (weights.shape.size() != 2 || weights.shape[1] != inputs_) {
        return Status::Error("weights of shape %s, but %d values to weigh",
                             ShapeText(weights.shape).c_str(), inputs_);
      }
      outputs_ = weights.shape[0];
    }
    BIFSMN_RETURN_IF_ERROR(ReadConstant(scale_bias, "scale_bias",
                                        ElementType::kFloat32, {2, outputs_},
                                        &scale_bias_));
    std::vector<int8_t> integers;
    if (is_packed) {
      BIFSMN_RETURN_IF_ERROR(ReadPacked(weights, &integers));
    } else if (weights.type == ElementType::kInt8) {
      integers = CopyConstant<int8_t>(weights);
    }
    layout_ = WorkspaceLayout();
    if (is_integer_) {
      BIFSMN_RETURN_IF_ERROR(PlanIntegers(integers));
    } else if (weights.type == ElementType::kInt8) {
      floats_.assign(integers.begin(), integers.end());
    } else {
      floats_ = ReadFloats(weights);
    }
    *outputs = {{ElementType::kFloat32, {batch_, outputs_}}};
    return CheckShape(outputs->front().shape).In("logits");
  }

  void Share(ConstantPool* pool) override { packed_.Share(pool); }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    auto* logits = static_cast<float*>(outputs[0]);
    const float* scale = scale_bias_.data();
    const float* bias = scale + outputs_;
    for (int n = 0; n < batch_; ++n) {
      const ptrdiff_t first = ptrdiff_t{n} * inputs_;
      if (is_integer_) {
        int32_t* sums = sums_.In(workspace);
        kernel_->run(static_cast<const int16_t*>(inputs[0]) + first,
                     packed_.data(), inputs_, outputs_, sums);
        for (int o = 0; o < outputs_; ++o) {
          *logits++ = static_cast<float>(sums[o]) * scale[o] + bias[o];
        }
      } else {
        if (residual_type_ == ElementType::kInt16) {
          RunFloats(static_cast<const int16_t*>(inputs[0]) + first, logits);
        } else {
          RunFloats(static_cast<const float*>(inputs[0]) + first, logits);
        }
        logits += outputs_;
      }
    }
  }

 private:
  static std::vector<float> ReadFloats(const TensorInfo& weights) {
    if (weights.type == ElementType::kFloat16) {
      return FromFloat16(CopyConstant<uint16_t>(weights));
    }
    return CopyConstant<float>(weights);
  }

  Status ReadPacked(const TensorInfo& weights,
                    std::vector<int8_t>* integers) const {
    std::vector<int16_t> values;
    BIFSMN_RETURN_IF_ERROR(
        ReadIntegers(weights, "weights", {outputs_, inputs_}, &values));
    for (const int16_t value : values) {
      if (value < INT8_MIN || value > INT8_MAX) {
        return Status::Error("weights have a packed %d, beyond 8 bits", value);
      }
    }
    integers->assign(values.begin(), values.end());
    return Status();
  }

  template <typename T>
  void RunFloats(const T* values, float* logits) const {
    const float* weights = floats_.data();
    for (int o = 0; o < outputs_; ++o) {
      double sum = 0.0;
      for (int i = 0; i < inputs_; ++i) sum += double{weights[i]} * values[i];
      logits[o] =
          static_cast<float>(sum) * scale_bias_[o] + scale_bias_[outputs_ + o];
      weights += inputs_;
    }
  }

  Status PlanIntegers(const std::vector<int8_t>& values) {
    for (int o = 0; o < outputs_; ++o) {
      int64_t total = 0;
      for (int i = 0; i < inputs_; ++i) {
        total += std::abs(values[size_t{1} * o * inputs_ + i]);
      }
      if (total > kMaxDenseWeights) {
        return Status::Error(
            "the absolute weights of an output sum up to at most %d, those of "
            "output %d to %lld",
            kMaxDenseWeights, o, static_cast<long long>(total));
      }
    }
    kernel_ = &DenseKernels().Select([](const DenseKernel&) { return true; });
    kernel_->pack(values.data(), inputs_, outputs_,
                  packed_.Resize(kernel_->packed_bytes(inputs_, outputs_)));
    sums_ = layout_.Add<int32_t>(outputs_);
    return Status();
  }

  ElementType residual_type_ = ElementType::kOther;
  bool is_integer_ = false;
  int batch_ = 0;
  int inputs_ = 0;
  int outputs_ = 0;
  std::vector<float> scale_bias_;
  std::vector<float> floats_;
  const DenseKernel* kernel_ = nullptr;
  PackedConstant<char> packed_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int32_t> sums_;
};

Status Create(const Attributes&, std::unique_ptr<Op>* op) {
  *op = std::make_unique<Dense>();
  return Status();
}

}  // namespace

const OpDefinition kDenseOp = {
    "BifsmnDense", 1,      {}, {"stream", "weights", "scale_bias"},
    {"logits"},    Create,
};

}  // namespace bifsmn
