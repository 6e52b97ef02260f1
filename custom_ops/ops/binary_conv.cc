#include "custom_ops/ops/binary_conv.h"

#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

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
  planes_ = bits.shape[3] == 2 * words ? 2 : 1;
  if (bits.shape[3] != planes_ * words || weights.shape[3] != words) {
    return Status::Error(
        "%d channels are %d words, twice as many of two bits, but bits are of "
        "shape %s and weights of %s",
        channels_, words, ShapeText(bits.shape).c_str(),
        ShapeText(weights.shape).c_str());
  }
  const int kernel_h = weights.shape[1];
  const int kernel_w = weights.shape[2];
  const int level = planes_ == 2 ? kLargestLevel : 1;
  const int64_t largest = int64_t{kernel_h} * kernel_w * channels_ * level;
  if (largest > kMaxBinaryTerms) {
    return Status::Error(
        "a sum has at most %d products, those of two bits counting three "
        "times; weights of shape %s have %lld",
        kMaxBinaryTerms, ShapeText(weights.shape).c_str(),
        static_cast<long long>(largest));
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
  largest_dot_ = static_cast<int>(largest);
  const size_t patterns = PaddingPatterns(geometry_).count();
  if (patterns > kMostPatterns) {
    return Status::Error("padding makes %zu kinds of patches, at most %zu",
                         patterns, kMostPatterns);
  }
  MakeBands(words, values, patterns > 1);
  for (int16_t& base : bases_) base = static_cast<int16_t>(base * level);
  depth_ = 0;
  bool gathers = false;
  for (const Band& band : bands_) {
    depth_ = std::max(depth_, band.depth);
    gathers = gathers || !band.patches_are_image;
  }
  if (gathers) {
    patches_ = layout->Add<Word>(size_t{kBlockPixels} * planes_ * depth_);
  }
  return Status();
}

void BinaryConv::ReserveCounts(WorkspaceLayout* layout) {
  counts_ = layout->Add<uint16_t>(size_t{kBlockPixels} * planes_ *
                                  BgemmRowStride(outputs_));
}

Bgemm BinaryConv::Operands(const Block& block, const Word* bits,
                           void* workspace) const {
  const Band& band = bands_[block.band];
  const Word* patches = bits + block.source;
  if (!band.patches_are_image) {
    Word* gathered = patches_.In(workspace);
    BitIm2col(patches, band.rows.geometry, WordsFor(channels_), planes_,
              block.first, block.pixels, gathered);
    patches = gathered;
  }
  return {patches,    planes_ * block.pixels,
          band.depth, packed_.data() + band.packed,
          outputs_,   planes_};
}

void BinaryConv::MakeBands(int words, const std::vector<Word>& weights,
                           bool has_patterns) {
  const ConvGeometry& g = geometry_;
  bands_.clear();
  bases_.clear();
  pattern_of_.clear();
  const int row = g.kernel_w * words;
  for (const RowBand& rows : RowBands(g)) {
    // A kernel takes the planes of a patch one after the other.
    const bool are_image =
        PatchesAreImage(rows.geometry) && (planes_ == 1 || g.kernel_w == 1);
    bands_.push_back({rows, rows.geometry.kernel_h * row, are_image,
                      WeightsOfBand(weights, outputs_, g.kernel_h, row, rows),
                      0});
    const Band& band = bands_.back();
    const PaddingPatterns patterns(rows.geometry);
    const size_t first_pattern = bases_.size() / outputs_;
    const std::vector<int16_t> bases =
        patterns.Bases(band.weights.data(), outputs_, channels_);
    bases_.insert(bases_.end(), bases.begin(), bases.end());
    for (int y = 0; has_patterns && y < rows.geometry.output_h; ++y) {
      for (int x = 0; x < rows.geometry.output_w; ++x) {
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
  Word* packed = packed_.Resize(words);
  for (Band& band : bands_) {
    kernel_->pack(band.weights.data(), outputs_, band.depth,
                  packed + band.packed);
    // Frees them, which an assignment would not.
    std::vector<Word>().swap(band.weights);
  }
}

void BinaryConv::MakeBlocks() {
  const ptrdiff_t row_words =
      ptrdiff_t{geometry_.width} * planes_ * WordsFor(channels_);
  image_words_ = geometry_.height * row_words;
  blocks_.clear();
  for (size_t i = 0; i < bands_.size(); ++i) {
    const Band& band = bands_[i];
    const ConvGeometry& geometry = band.rows.geometry;
    const int pixels = geometry.output_h * geometry.output_w;
    for (int first = 0; first < pixels; first += kBlockPixels) {
      ptrdiff_t source = band.rows.image_row * row_words;
      if (band.patches_are_image) {
        source += ptrdiff_t{first} * planes_ * band.depth;
      }
      blocks_.push_back(
          {i, first, std::min(kBlockPixels, pixels - first), source});
    }
  }
}

}  // namespace bifsmn
