// The memory block's sums (Eq. 3 of the paper): a depthwise convolution over
// time whose taps reach back and ahead, each way with a stride of its own.
//
// A kernel's name is its contract: memory_<instruction set>_<steps>x<channels
// of a tile>_<type of the counts>.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_H_

#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

struct MemoryGeometry {
  int steps;
  int channels;
  int look_back, look_ahead;
  int stride_back, stride_ahead;

  int taps() const { return look_back + 1 + look_ahead; }
};

// Elements from one step's dots to the next one's.
constexpr int MemoryRowStride(int channels) {
  return RoundUp(channels, kWordBits);
}

struct MemoryKernel {
  const char* name;

  // Most taps for which the kernel's counts do not overflow.
  int max_taps;

  // What the number of channels has to be a multiple of for `add`.
  int add_channels;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Writes dots[last - first][MemoryRowStride(channels)] of the steps
  // [first, last) of a sequence bits[steps][words], with weights[taps][words].
  // Columns from `channels` on hold no meaning.
  void (*dot)(const Word* bits, const Word* weights,
              const MemoryGeometry& geometry, int first, int last,
              int16_t* dots);

  // Writes result[steps - first][channels] of the steps from `first` on with
  // their residual [steps - first][channels], and signs[steps - first][words]
  // unless `signs` is null.
  void (*add)(const Word* bits, const Word* weights,
              const MemoryGeometry& geometry, int first,
              const Int16Residual& parameters, const int16_t* residual,
              int16_t* result, Word* signs);

  // The same of bits[steps][2][words], levels of two bits, if a kernel has it:
  // with at most a third of the taps.
  decltype(add) add_levels = nullptr;
};

const KernelRegistry<MemoryKernel>& MemoryKernels();

#ifdef __aarch64__
extern const MemoryKernel kMemoryNeon8x16S8;
#endif
#ifdef __x86_64__
extern const MemoryKernel kMemoryAvx512Bw8x32S16;
extern const MemoryKernel kMemoryAvx2_8x16S16;
#endif
extern const MemoryKernel kMemoryPortable1x16U8;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_H_
