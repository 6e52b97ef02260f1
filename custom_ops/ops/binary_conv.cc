#include "custom_ops/ops/binary_conv.h"

#include "custom_ops/ops/validation.h"

namespace bifsmn {

Status BinaryConv::Create(const Attributes& attributes, BinaryConv* conv) {
  conv->channels_ = attributes.Int("in_channels");
  if (conv->channels_ < 1 || conv->channels_ > kMaxBinaryTerms) {
    return Status::Error("in_channels has to be 1 to %d, is %d",
                         kMaxBinaryTerms, conv->channels_);
  }
  return ConvAttributes::Read(attributes, &conv->attributes_);
}

Status BinaryConv::Plan(const TensorInfo& bits, const TensorInfo& weights,
                        WorkspaceLayout* layout) {
  BIFSMN_RETURN_IF_ERROR(CheckTensor(bits, "bits", ElementType::kInt16, 4));
  BIFSMN_RETURN_IF_ERROR(
      CheckTensor(weights, "weights", ElementType::kInt16, 4));
  const int words = WordsFor(channels_);
  if (bits.shape[3] != words || weights.shape[3] != words) {
    return Status::Error(
        "%d channels are %d words, but bits are of shape %s and weights of %s",
        channels_, words, ShapeText(bits.shape).c_str(),
        ShapeText(weights.shape).c_str());
  }
  const int kernel_h = weights.shape[1];
  const int kernel_w = weights.shape[2];
  const int64_t terms = int64_t{kernel_h} * kernel_w * channels_;
  if (terms > kMaxBinaryTerms) {
    return Status::Error(
        "a sum has at most %d products, weights of shape %s "
        "have %lld",
        kMaxBinaryTerms, ShapeText(weights.shape).c_str(),
        static_cast<long long>(terms));
  }
  images_ = bits.shape[0];
  outputs_ = weights.shape[0];
  BIFSMN_RETURN_IF_ERROR(attributes_.MakeGeometry(
      bits.shape[1], bits.shape[2], kernel_h, kernel_w, &geometry_));
  BIFSMN_RETURN_IF_ERROR(CheckShape(output_shape()).In("result"));

  BIFSMN_RETURN_IF_ERROR(ReadConstant(weights, "weights", ElementType::kInt16,
                                      weights.shape, &weights_));
  BIFSMN_RETURN_IF_ERROR(CheckUnusedBits(weights_, "weights", channels_));
  terms_ = static_cast<int>(terms);
  patterns_ = PaddingPatterns(geometry_);
  bases_ = patterns_.Bases(weights_.data(), outputs_, channels_);
  pattern_of_.clear();
  if (patterns_.count() > 1) {
    if (patterns_.count() > 65535) {
      return Status::Error("padding makes %zu kinds of patches, at most 65535",
                           patterns_.count());
    }
    pattern_of_.reserve(size_t{1} * geometry_.output_h * geometry_.output_w);
    for (int y = 0; y < geometry_.output_h; ++y) {
      for (int x = 0; x < geometry_.output_w; ++x) {
        pattern_of_.push_back(static_cast<uint16_t>(patterns_.PatternOf(y, x)));
      }
    }
  }
  depth_ = kernel_h * kernel_w * words;
  patches_are_image_ = PatchesAreImage(geometry_);
  if (!patches_are_image_) {
    patches_ = layout->Add<Word>(size_t{kBlockPixels} * depth_);
  }
  return Status();
}

void BinaryConv::Pack() {
  packed_.Resize(BgemmPackedWords(*kernel_, outputs_, depth_));
  kernel_->pack(weights_.data(), outputs_, depth_, packed_.data());
  weights_ = {};
}

}  // namespace bifsmn
