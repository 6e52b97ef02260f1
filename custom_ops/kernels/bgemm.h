// Binary matrix product: for every pixel and every output, in how many bits the
// pixel's patch and the output's weights disagree, and what becomes of it.
//
// A kernel's name is its contract: bgemm_<instruction set>_<pixels>x<outputs of
// a tile>_<type of the inner sums>. Weights are packed once into the order in
// which a kernel reads them.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_H_

#include <cstddef>
#include <cstdint>
#include <limits>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

// The operands of a product.
struct Bgemm {
  int pixels() const { return rows / planes; }

  // [rows][words]
  const Word* patches;
  int rows;
  int words;
  // As the kernel's `pack` laid them out; aligned to 64 bytes.
  const Word* packed;
  int outputs;
  // Rows of a pixel: 2 where its activations have two bits (levels.h). Its
  // disagreements are then twice those of the first row and those of the
  // second.
  int planes = 1;
};

// From disagreements to bits: (disagreements >= limit) XOR flip.
struct BgemmThresholds {
  // [patterns][BgemmRowStride(outputs)]; 65535 for columns from `outputs` on.
  // Aligned to 32 bytes, as is every row.
  const uint16_t* limits;
  // The row of limits of every pixel, or null if that is 0 for all.
  const uint16_t* patterns;
  // [words of outputs]; unused bits are 0.
  const Word* flips;
  // From the limits of a threshold to those of the next of three, whose flips
  // follow each other too, where the result are levels; 0 where it is bits.
  ptrdiff_t next_limits = 0;
};

// `max_pixels` of a kernel that is as good for any number of them.
constexpr int kAnyPixels = std::numeric_limits<int>::max();

struct BgemmKernel {
  const char* name;

  // Outputs for which weights are packed at a time: a multiple of 16, or a
  // divisor of it.
  int tile_outputs;

  // Words of a patch of which packed weights have a multiple.
  int tile_words;

  // Bits that a weight takes when it is packed.
  int packed_bits;

  // Most words of a patch for which the kernel's sums do not overflow.
  int max_depth;

  // What the number of outputs has to be a multiple of for `add`.
  int add_outputs;

  // Most pixels of an image for which it is worth while; it takes more, too.
  int max_pixels;

  // Whether it takes two planes, and gives levels. One that does not takes each
  // row for a pixel.
  bool takes_levels;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Lays out weights[outputs][words] in `packed`, of BgemmPackedWords words.
  void (*pack)(const Word* weights, int outputs, int words, Word* packed);

  // Writes disagreements[pixels][BgemmRowStride(outputs)]. Columns from
  // `outputs` on hold no meaning.
  void (*count)(const Bgemm& gemm, uint16_t* disagreements);

  // Writes bits[pixels][WordsFor(outputs)], or the planes of levels,
  // bits[pixels][2][WordsFor(outputs)].
  void (*threshold)(const Bgemm& gemm, const BgemmThresholds& thresholds,
                    Word* bits);

  // Writes result[pixels][outputs], for dots of base - 2 * disagreements, and
  // bits as `threshold` does unless `bits` is null. `residual`
  // [pixels][outputs] may be null.
  void (*add)(const Bgemm& gemm, int base, const Int16Residual& parameters,
              const int16_t* residual, int16_t* result, Word* bits);
};

// Elements from one pixel's disagreements to the next one's: whole words of
// outputs, so that an epilogue makes 16 bits at a time.
constexpr int BgemmRowStride(int outputs) {
  return RoundUp(outputs, kWordBits);
}

constexpr size_t BgemmPackedWords(const BgemmKernel& kernel, int outputs,
                                  int words) {
  return static_cast<size_t>(RoundUp(outputs, kernel.tile_outputs)) *
         RoundUp(words, kernel.tile_words) * kernel.packed_bits;
}

const KernelRegistry<BgemmKernel>& BgemmKernels();

#ifdef __x86_64__
extern const BgemmKernel kBgemmAvx512Bitalg8x32U16;
extern const BgemmKernel kBgemmAvx2_2x32U8;
#endif
#ifdef __aarch64__
extern const BgemmKernel kBgemmNeon1x16U8;
extern const BgemmKernel kBgemmNeon8x16U8;
extern const BgemmKernel kBgemmNeonFbckInorder4x16U8;
extern const BgemmKernel kBgemmNeonFbck4x16U8;
#endif
#ifdef __wasm_simd128__
extern const BgemmKernel kBgemmWasm4x16U8;
#endif
extern const BgemmKernel kBgemmPortable4x4U16;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_H_
