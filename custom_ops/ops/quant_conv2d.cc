// BifsmnQuantConv2D: the first convolution, in 8-bit integers, to bits.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/quant_conv.h"
#include "custom_ops/kernels/quantize.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

// In how many ways a kernel may be cut off before padding is computed, too: the
// weights are packed for each.
constexpr size_t kMostKernelRows = 4;

// What no partial sum of an output's products exceeds in magnitude.
int32_t LargestSum(const std::vector<int8_t>& weights, int outputs) {
  const size_t terms = weights.size() / outputs;
  int32_t largest = 0;
  for (int o = 0; o < outputs; ++o) {
    int32_t total = 0;
    for (size_t k = 0; k < terms; ++k) {
      total += 128 * std::abs(weights[o * terms + k]);
    }
    largest = std::max(largest, total);
  }
  return largest;
}

class QuantConv2D : public Op {
 public:
  QuantConv2D(const ConvAttributes& attributes, float inverse_scale)
      : attributes_(attributes), inverse_scale_(inverse_scale) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kQuantConv2DOp, inputs, output_count));
    const TensorInfo& features = *inputs[0];
    const TensorInfo& weights = *inputs[1];
    const bool has_channels = features.shape.size() != 3;
    BIFSMN_RETURN_IF_ERROR(CheckTensor(features, "features",
                                       ElementType::kFloat32,
                                       size_t{has_channels ? 4u : 3u}));
    BIFSMN_RETURN_IF_ERROR(
        CheckTensor(weights, "weights", ElementType::kInt8, 4));
    channels_ = has_channels ? features.shape[3] : 1;
    if (weights.shape[3] != channels_) {
      return Status::Error("weights of shape %s, but features of %d channels",
                           ShapeText(weights.shape).c_str(), channels_);
    }
    outputs_ = weights.shape[0];
    const int64_t terms = weights.elements() / outputs_;
    if (terms > kMaxQuantizedTerms) {
      return Status::Error(
          "a sum has at most %d products, weights of shape %s "
          "have %lld",
          kMaxQuantizedTerms, ShapeText(weights.shape).c_str(),
          static_cast<long long>(terms));
    }
    images_ = features.shape[0];
    ConvGeometry& g = geometry_;
    BIFSMN_RETURN_IF_ERROR(
        attributes_.MakeGeometry(features.shape[1], features.shape[2],
                                 weights.shape[1], weights.shape[2], &g));
    padded_h_ = g.height + attributes_.pad_top + attributes_.pad_bottom;
    padded_w_ = g.width + attributes_.pad_left + attributes_.pad_right;
    TensorInfo padded = {ElementType::kInt8, {padded_h_, padded_w_, channels_}};
    BIFSMN_RETURN_IF_ERROR(CheckShape(padded.shape).In("padded features"));

    std::vector<int8_t> values;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(weights, "weights", ElementType::kInt8,
                                        weights.shape, &values));
    std::vector<int32_t> thresholds;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "thresholds",
                                        ElementType::kInt32, {outputs_},
                                        &thresholds));

    const int32_t largest_sum = LargestSum(values, outputs_);
    kernel_ = &QuantConvKernels().Select([=](const QuantConvKernel& kernel) {
      return largest_sum <= kernel.max_sum;
    });
    Pack(values, thresholds);

    layout_ = WorkspaceLayout();
    image_ = layout_.Add<int8_t>(padded.elements() + kQuantConvSlack);
    *outputs = {{ElementType::kInt16,
                 {images_, g.output_h, g.output_w, WordsFor(outputs_)}}};
    return CheckShape(outputs->front().shape).In("bits");
  }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    const auto* features = static_cast<const float*>(inputs[0]);
    auto* bits = static_cast<Word*>(outputs[0]);
    int8_t* image = image_.In(workspace);
    const ConvGeometry& g = geometry_;
    const ptrdiff_t row_stride = ptrdiff_t{padded_w_} * channels_;
    const ptrdiff_t feature_row = ptrdiff_t{g.width} * channels_;
    std::memset(image, 0, padded_h_ * row_stride);
    for (int n = 0; n < images_; ++n) {
      for (int y = 0; y < g.height; ++y) {
        kernel_->quantize(features, feature_row, inverse_scale_,
                          image + (g.pad_top + y) * row_stride +
                              ptrdiff_t{g.pad_left} * channels_);
        features += feature_row;
      }
      for (int y = 0; y < g.output_h; ++y) {
        const KernelRows& rows = rows_[rows_of_[y]];
        const int8_t* patches =
            image + (ptrdiff_t{y} * g.stride_h + rows.first) * row_stride;
        kernel_->run({patches, rows.count, g.kernel_w * channels_, row_stride,
                      ptrdiff_t{g.stride_w} * channels_, g.output_w},
                     packed_.data() + rows.packed, outputs_, bits);
        bits += ptrdiff_t{g.output_w} * WordsFor(outputs_);
      }
    }
  }

 private:
  // The rows of the kernel that look at the image, and not at its padding, and
  // where their weights are.
  struct KernelRows {
    int first;
    int count;
    size_t packed;
  };

  // Packs the weights, apart for output rows whose kernel is cut off in a way
  // of its own.
  void Pack(const std::vector<int8_t>& values,
            const std::vector<int32_t>& thresholds) {
    const ConvGeometry& g = geometry_;
    rows_.clear();
    rows_of_.assign(g.output_h, 0);
    for (int y = 0; y < g.output_h; ++y) {
      const int top = y * g.stride_h - g.pad_top;
      const int first = std::max(0, -top);
      const int count = std::min(g.kernel_h, g.height - top) - first;
      size_t i = 0;
      while (i < rows_.size() &&
             (rows_[i].first != first || rows_[i].count != count)) {
        ++i;
      }
      if (i == rows_.size()) rows_.push_back({first, count, 0});
      rows_of_[y] = static_cast<int>(i);
      if (rows_.size() > kMostKernelRows) {
        rows_ = {{0, g.kernel_h, 0}};
        rows_of_.assign(g.output_h, 0);
        break;
      }
    }
    const int run_terms = g.kernel_w * channels_;
    size_t bytes = 0;
    for (KernelRows& rows : rows_) {
      rows.packed = bytes;
      bytes += AlignUp(kernel_->packed_bytes(outputs_, rows.count * run_terms));
    }
    packed_.Resize(bytes);
    std::vector<int8_t> seen;
    for (const KernelRows& rows : rows_) {
      const int terms = rows.count * run_terms;
      seen.resize(size_t{1} * outputs_ * terms);
      for (int o = 0; o < outputs_; ++o) {
        std::copy_n(values.data() +
                        (size_t{1} * o * g.kernel_h + rows.first) * run_terms,
                    terms, seen.data() + size_t{1} * o * terms);
      }
      kernel_->pack({seen.data(), thresholds.data(), outputs_, terms},
                    packed_.data() + rows.packed);
    }
  }

  const ConvAttributes attributes_;
  const float inverse_scale_;

  int images_ = 0;
  int channels_ = 0;
  int outputs_ = 0;
  int padded_h_ = 0;
  int padded_w_ = 0;
  ConvGeometry geometry_ = {};
  const QuantConvKernel* kernel_ = nullptr;
  std::vector<KernelRows> rows_;
  std::vector<int> rows_of_;
  AlignedBuffer<char> packed_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int8_t> image_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  ConvAttributes conv;
  BIFSMN_RETURN_IF_ERROR(ConvAttributes::Read(attributes, &conv));
  const float inverse_scale = attributes.Float("inverse_scale");
  if (!std::isfinite(inverse_scale) || !(inverse_scale > 0.0f)) {
    return Status::Error("inverse_scale has to be finite and positive, is %g",
                         static_cast<double>(inverse_scale));
  }
  *op = std::make_unique<QuantConv2D>(conv, inverse_scale);
  return Status();
}

}  // namespace

const OpDefinition kQuantConv2DOp = {
    "BifsmnQuantConv2D",
    1,
    WithConvAttributes({}, {{"inverse_scale", AttributeType::kFloat32}}),
    {"features", "weights", "thresholds"},
    {"bits"},
    Create,
};

}  // namespace bifsmn
