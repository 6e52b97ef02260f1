// Four pixels against 16 outputs, one byte lane each, for WebAssembly: bits of
// bytes are counted by i8x16.popcnt.

#include "custom_ops/kernels/bgemm.h"

#ifdef __wasm_simd128__

#include <wasm_simd128.h>

#include <algorithm>
#include <cstddef>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 4;
constexpr int kTileOutputs = kWordBits;

// A word adds at most 16 to a byte lane: 15 words stay below 256.
constexpr int kWordsPerFold = 15;

void Pack(const Word* weights, int outputs, int words, Word* packed) {
  PackBytes<8>(
      WeightMatrix<Word>{weights, outputs, words}, kTileOutputs,
      [](int lane) { return lane; }, reinterpret_cast<uint8_t*>(packed));
}

BIFSMN_INLINE v128_t CountBits(int byte, v128_t weights) {
  return wasm_i8x16_popcnt(
      wasm_v128_xor(wasm_i8x16_splat(static_cast<int8_t>(byte)), weights));
}

// Writes counts[kPixels][16] of a tile.
template <int kPixels>
BIFSMN_INLINE void CountTile(const Word* patches, int words, const Word* packed,
                             uint16_t (*counts)[kWordBits]) {
  v128_t low[kPixels], high[kPixels];
  for (int i = 0; i < kPixels; ++i) low[i] = high[i] = wasm_i16x8_splat(0);
  for (int first = 0; first < words; first += kWordsPerFold) {
    const int end = std::min(words, first + kWordsPerFold);
    v128_t bytes[kPixels];
    for (int i = 0; i < kPixels; ++i) bytes[i] = wasm_i8x16_splat(0);
    for (int k = first; k < end; ++k) {
      const v128_t low_bytes = wasm_v128_load(packed + k * kTileOutputs);
      const v128_t high_bytes =
          wasm_v128_load(packed + k * kTileOutputs + kTileOutputs / 2);
      for (int i = 0; i < kPixels; ++i) {
        const int word = patches[i * words + k];
        bytes[i] = wasm_i8x16_add(
            bytes[i], wasm_i8x16_add(CountBits(word, low_bytes),
                                     CountBits(word >> 8, high_bytes)));
      }
    }
    for (int i = 0; i < kPixels; ++i) {
      low[i] = wasm_i16x8_add(low[i], wasm_u16x8_extend_low_u8x16(bytes[i]));
      high[i] = wasm_i16x8_add(high[i], wasm_u16x8_extend_high_u8x16(bytes[i]));
    }
  }
  for (int i = 0; i < kPixels; ++i) {
    wasm_v128_store(counts[i], low[i]);
    wasm_v128_store(counts[i] + 8, high[i]);
  }
}

template <int kPixels, typename Epilogue>
BIFSMN_INLINE void RunPixels(const Bgemm& gemm, int pixel,
                             const Epilogue& epilogue) {
  alignas(16) uint16_t counts[kPixels][kWordBits];
  for (int o = 0; o < gemm.outputs; o += kTileOutputs) {
    CountTile<kPixels>(
        gemm.patches + static_cast<size_t>(pixel) * gemm.words, gemm.words,
        gemm.packed + static_cast<size_t>(o) * gemm.words, counts);
    for (int i = 0; i < kPixels; ++i) epilogue(pixel + i, o, counts[i]);
  }
}

// Calls epilogue(pixel, first output, disagreements) for every word of every
// pixel.
template <typename Epilogue>
void ForEachWord(const Bgemm& gemm, const Epilogue& epilogue) {
  int pixel = 0;
  for (; pixel + kTilePixels <= gemm.rows; pixel += kTilePixels) {
    RunPixels<kTilePixels>(gemm, pixel, epilogue);
  }
  for (; pixel < gemm.rows; ++pixel) RunPixels<1>(gemm, pixel, epilogue);
}

void Count(const Bgemm& gemm, uint16_t* disagreements) {
  const size_t stride = BgemmRowStride(gemm.outputs);
  ForEachWord(gemm, [&](int pixel, int o, const uint16_t* counts) {
    std::copy_n(counts, kWordBits, disagreements + pixel * stride + o);
  });
}

void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
               Word* bits) {
  const size_t words = WordsFor(gemm.outputs);
  const size_t stride = BgemmRowStride(gemm.outputs);
  ForEachWord(gemm, [&](int pixel, int o, const uint16_t* counts) {
    const size_t pattern =
        thresholds.patterns == nullptr ? 0 : thresholds.patterns[pixel];
    const int word = o / kWordBits;
    ThresholdDisagreements(counts, thresholds.limits + pattern * stride + o,
                           thresholds.flips + word,
                           std::min(kWordBits, gemm.outputs - o),
                           bits + pixel * words + word);
  });
}

void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
         const int16_t* residual, int16_t* result, Word* bits) {
  const size_t words = WordsFor(gemm.outputs);
  ForEachWord(gemm, [&](int pixel, int o, const uint16_t* counts) {
    int16_t dots[kWordBits];
    for (int i = 0; i < kWordBits; ++i) {
      dots[i] = static_cast<int16_t>(base - 2 * counts[i]);
    }
    const size_t at = static_cast<size_t>(pixel) * gemm.outputs + o;
    AddToInt16Residual(
        dots, parameters, o, std::min(kWordBits, gemm.outputs - o),
        residual == nullptr ? nullptr : residual + at, result + at,
        bits == nullptr ? nullptr : bits + pixel * words + o / kWordBits);
  });
}

}  // namespace

const BgemmKernel kBgemmWasm4x16U8 = {
    "bgemm_wasm_4x16_u8",
    kTileOutputs,
    1,
    1,
    kMaxBinaryTerms,
    1,
    kAnyPixels,
    false,
    HasSimd128,
    Pack,
    Count,
    Threshold,
    Add,
};

}  // namespace bifsmn

#endif  // __wasm_simd128__
