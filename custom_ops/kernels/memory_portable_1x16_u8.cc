// Eight channels share a 64-bit register, one byte each: a table spreads eight
// bits over eight bytes, and a step's disagreements are sums of its entries.

#include <algorithm>
#include <array>
#include <cstddef>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/memory.h"

namespace bifsmn {
namespace {

constexpr std::array<uint64_t, 256> SpreadTable() {
  std::array<uint64_t, 256> table{};
  for (int value = 0; value < 256; ++value) {
    for (int bit = 0; bit < 8; ++bit) {
      table[value] |= static_cast<uint64_t>(value >> bit & 1) << (8 * bit);
    }
  }
  return table;
}

constexpr std::array<uint64_t, 256> kSpread = SpreadTable();

// A tap adds at most 1 to a byte.
constexpr int kTapsPerFold = 255;

// Calls take(step, word, dots[16]).
template <typename Take>
void ForEachWord(const Word* bits, const Word* weights,
                 const MemoryGeometry& geometry, int first, int last,
                 const Take& take) {
  const MemoryGeometry& g = geometry;
  const int words = WordsFor(g.channels);
  for (int step = first; step < last; ++step) {
    const int back = std::min(g.look_back, step / g.stride_back);
    const int ahead =
        std::min(g.look_ahead, (g.steps - 1 - step) / g.stride_ahead);
    const int begin = g.look_back - back;
    const int end = g.look_back + ahead + 1;
    const auto source = [&](int tap) {
      const int distance = tap - g.look_back;
      return step + distance * (distance < 0 ? g.stride_back : g.stride_ahead);
    };
    for (int word = 0; word < words; ++word) {
      int counts[kWordBits] = {};
      for (int fold = begin; fold < end; fold += kTapsPerFold) {
        uint64_t low = 0;
        uint64_t high = 0;
        for (int tap = fold; tap < std::min(end, fold + kTapsPerFold); ++tap) {
          const Word seen =
              bits[static_cast<ptrdiff_t>(source(tap)) * words + word];
          const unsigned differ = seen ^ weights[tap * words + word];
          low += kSpread[differ & 0xff];
          high += kSpread[differ >> 8];
        }
        for (int i = 0; i < 8; ++i) {
          counts[i] += low >> (8 * i) & 0xff;
          counts[i + 8] += high >> (8 * i) & 0xff;
        }
      }
      int16_t dots[kWordBits];
      for (int i = 0; i < kWordBits; ++i) {
        dots[i] = static_cast<int16_t>(end - begin - 2 * counts[i]);
      }
      take(step, word, dots);
    }
  }
}

void Dot(const Word* bits, const Word* weights, const MemoryGeometry& geometry,
         int first, int last, int16_t* dots) {
  ForEachWord(bits, weights, geometry, first, last,
              [&](int, int, const int16_t* of_word) {
                dots = std::copy_n(of_word, kWordBits, dots);
              });
}

void Add(const Word* bits, const Word* weights, const MemoryGeometry& geometry,
         int first, const Int16Residual& parameters, const int16_t* residual,
         int16_t* result, Word* signs) {
  const int channels = geometry.channels;
  ForEachWord(bits, weights, geometry, first, geometry.steps,
              [&](int step, int word, const int16_t* dots) {
                const int channel = word * kWordBits;
                const ptrdiff_t row = step - first;
                const ptrdiff_t at = row * channels + channel;
                AddToInt16Residual(
                    dots, parameters, channel,
                    std::min(kWordBits, channels - channel), residual + at,
                    result + at,
                    signs == nullptr ? nullptr
                                     : signs + row * WordsFor(channels) + word);
              });
}

}  // namespace

const MemoryKernel kMemoryPortable1x16U8 = {
    "memory_portable_1x16_u8",
    kMaxBinaryTerms,
    1,
    [] { return true; },
    Dot,
    Add,
};

}  // namespace bifsmn
