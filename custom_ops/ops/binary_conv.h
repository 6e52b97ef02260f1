// The part that the binary convolutions share: from bits to disagreements.

#ifndef BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_
#define BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/padding.h"
#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/conv_attributes.h"
#include "custom_ops/ops/row_bands.h"
#include "custom_ops/ops/shared_constants.h"
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

  // Bits of an activation.
  int planes() const { return planes_; }

  // The sum over a patch without padding and without disagreements.
  int largest_dot() const { return largest_dot_; }

  // Of the result, an element an output channel.
  std::vector<int> output_shape() const {
    return {images_, geometry_.output_h, geometry_.output_w, outputs_};
  }

  size_t patterns() const { return bases_.size() / outputs_; }

  // bases()[pattern * outputs() + output]: the sum if there are no
  // disagreements.
  const std::vector<int16_t>& bases() const { return bases_; }

  // Frees the bases, for an op that needs them no more.
  void ForgetBases() { std::vector<int16_t>().swap(bases_); }

  void Share(ConstantPool* pool) { packed_.Share(pool); }

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

  // Adds what ForEachCount works in to `layout`, after Plan.
  void ReserveCounts(WorkspaceLayout* layout);

  // Calls take(disagreements, pixels, first) for blocks of pixels as
  // ForEachBlock does, with rows of BgemmRowStride(outputs).
  template <typename Take>
  void ForEachCount(const Word* bits, void* workspace, const Take& take) const;

  // Pixels of a block: a multiple of every kernel's tile.
  static constexpr int kBlockPixels = 32;

 private:
  struct Band {
    RowBand rows;
    int depth;
    // Whether patches lie in the image as a kernel takes them.
    bool patches_are_image;
    std::vector<Word> weights;
    // Where its packed weights begin.
    size_t packed;
  };

  // Pixels of an image that are computed together, from number `first` of a
  // band on.
  struct Block {
    size_t band;
    int first;
    int pixels;
    // Where in the image the patches are, or what they are gathered from.
    ptrdiff_t source;
  };

  // Sets the bands and what depends on them.
  void MakeBands(int words, const std::vector<Word>& weights,
                 bool has_patterns);
  void Pack();
  void MakeBlocks();

  // The number of a block's first pixel in its image.
  int FirstPixel(const Block& block) const {
    const RowBand& rows = bands_[block.band].rows;
    return rows.output_row * rows.geometry.output_w + block.first;
  }

  Bgemm Operands(const Block& block, const Word* bits, void* workspace) const;

  ConvAttributes attributes_ = {};
  int channels_ = 0;

  int images_ = 0;
  int outputs_ = 0;
  int planes_ = 1;
  int largest_dot_ = 0;
  int depth_ = 0;
  ConvGeometry geometry_ = {};
  std::vector<Band> bands_;
  ptrdiff_t image_words_ = 0;
  std::vector<Block> blocks_;
  std::vector<int16_t> bases_;
  std::vector<uint16_t> pattern_of_;
  const BgemmKernel* kernel_ = nullptr;
  PackedConstant<Word> packed_;
  WorkspaceLayout::Part<Word> patches_;
  WorkspaceLayout::Part<uint16_t> counts_;
};

template <typename Takes>
void BinaryConv::SelectKernel(const Takes& takes) {
  kernel_ = &BgemmKernels().Select([&](const BgemmKernel& kernel) {
    return depth_ <= kernel.max_depth &&
           planes_ * geometry_.output_h * geometry_.output_w <=
               kernel.max_pixels &&
           takes(kernel);
  });
  Pack();
  MakeBlocks();
}

template <typename Take>
void BinaryConv::ForEachBlock(const Word* bits, void* workspace,
                              const Take& take) const {
  for (int n = 0; n < images_; ++n) {
    for (const Block& block : blocks_) {
      take(Operands(block, bits, workspace), FirstPixel(block));
    }
    bits += image_words_;
  }
}

template <typename Take>
void BinaryConv::ForEachCount(const Word* bits, void* workspace,
                              const Take& take) const {
  uint16_t* counts = counts_.In(workspace);
  const ptrdiff_t stride = BgemmRowStride(outputs_);
  ForEachBlock(bits, workspace, [&](const Bgemm& gemm, int first) {
    kernel_->count(gemm, counts);
    if (gemm.planes == 2 && !kernel_->takes_levels) {
      for (ptrdiff_t i = 0; i < gemm.pixels(); ++i) {
        const uint16_t* planes = counts + 2 * i * stride;
        JoinPlanes(planes, planes + stride, outputs_, counts + i * stride);
      }
    }
    take(counts, gemm.pixels(), first);
  });
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_BINARY_CONV_H_
