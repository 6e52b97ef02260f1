// What padding does to a binary convolution.
//
// A padded position contributes nothing to a sum, but a bit has no third value:
// patches carry +1 there. Its weights are known, so is its effect: without any
// disagreement the sum would be
//     base = valid terms + 2 * weights of -1 over padding
// and it is base - 2 * disagreements. The base depends on an output pixel only
// through which rows and columns of the kernel lie inside the image: one row of
// bases for each such pattern, and inside the image all share one.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_PADDING_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_PADDING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/kernels/bits.h"

namespace bifsmn {

// The rows (or columns) [begin, end) of a kernel that lie inside the image, and
// the outputs [first, first + count) for which those do.
struct KernelSpan {
  int begin, end;
  int first, count;
};

// Along an axis of `size`, in order. Both ends of a span only ever move back,
// so that no two have the same.
std::vector<KernelSpan> KernelSpans(int size, int kernel, int stride, int pad,
                                    int outputs);

class PaddingPatterns {
 public:
  explicit PaddingPatterns(const ConvGeometry& geometry);

  size_t count() const { return rows_.spans.size() * columns_.spans.size(); }

  // The pattern of the output pixel in row y and column x.
  size_t PatternOf(int y, int x) const {
    return rows_.span_of[y] * columns_.spans.size() + columns_.span_of[x];
  }

  // Bases[count()][outputs] for weights[outputs][kernel_h][kernel_w][words].
  std::vector<int16_t> Bases(const Word* weights, int outputs,
                             int channels) const;

 private:
  struct Axis {
    explicit Axis(std::vector<KernelSpan> spans);

    std::vector<KernelSpan> spans;
    // Of every output.
    std::vector<uint32_t> span_of;
  };

  int kernel_h_;
  int kernel_w_;
  Axis rows_;
  Axis columns_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_PADDING_H_
