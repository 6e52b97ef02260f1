#include "custom_ops/ops/binary_conv.h"

#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

// In how many ways a kernel may be cut off before padding is computed, too: the
// weights are packed for each.
constexpr size_t kMostBands = 4;

constexpr size_t kMostPatterns = 65535;

}  // namespace

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

  std::vector<Word> values;
  BIFSMN_RETURN_IF_ERROR(ReadConstant(weights, "weights", ElementType::kInt16,
                                      weights.shape, &values));
  BIFSMN_RETURN_IF_ERROR(CheckUnusedBits(values, "weights", channels_));
  terms_ = static_cast<int>(terms);
  const size_t patterns = PaddingPatterns(geometry_).count();
  if (patterns > kMostPatterns) {
    return Status::Error("padding makes %zu kinds of patches, at most %zu",
                         patterns, kMostPatterns);
  }
  MakeBands(words, values, patterns > 1);
  depth_ = 0;
  bool gathers = false;
  for (const Band& band : bands_) {
    depth_ = std::max(depth_, band.depth);
    gathers = gathers || !band.patches_are_image;
  }
  if (gathers) patches_ = layout->Add<Word>(size_t{kBlockPixels} * depth_);
  return Status();
}

void BinaryConv::MakeBands(int words, const std::vector<Word>& weights,
                           bool has_patterns) {
  const ConvGeometry& g = geometry_;
  bands_.clear();
  for (int y = 0; y < g.output_h; ++y) {
    const int top = y * g.stride_h - g.pad_top;
    const int first = std::max(0, -top);
    const int count = std::min(g.kernel_h, g.height - top) - first;
    if (!bands_.empty() && bands_.back().first_kernel_row == first &&
        bands_.back().geometry.kernel_h == count) {
      bands_.back().geometry.output_h += 1;
      bands_.back().geometry.height += g.stride_h;
      continue;
    }
    Band band = {};
    band.geometry = g;
    band.geometry.height = band.geometry.kernel_h = count;
    band.geometry.pad_top = 0;
    band.geometry.output_h = 1;
    band.image_row = top + first;
    band.first_pixel = y * g.output_w;
    band.first_kernel_row = first;
    bands_.push_back(band);
    if (bands_.size() > kMostBands) {
      bands_ = {Band()};
      bands_.front().geometry = g;
      break;
    }
  }
  bases_.clear();
  pattern_of_.clear();
  const int run = g.kernel_w * words;
  for (Band& band : bands_) {
    band.depth = band.geometry.kernel_h * run;
    band.patches_are_image = PatchesAreImage(band.geometry);
    band.weights.resize(size_t{1} * outputs_ * band.depth);
    for (int o = 0; o < outputs_; ++o) {
      std::copy_n(
          weights.data() +
              (size_t{1} * o * g.kernel_h + band.first_kernel_row) * run,
          band.depth, band.weights.data() + size_t{1} * o * band.depth);
    }
    const PaddingPatterns patterns(band.geometry);
    const size_t first_pattern = bases_.size() / outputs_;
    const std::vector<int16_t> bases =
        patterns.Bases(band.weights.data(), outputs_, channels_);
    bases_.insert(bases_.end(), bases.begin(), bases.end());
    for (int y = 0; has_patterns && y < band.geometry.output_h; ++y) {
      for (int x = 0; x < band.geometry.output_w; ++x) {
        pattern_of_.push_back(
            static_cast<uint16_t>(first_pattern + patterns.PatternOf(y, x)));
      }
    }
  }
}

void BinaryConv::Pack() {
  size_t words = 0;
  for (Band& band : bands_) {
    band.packed = words;
    words += AlignUp(BgemmPackedWords(*kernel_, outputs_, band.depth) *
                     sizeof(Word)) /
             sizeof(Word);
  }
  packed_.Resize(words);
  for (Band& band : bands_) {
    kernel_->pack(band.weights.data(), outputs_, band.depth,
                  packed_.data() + band.packed);
    band.weights = {};
  }
}

}  // namespace bifsmn
