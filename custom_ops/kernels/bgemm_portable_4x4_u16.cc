// Four outputs share a 64-bit register, one 16-bit lane each, so that plain C++
// counts bits of four sums at a time without an instruction for it.

#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn {
namespace {

constexpr int kTilePixels = 4;
constexpr int kTileOutputs = 4;

// A word adds at most 8 to each byte of a sum: 31 words stay below 256.
constexpr int kWordsPerFold = 31;

uint64_t CountBitsOfBytes(uint64_t x) {
  x -= (x >> 1) & 0x5555555555555555;
  x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
  return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
}

uint64_t AddBytesOfLanes(uint64_t x) {
  constexpr uint64_t kLowBytes = 0x00ff00ff00ff00ff;
  return (x & kLowBytes) + ((x >> 8) & kLowBytes);
}

template <int kPixels>
void Tile(const Word* patches, int words, const Word* weights,
          uint16_t* disagreements, int row_stride) {
  uint64_t sums[kPixels] = {};
  for (int first = 0; first < words; first += kWordsPerFold) {
    const int last = std::min(words, first + kWordsPerFold);
    uint64_t bytes[kPixels] = {};
    for (int k = first; k < last; ++k) {
      uint64_t columns;
      std::memcpy(&columns, weights + k * kTileOutputs, sizeof(columns));
      for (int p = 0; p < kPixels; ++p) {
        const uint64_t lanes = patches[p * words + k] * 0x0001000100010001ull;
        bytes[p] += CountBitsOfBytes(lanes ^ columns);
      }
    }
    for (int p = 0; p < kPixels; ++p) sums[p] += AddBytesOfLanes(bytes[p]);
  }
  for (int p = 0; p < kPixels; ++p) {
    std::memcpy(disagreements + p * row_stride, &sums[p], sizeof(sums[p]));
  }
}

void Pack(const Word* weights, int outputs, int words, Word* packed) {
  PackTiles(WeightMatrix<Word>{weights, outputs, words}, kTileOutputs, 1,
            packed);
}

// The disagreements of some pixels with outputs that share a word of bits.
struct Counts {
  alignas(32) uint16_t values[kTilePixels][kWordBits];
};

template <int kPixels>
void CountWord(const Word* patches, const Bgemm& gemm, int first_output,
               Counts* counts) {
  for (int o = 0; o < kWordBits; o += kTileOutputs) {
    if (first_output + o >= gemm.outputs) break;
    Tile<kPixels>(
        patches, gemm.words,
        gemm.packed + static_cast<size_t>(first_output + o) * gemm.words,
        counts->values[0] + o, kWordBits);
  }
}

// Calls epilogue(pixel, first output, how many outputs, disagreements) for
// every word of every pixel.
template <typename Epilogue>
void ForEachWord(const Bgemm& gemm, const Epilogue& epilogue) {
  Counts counts = {};
  for (int p = 0; p < gemm.rows; p += kTilePixels) {
    const int pixels = std::min(kTilePixels, gemm.rows - p);
    for (int o = 0; o < gemm.outputs; o += kWordBits) {
      const Word* patches = gemm.patches + static_cast<size_t>(p) * gemm.words;
      if (pixels == kTilePixels) {
        CountWord<kTilePixels>(patches, gemm, o, &counts);
      } else {
        for (int i = 0; i < pixels; ++i) {
          Counts single = {};
          CountWord<1>(patches + static_cast<size_t>(i) * gemm.words, gemm, o,
                       &single);
          std::memcpy(counts.values[i], single.values[0],
                      sizeof(counts.values[i]));
        }
      }
      const int outputs = std::min(kWordBits, gemm.outputs - o);
      for (int i = 0; i < pixels; ++i) {
        epilogue(p + i, o, outputs, counts.values[i]);
      }
    }
  }
}

void Count(const Bgemm& gemm, uint16_t* disagreements) {
  ForEachWord(gemm, [&](int pixel, int o, int, const uint16_t* counts) {
    std::memcpy(disagreements +
                    static_cast<size_t>(pixel) * BgemmRowStride(gemm.outputs) +
                    o,
                counts, kWordBits * sizeof(*counts));
  });
}

void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
               Word* bits) {
  const int words = WordsFor(gemm.outputs);
  ForEachWord(gemm, [&](int pixel, int o, int outputs, const uint16_t* counts) {
    const size_t pattern =
        thresholds.patterns == nullptr ? 0 : thresholds.patterns[pixel];
    const uint16_t* limits =
        thresholds.limits + pattern * BgemmRowStride(gemm.outputs) + o;
    const int word = o / kWordBits;
    ThresholdDisagreements(counts, limits, thresholds.flips + word, outputs,
                           bits + static_cast<size_t>(pixel) * words + word);
  });
}

void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
         const int16_t* residual, int16_t* result, Word* bits) {
  const int words = WordsFor(gemm.outputs);
  ForEachWord(gemm, [&](int pixel, int o, int outputs, const uint16_t* counts) {
    int16_t dots[kWordBits];
    for (int i = 0; i < outputs; ++i) {
      dots[i] = static_cast<int16_t>(base - 2 * counts[i]);
    }
    const size_t at = static_cast<size_t>(pixel) * gemm.outputs + o;
    AddToInt16Residual(
        dots, parameters, o, outputs,
        residual == nullptr ? nullptr : residual + at, result + at,
        bits == nullptr
            ? nullptr
            : bits + static_cast<size_t>(pixel) * words + o / kWordBits);
  });
}

}  // namespace

const BgemmKernel kBgemmPortable4x4U16 = {
    "bgemm_portable_4x4_u16",
    kTileOutputs,
    1,
    1,
    kMaxBinaryTerms,
    1,
    kAnyPixels,
    false,
    [] { return true; },
    Pack,
    Count,
    Threshold,
    Add,
};

}  // namespace bifsmn
