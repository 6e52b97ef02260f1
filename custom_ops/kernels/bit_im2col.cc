#include "custom_ops/kernels/bit_im2col.h"

#ifdef __aarch64__
#include <arm_neon.h>
#endif

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

// A row of one of two planes: `words` words of every 2 * words. As many as the
// second convolution and the projection read take no call of memmove each.
template <int kWords>
inline void CopyPlaneWords(const Word* source, int pixels, Word* to) {
  for (int i = 0; i < pixels; ++i, to += kWords, source += 2 * kWords) {
    for (int k = 0; k < kWords; ++k) to[k] = source[k];
  }
}

inline void CopyPlaneRow(const Word* source, int pixels, int words, Word* to) {
  if (words == 1) return CopyPlaneWords<1>(source, pixels, to);
  if (words == 2) return CopyPlaneWords<2>(source, pixels, to);
  for (int i = 0; i < pixels; ++i) {
    to = std::copy_n(source, words, to);
    source += 2 * words;
  }
}

// A row of both planes.
inline void CopyPlaneRows(const Word* source, int pixels, int words,
                          Word* first, Word* second) {
  int i = 0;
#ifdef __aarch64__
  // The inputs of the second convolution and of the projection.
  for (; words == 1 && i + 8 <= pixels; i += 8) {
    const uint16x8x2_t planes = vld2q_u16(source + 2 * i);
    vst1q_u16(first + i, planes.val[0]);
    vst1q_u16(second + i, planes.val[1]);
  }
  for (; words == 2 && i + 4 <= pixels; i += 4) {
    const uint32x4_t low = vreinterpretq_u32_u16(vld1q_u16(source + 4 * i));
    const uint32x4_t high =
        vreinterpretq_u32_u16(vld1q_u16(source + 4 * i + 8));
    vst1q_u16(first + 2 * i, vreinterpretq_u16_u32(vuzp1q_u32(low, high)));
    vst1q_u16(second + 2 * i, vreinterpretq_u16_u32(vuzp2q_u32(low, high)));
  }
#endif
  const Word* left = source + ptrdiff_t{2} * i * words;
  CopyPlaneRow(left, pixels - i, words, first + ptrdiff_t{i} * words);
  CopyPlaneRow(left + words, pixels - i, words, second + ptrdiff_t{i} * words);
}

// The part of an image that some rows of output pixels look at, and its
// padding, plane by plane.
class PaddedImage {
 public:
  PaddedImage(const ConvGeometry& geometry, int words, int planes, int first_y,
              int last_y)
      : planes_(planes),
        top_(first_y * geometry.stride_h - geometry.pad_top),
        rows_((last_y - first_y) * geometry.stride_h + geometry.kernel_h),
        columns_((geometry.output_w - 1) * geometry.stride_w +
                 geometry.kernel_w),
        row_words_(int64_t{columns_} * words) {}

  bool Fits() const { return row_words_ * rows_ * planes_ <= kPaddedWords; }

  void Copy(const Word* image, const ConvGeometry& geometry, int words) {
    const ConvGeometry& g = geometry;
    std::fill_n(words_, planes_ * plane_words(), Word{0});
    const int begin = std::max(top_, 0);
    const int end = std::min(top_ + rows_, g.height);
    const int pixels = std::min(columns_ - g.pad_left, g.width);
    for (int row = begin; row < end && pixels > 0; ++row) {
      const Word* source = image + ptrdiff_t{row} * g.width * planes_ * words;
      Word* to = words_ + (row - top_) * row_words_ + g.pad_left * words;
      if (planes_ == 1) {
        CopyRow(source, pixels * words, to);
      } else {
        CopyPlaneRows(source, pixels, words, to, to + plane_words());
      }
    }
  }

  const Word* words() const { return words_; }

  // Of one that fits.
  ptrdiff_t row_words() const { return static_cast<ptrdiff_t>(row_words_); }
  ptrdiff_t plane_words() const { return rows_ * row_words(); }

