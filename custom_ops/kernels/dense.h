// The classifier: the 16-bit residual against int8 weights.
//
// A kernel's name is its contract: dense_<instruction set>_<inputs>x<outputs of
// a tile>_<type of the sums>.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_DENSE_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_DENSE_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/registry.h"

namespace bifsmn {

struct DenseKernel {
  const char* name;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Bytes of what `pack` writes.
  size_t (*packed_bytes)(int inputs, int outputs);

  // Lays out weights[outputs][inputs] in `packed`, aligned to 64 bytes.
  void (*pack)(const int8_t* weights, int inputs, int outputs, void* packed);

  // Writes sums[outputs] of values[inputs]. The absolute values of an output's
  // weights sum up to at most kMaxDenseWeights, so that no partial sum leaves
  // 32 bits.
  void (*run)(const int16_t* values, const void* packed, int inputs,
              int outputs, int32_t* sums);
};

constexpr int kMaxDenseWeights = 65535;

const KernelRegistry<DenseKernel>& DenseKernels();

#ifdef __aarch64__
extern const DenseKernel kDenseNeon16x12S32;
#endif
#ifdef __x86_64__
extern const DenseKernel kDenseAvx512Vnni64x12S32;
extern const DenseKernel kDenseAvx2_16x4S32;
#endif
extern const DenseKernel kDensePortable1x1S32;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_DENSE_H_
