#include "custom_ops/kernels/bit_im2col.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bifsmn {
namespace {

// Parts of images up to this size are padded first, and then gathered without
// any edge.
constexpr int kPaddedWords = 2048;

// Words that CopyFiveByFiveAndMore reads and writes behind a run.
constexpr int kMore = 3;

// The part of an image that some rows of output pixels look at, and its
// padding.
class PaddedImage {
 public:
  PaddedImage(const ConvGeometry& geometry, int words, int first_y, int last_y)
      : top_(first_y * geometry.stride_h - geometry.pad_top),
        rows_((last_y - first_y) * geometry.stride_h + geometry.kernel_h),
        columns_((geometry.output_w - 1) * geometry.stride_w +
                 geometry.kernel_w),
        row_words_(int64_t{columns_} * words) {}

  bool Fits() const { return rows_ * row_words_ <= kPaddedWords; }

  void Copy(const Word* image, const ConvGeometry& geometry, int words) {
    const ConvGeometry& g = geometry;
    std::fill_n(words_, rows_ * row_words_, Word{0});
    const int begin = std::max(top_, 0);
    const int end = std::min(top_ + rows_, g.height);
    const int count = std::min(columns_ - g.pad_left, g.width) * words;
    for (int row = begin; row < end && count > 0; ++row) {
      std::copy_n(image + ptrdiff_t{row} * g.width * words, count,
                  words_ + (row - top_) * row_words_ + g.pad_left * words);
    }
  }

  const Word* words() const { return words_; }
  int64_t row_words() const { return row_words_; }

 private:
  int top_;
  int rows_;
  int columns_;
  int64_t row_words_;
  Word words_[kPaddedWords + kMore];
};

// Copies `rows` runs of `run` words.
Word* CopyRuns(const Word* source, ptrdiff_t stride, int rows, int run,
               Word* patch) {
  for (int i = 0; i < rows; ++i) {
    patch = std::copy_n(source, run, patch);
    source += stride;
  }
  return patch;
}

// The same for the second convolution's kernel over 16 channels. All loads come
// first, so that none is waited for.
Word* CopyFiveByFive(const Word* source, ptrdiff_t stride, Word* patch) {
  uint64_t first_four[5];
  Word fifth[5];
  const auto load = [&](int row) {
    std::memcpy(&first_four[row], source + row * stride, sizeof(uint64_t));
    fifth[row] = source[row * stride + 4];
  };
  const auto store = [&](int row) {
    std::memcpy(patch + 5 * row, &first_four[row], sizeof(uint64_t));
    patch[5 * row + 4] = fifth[row];
  };
  load(0), load(1), load(2), load(3), load(4);
  store(0), store(1), store(2), store(3), store(4);
  return patch + 25;
}

// CopyFiveByFive where words behind the patch may be read, and be written to:
// eight words at a time.
Word* CopyFiveByFiveAndMore(const Word* source, ptrdiff_t stride, Word* patch) {
  struct Run {
    Word words[5 + kMore];
  } runs[5];
  const auto load = [&](int row) {
    std::memcpy(&runs[row], source + row * stride, sizeof(Run));
  };
  const auto store = [&](int row) {
    std::memcpy(patch + 5 * row, &runs[row], sizeof(Run));
  };
  load(0), load(1), load(2), load(3), load(4);
  store(0), store(1), store(2), store(3), store(4);
  return patch + 25;
}

// The patches of any image, edge by edge.
void GatherWithEdges(const Word* image, const ConvGeometry& geometry, int words,
                     int first, int count, Word* patches) {
  const ConvGeometry& g = geometry;
  const ptrdiff_t row_words = static_cast<ptrdiff_t>(g.width) * words;
  int y = first / g.output_w;
  int x = first % g.output_w;
  for (int pixel = 0; pixel < count; ++pixel) {
    const int top = y * g.stride_h - g.pad_top;
    const int left = x * g.stride_w - g.pad_left;
    const int skipped = std::clamp(-left, 0, g.kernel_w);
    const int valid = std::clamp(g.width - left, skipped, g.kernel_w) - skipped;
    const int after = g.kernel_w - skipped - valid;
    for (int row = top; row < top + g.kernel_h; ++row) {
      if (row < 0 || row >= g.height) {
        patches = std::fill_n(patches, g.kernel_w * words, Word{0});
        continue;
      }
      patches = std::fill_n(patches, skipped * words, Word{0});
      patches = std::copy_n(image + row * row_words +
                                static_cast<ptrdiff_t>(left + skipped) * words,
                            valid * words, patches);
      patches = std::fill_n(patches, after * words, Word{0});
    }
    if (++x == g.output_w) {
      x = 0;
      ++y;
    }
  }
}

}  // namespace

void BitIm2col(const Word* image, const ConvGeometry& geometry, int words,
               int first, int count, Word* patches) {
  const ConvGeometry& g = geometry;
  const int first_y = first / g.output_w;
  PaddedImage padded(g, words, first_y, (first + count - 1) / g.output_w);
  if (!padded.Fits()) {
    GatherWithEdges(image, g, words, first, count, patches);
    return;
  }
  padded.Copy(image, g, words);
  const int run = g.kernel_w * words;
  const bool five_by_five = run == 5 && g.kernel_h == 5;
  const ptrdiff_t stride = padded.row_words();
  const ptrdiff_t step_x = ptrdiff_t{g.stride_w} * words;
  const ptrdiff_t step_y = g.stride_h * stride;
  const Word* row = padded.words();
  int x = first % g.output_w;
  for (int pixel = 0; pixel < count; ++pixel) {
    const Word* source = row + x * step_x;
    if (!five_by_five) {
      patches = CopyRuns(source, stride, g.kernel_h, run, patches);
    } else if (pixel < count - 1) {
      patches = CopyFiveByFiveAndMore(source, stride, patches);
    } else {
      patches = CopyFiveByFive(source, stride, patches);
    }
    if (++x == g.output_w) {
      x = 0;
      row += step_y;
    }
  }
}

bool PatchesAreImage(const ConvGeometry& geometry) {
  const ConvGeometry& g = geometry;
  if (g.kernel_h != 1 || g.stride_h != 1 || g.output_h != g.height) {
    return false;
  }
  const bool pointwise =
      g.kernel_w == 1 && g.stride_w == 1 && g.output_w == g.width;
  const bool whole_rows = g.kernel_w == g.width && g.output_w == 1;
  return pointwise || (whole_rows && g.pad_left == 0);
}

}  // namespace bifsmn
