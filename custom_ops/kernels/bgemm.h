// Binary matrix product: for every pixel and every output, in how many bits the
// pixel's patch and the output's weights disagree.
//
// A kernel's name is its contract: bgemm_<instruction set>_<pixels>x<outputs of
// a tile>_<type of the sums>. Weights are packed once into the order in which a
// kernel reads them.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

struct BgemmKernel {
  const char* name;

  // Outputs of a tile; divides 16.
  int tile_outputs;

  // Most words of a patch for which the kernel's sums do not overflow.
  int max_depth;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Lays out weights[outputs][words] in `packed`, of BgemmPackedWords words.
  void (*pack)(const Word* weights, int outputs, int words, Word* packed);

  // Writes disagreements[pixels][BgemmRowStride(outputs)] for
  // patches[pixels][words]. Columns from `outputs` on hold no meaning.
  void (*run)(const Word* patches, int pixels, int words, const Word* packed,
              int outputs, uint16_t* disagreements);
};

// Elements from one pixel's disagreements to the next one's: whole words of
// outputs, so that an epilogue makes 16 bits at a time.
constexpr int BgemmRowStride(int outputs) {
  return RoundUp(outputs, kWordBits);
}

constexpr size_t BgemmPackedWords(const BgemmKernel& kernel, int outputs,
                                  int words) {
  return static_cast<size_t>(RoundUp(outputs, kernel.tile_outputs)) * words;
}

const KernelRegistry<BgemmKernel>& BgemmKernels();

extern const BgemmKernel kBgemmPortable4x4U16;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_H_
