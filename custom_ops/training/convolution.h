// The sizes of a convolution, and its gradient by a kernel of floats.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_CONVOLUTION_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_CONVOLUTION_H_

#include <cstdint>

namespace bifsmn::training {

// A convolution of x [batch][height][width][channels] with y [kernel_height]
// [kernel_width][channels][units]; what lies outside of x is 0. A product of
// matrices has x [batch][channels].
struct Convolution {
  int64_t batch, channels, units;
  int64_t height = 1, width = 1;
  int64_t kernel_height = 1, kernel_width = 1;
  int64_t stride_height = 1, stride_width = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t out_height = 1, out_width = 1;

  int64_t pixels() const { return height * width; }
  int64_t taps() const { return kernel_height * kernel_width; }
  int64_t out_pixels() const { return out_height * out_width; }
};

// Calls use(tap, pixel) for each tap that reads a pixel of x for an output.
template <class Use>
inline __attribute__((always_inline)) void ForTaps(const Convolution& c,
                                                   int64_t out,
                                                   const Use& use) {
  const int64_t top = out / c.out_width * c.stride_height - c.pad_top;
  const int64_t left = out % c.out_width * c.stride_width - c.pad_left;
  for (int64_t i = 0; i < c.kernel_height; ++i) {
    if (top + i < 0 || top + i >= c.height) continue;
    for (int64_t j = 0; j < c.kernel_width; ++j) {
      if (left + j < 0 || left + j >= c.width) continue;
      use(i * c.kernel_width + j, (top + i) * c.width + left + j);
    }
  }
}

// Writes dy, as y, for x and dz [batch][out_height][out_width][units], floats.
// For few channels, as of a first convolution: a pass over all pixels.
void KernelGradientOfFloats(const Convolution& convolution, const float* x,
                            const float* dz, float* dy);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_CONVOLUTION_H_
