// Four outputs share a 64-bit register, one 16-bit lane each, so that plain C++
// counts bits of four sums at a time without an instruction for it.

#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/bgemm.h"

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
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    for (int k = 0; k < words; ++k) {
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        *packed++ =
            o < outputs ? weights[static_cast<size_t>(o) * words + k] : Word{0};
      }
    }
  }
}

template <int kPixels>
void Rows(const Word* patches, int words, const Word* packed, int outputs,
          uint16_t* disagreements) {
  for (int o = 0; o < outputs; o += kTileOutputs) {
    Tile<kPixels>(patches, words, packed + static_cast<size_t>(o) * words,
                  disagreements + o, BgemmRowStride(outputs));
  }
}

void Run(const Word* patches, int pixels, int words, const Word* packed,
         int outputs, uint16_t* disagreements) {
  int p = 0;
  const auto rows = [&](auto run_rows, int count) {
    run_rows(patches + static_cast<size_t>(p) * words, words, packed, outputs,
             disagreements + static_cast<size_t>(p) * BgemmRowStride(outputs));
    p += count;
  };
  while (p + kTilePixels <= pixels) rows(Rows<kTilePixels>, kTilePixels);
  while (p < pixels) rows(Rows<1>, 1);
}

}  // namespace

const BgemmKernel kBgemmPortable4x4U16 = {
    "bgemm_portable_4x4_u16", kTileOutputs, kMaxBinaryTerms,
    [] { return true; },      Pack,         Run,
};

}  // namespace bifsmn
