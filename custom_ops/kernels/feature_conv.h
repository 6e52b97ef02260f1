// The first convolution: float features, rounded to 8 bits, against int8
// weights, to the signs of the sums.
//
// A kernel's name is its contract: feature_conv_<instruction set>_<pixels>x
// <outputs of a tile>_<type of the sums>.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_FEATURE_CONV_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_FEATURE_CONV_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

// A row of output pixels over an image of 8-bit values that holds its padding.
struct FeatureConvRow {
  // The first pixel's patch: `kernel_rows` runs of `run_terms` values. Up to
  // kFeatureConvSlack bytes behind the last one may be read.
  const int8_t* patch;
  int kernel_rows;
  int run_terms;
  // Values from one run of a patch to the next one, and from a patch to the
  // next pixel's.
  ptrdiff_t run_stride;
  ptrdiff_t pixel_stride;
  int pixels;

  int terms() const { return kernel_rows * run_terms; }
};

constexpr int kFeatureConvSlack = 64;

// Weights as the model has them, [outputs][terms], and their thresholds,
// [levels][outputs]: one for activations of one bit, kLevelThresholds for two.
struct FeatureConvWeights {
  const int8_t* weights;
  const int32_t* thresholds;
  int outputs;
  int terms;
  int levels;

  WeightMatrix<int8_t> matrix() const { return {weights, outputs, terms}; }

  // A threshold, or `absent` for an output that is not there.
  int32_t Threshold(int level, int output, int32_t absent) const {
    return output < outputs ? thresholds[level * outputs + output] : absent;
  }
};

// `max_terms` of a kernel that takes any number of them.
constexpr int kAnyTerms = std::numeric_limits<int>::max();

struct FeatureConvKernel {
  const char* name;

  // No partial sum of a patch's products may be larger in magnitude.
  int32_t max_sum;

  // No patch may have more terms.
  int max_terms;

  // Whether this processor has the instructions.
  bool (*supported)();

  // quantized = clamp(round_half_even(values * inverse_scale), -128, 127); a
  // NaN becomes 0.
  void (*quantize)(const float* values, size_t count, float inverse_scale,
                   int8_t* quantized);

  // Bytes of what `pack` writes.
  size_t (*packed_bytes)(int outputs, int terms, int levels);

  // Lays out weights and thresholds in `packed`, aligned to 64 bytes.
  void (*pack)(const FeatureConvWeights& weights, void* packed);

  // Writes bits[pixels][levels][WordsFor(outputs)]: sum < threshold. Unused
  // bits are 0.
  void (*run)(const FeatureConvRow& row, const void* packed, int outputs,
              int levels, Word* bits);
};

using FeatureConvRun = void (*)(const FeatureConvRow& row, const void* packed,
                                int outputs, Word* bits);

// A kernel's `run` that is compiled for each number of levels.
template <FeatureConvRun kOneLevel, FeatureConvRun kAllLevels>
void RunByLevels(const FeatureConvRow& row, const void* packed, int outputs,
                 int levels, Word* bits) {
  (levels == 1 ? kOneLevel : kAllLevels)(row, packed, outputs, bits);
}

const KernelRegistry<FeatureConvKernel>& FeatureConvKernels();

#ifdef __aarch64__
extern const FeatureConvKernel kFeatureConvNeon16x8S16;
#endif
#ifdef __x86_64__
extern const FeatureConvKernel kFeatureConvAvx512Vnni16x16S32;
extern const FeatureConvKernel kFeatureConvAvx2_16x16S16;
extern const FeatureConvKernel kFeatureConvAvx2_8x16S32;
#endif
extern const FeatureConvKernel kFeatureConvPortable1x16S32;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_FEATURE_CONV_H_
