// Products of 8-bit patches with 8-bit weights.
//
// A kernel's name is its contract: igemm_<instruction set>_<pixels>x<outputs of
// a tile>_<type of the sums>.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_IGEMM_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_IGEMM_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/registry.h"

namespace bifsmn {

// Patches are rounded up to this many terms, with zeros.
constexpr int kIgemmTermStep = 16;

struct Igemm {
  // [pixels][patch_stride], aligned to 16 bytes: zeros from `terms` up to
  // RoundUp(terms, kIgemmTermStep), behind which nothing is read.
  const int8_t* patches;
  // A multiple of kIgemmTermStep.
  ptrdiff_t patch_stride;
  int pixels;
  // As the kernel's `pack` made it.
  const void* packed;
  int outputs;
  int terms;
};

struct IgemmKernel {
  const char* name;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Bytes of what `pack` writes.
  size_t (*packed_bytes)(int outputs, int terms);

  // Lays out weights[outputs][terms], each in [-127, 127], in `packed`, aligned
  // to 64 bytes.
  void (*pack)(const int8_t* weights, int outputs, int terms, void* packed);

  // Writes sums[pixels][outputs]. They are exact for all patches' values in
  // [-128, 127] and up to kMaxQuantizedTerms terms.
  void (*run)(const Igemm& gemm, int32_t* sums);
};

const KernelRegistry<IgemmKernel>& IgemmKernels();

#ifdef __aarch64__
extern const IgemmKernel kIgemmNeon4x4S32;
#endif
#ifdef __x86_64__
extern const IgemmKernel kIgemmAvx512Vnni8x32S32;
extern const IgemmKernel kIgemmAvx2_8x16S32;
#endif
extern const IgemmKernel kIgemmPortable1x16S32;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_IGEMM_H_
