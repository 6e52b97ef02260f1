// The part that the binary convolutions share: from bits to disagreements.

#ifndef BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_
#define BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/padding.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {

class BinaryConv {
 public:
  static Status Create(const Attributes& attributes, BinaryConv* conv);

  // Checks the bits and the weights, and adds what Run works in to `layout`.
  Status Plan(const TensorInfo& bits, const TensorInfo& weights,
              WorkspaceLayout* layout);

  // Then: packs the weights for the fastest kernel that `takes` accepts.
  template <typename Takes>
  void SelectKernel(const Takes& takes);

  int outputs() const { return outputs_; }

  // Products of a patch without padding.
  int terms() const { return terms_; }

  // Of the result, an element an output channel.
  std::vector<int> output_shape() const {
    return {images_, geometry_.output_h, geometry_.output_w, outputs_};
  }

  size_t patterns() const { return patterns_.count(); }

  // bases()[pattern * outputs() + output]: the sum if there are no
  // disagreements.
  const std::vector<int16_t>& bases() const { return bases_; }

  // The patterns of an image's pixels from number `first` on, or null if there
  // is but one.
  const uint16_t* PatternsFrom(int first) const {
    return pattern_of_.empty() ? nullptr : pattern_of_.data() + first;
  }

  const BgemmKernel& kernel() const { return *kernel_; }

  // Calls take(operands, first) for blocks of pixels of all images, in order;
  // `first` is the number of the block's first pixel in its image.
  template <typename Take>
  void ForEachBlock(const Word* bits, void* workspace, const Take& take) const;

  // Pixels of a block: a multiple of every kernel's tile.
  static constexpr int kBlockPixels = 32;

 private:
  void Pack();

  ConvAttributes attributes_ = {};
  int channels_ = 0;

  int images_ = 0;
  int outputs_ = 0;
  int terms_ = 0;
  int depth_ = 0;
  bool patches_are_image_ = false;
  ConvGeometry geometry_ = {};
  PaddingPatterns patterns_;
  std::vector<int16_t> bases_;
  std::vector<uint16_t> pattern_of_;
  std::vector<Word> weights_;
  const BgemmKernel* kernel_ = nullptr;
  AlignedBuffer<Word> packed_;
  WorkspaceLayout::Part<Word> patches_;
};

template <typename Takes>
void BinaryConv::SelectKernel(const Takes& takes) {
  kernel_ = &BgemmKernels().Select([&](const BgemmKernel& kernel) {
    return depth_ <= kernel.max_depth && takes(kernel);
  });
  Pack();
}

template <typename Take>
void BinaryConv::ForEachBlock(const Word* bits, void* workspace,
                              const Take& take) const {
  const ConvGeometry& g = geometry_;
  const int words = WordsFor(channels_);
  const int pixels = g.output_h * g.output_w;
  for (int n = 0; n < images_; ++n) {
    const Word* image = bits + ptrdiff_t{n} * g.height * g.width * words;
    for (int first = 0; first < pixels; first += kBlockPixels) {
      const int count = std::min(kBlockPixels, pixels - first);
      const Word* patches = image + ptrdiff_t{first} * depth_;
      if (!patches_are_image_) {
        Word* gathered = patches_.In(workspace);
        BitIm2col(image, g, words, first, count, gathered);
        patches = gathered;
      }
      take(Bgemm{patches, count, depth_, packed_.data(), outputs_}, first);
    }
  }
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_
