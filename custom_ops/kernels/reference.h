// What the kernels' and ops' tests share: random operands, and the sums as
// their definitions say, term by term.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_REFERENCE_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <random>
#include <vector>

#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/int16_residual.h"

namespace bifsmn {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  // Packed bits of [pixels][channels].
  std::vector<Word> Bits(size_t pixels, int channels) {
    std::vector<Word> bits(pixels * WordsFor(channels));
    for (size_t i = 0; i < bits.size(); ++i) {
      bits[i] = static_cast<Word>(engine_());
      const bool last = (i + 1) % WordsFor(channels) == 0;
      if (last) bits[i] &= static_cast<Word>(~UnusedBits(channels));
    }
    return bits;
  }

  // Integers of [low, high].
  template <typename T>
  std::vector<T> Integers(size_t count, int low, int high) {
    std::uniform_int_distribution<int> distribution(low, high);
    std::vector<T> values(count);
    for (T& value : values) value = static_cast<T>(distribution(engine_));
    return values;
  }

  int Integer(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(engine_);
  }

  std::vector<float> Floats(size_t count, float scale = 1.0f) {
    std::normal_distribution<float> distribution(0.0f, scale);
    std::vector<float> values(count);
    for (float& value : values) value = distribution(engine_);
    return values;
  }

 private:
  std::mt19937 engine_;
};

// Memory as kernels may expect it.
template <typename T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <typename U>
  explicit Aligned(const Aligned<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(
        ::operator new(count * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* memory, size_t) {
    ::operator delete(memory, std::align_val_t{64});
  }
  bool operator==(const Aligned&) const { return true; }
  bool operator!=(const Aligned&) const { return false; }
};

template <typename T>
using AlignedVector = std::vector<T, Aligned<T>>;

// Parameters of the 16-bit residual, for dots in [-largest, largest].
class RandomInt16Residual {
 public:
  RandomInt16Residual(Random& random, int channels, int largest)
      : scale_(random.Integers<int16_t>(channels, -32767, 32767)),
        offset_(random.Integers<int16_t>(channels, -32768, 32767)),
        slope_(random.Integers<int16_t>(channels, -32767, 32767)),
        threshold_(random.Integers<int16_t>(channels, -32768, 32767)) {
    while (largest * (2 << shift_) <= 32767) ++shift_;
    shift_ = random.Integer(0, shift_);
  }

  Int16Residual get() const {
    return {scale_.data(), offset_.data(), slope_.data(), threshold_.data(),
            shift_};
  }

 private:
  std::vector<int16_t> scale_;
  std::vector<int16_t> offset_;
  std::vector<int16_t> slope_;
  std::vector<int16_t> threshold_;
  int shift_ = 0;
};

// The sign that a channel's bit stands for.
inline int Sign(const Word* pixel, int channel) {
  return (pixel[channel / kWordBits] >> channel % kWordBits & 1) != 0 ? -1 : 1;
}

// The dot product of the patch of output pixel (y, x) with one output's
// weights[kernel_h][kernel_w]; a padded position contributes nothing.
inline int ReferenceDot(const Word* image, const ConvGeometry& geometry,
                        int channels, int y, int x, const Word* weights) {
  const ConvGeometry& g = geometry;
  const int words = WordsFor(channels);
  int dot = 0;
  for (int ky = 0; ky < g.kernel_h; ++ky) {
    for (int kx = 0; kx < g.kernel_w; ++kx) {
      const int row = y * g.stride_h - g.pad_top + ky;
      const int column = x * g.stride_w - g.pad_left + kx;
      if (row < 0 || row >= g.height || column < 0 || column >= g.width) {
        continue;
      }
      for (int c = 0; c < channels; ++c) {
        dot += Sign(image + (row * g.width + column) * words, c) *
               Sign(weights + (ky * g.kernel_w + kx) * words, c);
      }
    }
  }
  return dot;
}

// Geometries with every kind of edge, small enough to go through one by one.
inline std::vector<ConvGeometry> TestGeometries() {
  const auto make = [](int height, int width, int kernel_h, int kernel_w,
                       int stride_h, int stride_w, int top, int bottom,
                       int left, int right) {
    return ConvGeometry{height,
                        width,
                        kernel_h,
                        kernel_w,
                        stride_h,
                        stride_w,
                        top,
                        left,
                        (height + top + bottom - kernel_h) / stride_h + 1,
                        (width + left + right - kernel_w) / stride_w + 1};
  };
  return {
      make(1, 1, 1, 1, 1, 1, 0, 0, 0, 0),    // a single pixel
      make(40, 1, 1, 1, 1, 1, 0, 0, 0, 0),   // pointwise over a sequence
      make(5, 4, 1, 1, 2, 3, 0, 0, 0, 0),    // pointwise, pixels left out
      make(35, 8, 1, 8, 1, 1, 0, 0, 0, 0),   // projection over frequency
      make(32, 32, 5, 5, 2, 2, 1, 2, 1, 2),  // SAME, stride 2
      make(16, 16, 5, 5, 1, 1, 2, 2, 2, 2),  // SAME, stride 1
      make(9, 7, 3, 2, 1, 1, 0, 0, 0, 0),    // VALID
      make(3, 2, 5, 4, 1, 1, 4, 4, 3, 3),    // padding on every side at once
      make(1, 1, 5, 5, 1, 1, 2, 2, 2, 2),    // an image of one pixel, padded
      make(7, 5, 3, 3, 4, 5, 2, 0, 0, 2),    // strides over the kernel
      make(2, 6, 4, 3, 1, 2, 0, 3, 2, 0),    // padding on one side
  };
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_REFERENCE_H_