 private:
  int planes_;
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

// The same for the second convolution's kernel over 16 channels, of which
// kRows rows are not padding. Words behind the patch are written to, but for
// the last one.
template <int kRows, bool kLast>
inline void CopyFives(const Word* source, ptrdiff_t stride, Word* patch) {
  Together runs[kRows];
  for (int row = 0; row < kRows; ++row) {
    runs[row] = *reinterpret_cast<const Together*>(source + row * stride);
  }
  for (int row = 0; row < (kLast ? kRows - 1 : kRows); ++row) {
    *reinterpret_cast<Together*>(patch + 5 * row) = runs[row];
  }
  if (kLast) {
    for (int i = 0; i < 5; ++i) patch[5 * kRows - 5 + i] = runs[kRows - 1][i];
  }
}

// Where the patches of a row of pixels are.
struct PatchRow {
  const Word* source;
  int pixels;
  // From a pixel to the next one, a row of the kernel to the next one, and a
  // plane to the other.
  ptrdiff_t step;
  ptrdiff_t stride;
  ptrdiff_t plane;
  int planes;
};

Word* CopyPatches(PatchRow row, int rows, int run, Word* patches) {
  for (int pixel = 0; pixel < row.pixels; ++pixel) {
    for (int i = 0; i < row.planes; ++i) {
      patches =
          CopyRuns(row.source + i * row.plane, row.stride, rows, run, patches);
    }
    row.source += row.step;
  }
  return patches;
}

template <int kRows, int kPlanes>
Word* CopyRowOfFives(PatchRow row, bool has_last, Word* patches) {
  constexpr int kWords = 5 * kRows;
  for (int pixel = has_last ? 1 : 0; pixel < row.pixels; ++pixel) {
    for (int i = 0; i < kPlanes; ++i) {
      CopyFives<kRows, false>(row.source + i * row.plane, row.stride, patches);
      patches += kWords;
    }
    row.source += row.step;
  }
  if (!has_last) return patches;
  if (kPlanes == 2) {
    CopyFives<kRows, false>(row.source, row.stride, patches);
    row.source += row.plane;
    patches += kWords;
  }
  CopyFives<kRows, true>(row.source, row.stride, patches);
  return patches + kWords;
}

// The function above for such a kernel, or null.
using CopyFivesOf = Word* (*)(PatchRow, bool, Word*);

CopyFivesOf SelectFives(int rows, int run, int planes) {
  if (run != 5) return nullptr;
  switch (rows) {
    case 3:
      return planes == 1 ? CopyRowOfFives<3, 1> : CopyRowOfFives<3, 2>;
    case 4:
      return planes == 1 ? CopyRowOfFives<4, 1> : CopyRowOfFives<4, 2>;
    case 5:
      return planes == 1 ? CopyRowOfFives<5, 1> : CopyRowOfFives<5, 2>;
    default:
      return nullptr;
  }
}

// A row of the kernel over `count` pixels of a plane.
inline Word* CopyPixels(const Word* source, int count, int words, int planes,
                        Word* to) {
  if (planes == 1) return std::copy_n(source, count * words, to);
  CopyPlaneRow(source, count, words, to);
  return to + count * words;
}

// The patches of any image, edge by edge.
void GatherWithEdges(const Word* image, const ConvGeometry& geometry, int words,
                     int planes, int first, int count, Word* patches) {
  const ConvGeometry& g = geometry;
  const ptrdiff_t pixel_words = ptrdiff_t{planes} * words;
  const ptrdiff_t row_words = g.width * pixel_words;
  // Each pixel's planes one after the other.
  for (int at = first * planes; at < (first + count) * planes; ++at) {
    const int top = at / planes / g.output_w * g.stride_h - g.pad_top;
    const int left = at / planes % g.output_w * g.stride_w - g.pad_left;
    const Word* plane = image + ptrdiff_t{at % planes} * words;
    const int skipped = std::clamp(-left, 0, g.kernel_w);
    const int valid = std::clamp(g.width - left, skipped, g.kernel_w) - skipped;
    const int after = g.kernel_w - skipped - valid;
    for (int row = top; row < top + g.kernel_h; ++row) {
      if (row < 0 || row >= g.height) {
        patches = std::fill_n(patches, g.kernel_w * words, Word{0});
        continue;
      }
      patches = std::fill_n(patches, skipped * words, Word{0});
      patches =
          CopyPixels(plane + row * row_words + (left + skipped) * pixel_words,
                     valid, words, planes, patches);
      patches = std::fill_n(patches, after * words, Word{0});
    }
  }
}

}  // namespace

void BitIm2col(const Word* image, const ConvGeometry& geometry, int words,
               int planes, int first, int count, Word* patches) {
  const ConvGeometry& g = geometry;
  const int first_y = first / g.output_w;
  PaddedImage padded(g, words, planes, first_y,
                     (first + count - 1) / g.output_w);
  if (!padded.Fits()) {
    GatherWithEdges(image, g, words, planes, first, count, patches);
    return;
  }
  padded.Copy(image, g, words);
  const int run = g.kernel_w * words;
  const CopyFivesOf copy_fives = SelectFives(g.kernel_h, run, planes);
  PatchRow patch_row = {nullptr,
                        0,
                        ptrdiff_t{g.stride_w} * words,
                        padded.row_words(),
                        padded.plane_words(),
                        planes};
  const Word* row = padded.words();
  int x = first % g.output_w;
  while (count > 0) {
    patch_row.source = row + x * patch_row.step;
    patch_row.pixels = std::min(count, g.output_w - x);
    count -= patch_row.pixels;
    patches = copy_fives != nullptr
                  ? copy_fives(patch_row, count == 0, patches)
                  : CopyPatches(patch_row, g.kernel_h, run, patches);
    x = 0;
    row += g.stride_h * patch_row.stride;
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
