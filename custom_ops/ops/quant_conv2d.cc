// BifsmnQuantConv2D: the first convolution, in 8-bit integers, to bits. It is
// not Larq's layer of that name, which has one bit.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/ops/activation_bits.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/row_bands.h"
#include "custom_ops/ops/shared_constants.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/value_conv.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {
namespace {

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

class FeatureConv2D : public Op {
 public:
  FeatureConv2D(const ConvAttributes& attributes, float inverse_scale,
                int activation_bits)
      : attributes_(attributes),
        inverse_scale_(inverse_scale),
        activation_bits_(activation_bits) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kQuantConv2DOp, inputs, output_count));
    const TensorInfo& weights = *inputs[1];
    BIFSMN_RETURN_IF_ERROR(conv_.Plan(attributes_, *inputs[0], "features",
                                      ElementType::kFloat32, weights,
                                      ElementType::kInt8));
    std::vector<int8_t> values;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(weights, "weights", ElementType::kInt8,
                                        weights.shape, &values));
    std::vector<int32_t> thresholds;
    BIFSMN_RETURN_IF_ERROR(ReadConstant(*inputs[2], "thresholds",
                                        ElementType::kInt32, ThresholdShape(),
                                        &thresholds));

    const int32_t largest_sum = LargestSum(values, conv_.outputs);
    const int terms =
        conv_.geometry.kernel_h * conv_.geometry.kernel_w * conv_.channels;
    kernel_ =
        &FeatureConvKernels().Select([=](const FeatureConvKernel& kernel) {
          return largest_sum <= kernel.max_sum && terms <= kernel.max_terms;
        });
    Pack(values, thresholds);

    layout_ = WorkspaceLayout();
    image_ = layout_.Add<int8_t>(conv_.padded.elements() + kFeatureConvSlack);
    const ConvGeometry& g = conv_.geometry;
    *outputs = {{ElementType::kInt16,
                 {conv_.images, g.output_h, g.output_w,
                  activation_bits_ * WordsFor(conv_.outputs)}}};
    below_ = layout_.Add<Word>(activation_bits_ == 2
                                   ? size_t(g.output_w) * levels() *
                                         WordsFor(conv_.outputs)
                                   : 0);
    return CheckShape(outputs->front().shape).In("bits");
  }

  void Share(ConstantPool* pool) override { packed_.Share(pool); }

  size_t workspace_bytes() const override { return layout_.bytes(); }

  void Run(const void* const* inputs, void* const* outputs,
           void* workspace) const override {
    const auto* features = static_cast<const float*>(inputs[0]);
    auto* bits = static_cast<Word*>(outputs[0]);
    int8_t* image = image_.In(workspace);
    Word* below = below_.In(workspace);
    const ConvGeometry& g = conv_.geometry;
    const ptrdiff_t row_stride =
        ptrdiff_t{conv_.padded.shape[1]} * conv_.channels;
    const ptrdiff_t feature_row = ptrdiff_t{g.width} * conv_.channels;
    std::memset(image, 0, conv_.padded.bytes());
    for (int n = 0; n < conv_.images; ++n) {
      for (int y = 0; y < g.height; ++y) {
        kernel_->quantize(features, feature_row, inverse_scale_,
                          image + (g.pad_top + y) * row_stride +
                              ptrdiff_t{g.pad_left} * conv_.channels);
        features += feature_row;
      }
      for (const Band& band : bands_) {
        const ConvGeometry& rows = band.rows.geometry;
        const int8_t* patches =
            image + (ptrdiff_t{band.rows.output_row} * g.stride_h +
                     band.rows.kernel_row) *
                        row_stride;
        for (int y = 0; y < rows.output_h; ++y) {
          kernel_->run(
              {patches, rows.kernel_h, g.kernel_w * conv_.channels, row_stride,
               ptrdiff_t{g.stride_w} * conv_.channels, g.output_w},
              packed_.data() + band.packed, conv_.outputs, levels(),
              activation_bits_ == 2 ? below : bits);
          patches += g.stride_h * row_stride;
          if (activation_bits_ == 2) {
            bits =
                WritePlanes(below, g.output_w, WordsFor(conv_.outputs), bits);
          } else {
            bits += ptrdiff_t{g.output_w} * WordsFor(conv_.outputs);
          }
        }
      }
    }
  }

 private:
  struct Band {
    RowBand rows;
    // Where its packed weights begin.
    size_t packed;
  };

  int levels() const { return ThresholdsOf(activation_bits_); }

  std::vector<int> ThresholdShape() const {
    if (activation_bits_ == 1) return {conv_.outputs};
    return {kLevelThresholds, conv_.outputs};
  }

  void Pack(const std::vector<int8_t>& values,
            const std::vector<int32_t>& thresholds) {
    const ConvGeometry& g = conv_.geometry;
    const int row = g.kernel_w * conv_.channels;
    bands_.clear();
    size_t bytes = 0;
    for (const RowBand& rows : RowBands(g)) {
      bands_.push_back({rows, bytes});
      bytes += AlignUp(kernel_->packed_bytes(
          conv_.outputs, rows.geometry.kernel_h * row, levels()));
    }
    char* packed = packed_.Resize(bytes);
    for (const Band& band : bands_) {
      const std::vector<int8_t> seen =
          WeightsOfBand(values, conv_.outputs, g.kernel_h, row, band.rows);
      kernel_->pack({seen.data(), thresholds.data(), conv_.outputs,
                     band.rows.geometry.kernel_h * row, levels()},
                    packed + band.packed);
    }
  }

  const ConvAttributes attributes_;
  const float inverse_scale_;
  const int activation_bits_;

  ValueConv conv_;
  const FeatureConvKernel* kernel_ = nullptr;
  std::vector<Band> bands_;
  PackedConstant<char> packed_;
  WorkspaceLayout layout_;
  WorkspaceLayout::Part<int8_t> image_;
  WorkspaceLayout::Part<Word> below_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  ConvAttributes conv;
  BIFSMN_RETURN_IF_ERROR(ConvAttributes::Read(attributes, &conv));
  float inverse_scale;
  BIFSMN_RETURN_IF_ERROR(
      ReadScale(attributes, "inverse_scale", &inverse_scale));
  int activation_bits;
  BIFSMN_RETURN_IF_ERROR(ReadActivationBits(attributes, &activation_bits));
  *op = std::make_unique<FeatureConv2D>(conv, inverse_scale, activation_bits);
  return Status();
}

}  // namespace

const OpDefinition kQuantConv2DOp = {
    "BifsmnQuantConv2D",
    1,
    WithConvAttributes({}, {{"inverse_scale", AttributeType::kFloat32},
                            kActivationBitsAttribute}),
    {"features", "weights", "thresholds"},
    {"bits"},
    Create,
};

}  // namespace bifsmn
