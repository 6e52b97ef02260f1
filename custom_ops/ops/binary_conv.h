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

  // Checks the bits and the weights, packs these, and adds what Run works in to
  // `layout`.
  Status Plan(const TensorInfo& bits, const TensorInfo& weights,
              WorkspaceLayout* layout);

  int outputs() const { return outputs_; }

  // Of the result, an element an output channel.
  std::vector<int> output_shape() const {
    return {images_, geometry_.output_h, geometry_.output_w, outputs_};
  }

  size_t patterns() const { return patterns_.count(); }

  // bases()[pattern * outputs() + output]: the sum if there are no
  // disagreements.
  const std::vector<int16_t>& bases() const { return bases_; }

  // Calls epilogue(pattern, disagreements) for every output pixel, in order.
  template <typename Epilogue>
  void Run(const Word* bits, void* workspace, const Epilogue& epilogue) const;

 private:
  // Pixels whose disagreements are kept before the epilogue takes them: a
  // multiple of every kernel's tile.
  static constexpr int kBlockPixels = 32;

  ConvAttributes attributes_ = {};
  int channels_ = 0;

  int images_ = 0;
  int outputs_ = 0;
  int depth_ = 0;
  bool patches_are_image_ = false;
  ConvGeometry geometry_ = {};
  PaddingPatterns patterns_;
  std::vector<int16_t> bases_;
  const BgemmKernel* kernel_ = nullptr;
  std::vector<Word> packed_;
  WorkspaceLayout::Part<Word> patches_;
  WorkspaceLayout::Part<uint16_t> disagreements_;
};

template <typename Epilogue>
void BinaryConv::Run(const Word* bits, void* workspace,
                     const Epilogue& epilogue) const {
  const ConvGeometry& g = geometry_;
  const int words = WordsFor(channels_);
  const int pixels = g.output_h * g.output_w;
  uint16_t* disagreements = disagreements_.In(workspace);
  for (int n = 0; n < images_; ++n) {
    const Word* image = bits + ptrdiff_t{n} * g.height * g.width * words;
    int y = 0;
    int x = 0;
    for (int first = 0; first < pixels; first += kBlockPixels) {
      const int count = std::min(kBlockPixels, pixels - first);
      const Word* patches = image + ptrdiff_t{first} * depth_;
      if (!patches_are_image_) {
        Word* gathered = patches_.In(workspace);
        BitIm2col(image, g, words, first, count, gathered);
        patches = gathered;
      }
      kernel_->run(patches, count, depth_, packed_.data(), outputs_,
                   disagreements);
      for (int i = 0; i < count; ++i) {
        epilogue(patterns_.PatternOf(y, x),
                 disagreements + ptrdiff_t{i} * BgemmRowStride(outputs_));
        if (++x == g.output_w) {
          x = 0;
          ++y;
        }
      }
    }
  }
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_
