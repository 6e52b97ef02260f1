#include "custom_ops/kernels/bit_im2col.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace bifsmn {
namespace {

// Parts of images up to this size are padded first, and then gathered without
// any edge.
constexpr int kPaddedWords = 2048;

// Words that are copied at once, and by how many those are more than a run of
// the second convolution.
constexpr int kTogether = 8;
constexpr int kMore = kTogether - 5;

// A vector that lies anywhere: compilers would copy it by general registers.
typedef Word Together
    __attribute__((vector_size(kTogether * sizeof(Word)), aligned(2)));

inline void CopyTogether(const Word* source, Word* to) {
  *reinterpret_cast<Together*>(to) = *reinterpret_cast<const Together*>(source);
}

// A row of an image is too short for a call of memcpy.
inline void CopyRow(const Word* source, int count, Word* to) {
  int i = 0;
  for (; i + kTogether <= count; i += kTogether) {
    CopyTogether(source + i, to + i);
  }
  for (; i < count; ++i) to[i] = source[i];
}

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
      CopyRow(image + ptrdiff_t{row} * g.width * words, count,
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

// The same for the second convolution's kernel over 16 channels. Words behind
// the patch are written to, but for the last one.
template <bool kLast>
inline void CopyFiveByFive(const Word* source, ptrdiff_t stride, Word* patch) {
  Together runs[5];
  for (int row = 0; row < 5; ++row) {
    runs[row] = *reinterpret_cast<const Together*>(source + row * stride);
  }
  for (int row = 0; row < (kLast ? 4 : 5); ++row) {
    *reinterpret_cast<Together*>(patch + 5 * row) = runs[row];
  }
  if (kLast) {
    for (int i = 0; i < 5; ++i) patch[20 + i] = runs[4][i];
  }
}

// The patches of pixels that are `step` words apart in a row.
Word* CopyPatches(const Word* source, ptrdiff_t stride, ptrdiff_t step,
                  int rows, int run, int count, Word* patches) {
  for (int pixel = 0; pixel < count; ++pixel) {
    patches = CopyRuns(source, stride, rows, run, patches);
    source += step;
  }
  return patches;
}

Word* CopyFiveByFives(const Word* source, ptrdiff_t stride, ptrdiff_t step,
                      int count, bool has_last, Word* patches) {
  for (int pixel = has_last ? 1 : 0; pixel < count; ++pixel) {
    CopyFiveByFive<false>(source, stride, patches);
    source += step;
    patches += 25;
  }
  if (!has_last) return patches;
  CopyFiveByFive<true>(source, stride, patches);
  return patches + 25;
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
  while (count > 0) {
    const int of_row = std::min(count, g.output_w - x);
    count -= of_row;
    const Word* source = row + x * step_x;
    patches = five_by_five ? CopyFiveByFives(source, stride, step_x, of_row,
                                             count == 0, patches)
                           : CopyPatches(source, stride, step_x, g.kernel_h,
                                         run, of_row, patches);
    x = 0;
    row += step_y;
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
