#include "custom_ops/training/sign_product.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/training/sign_product_words.h"

namespace bifsmn::training {
namespace {

int64_t GroupsOf(int64_t units) { return (units + kGroup - 1) / kGroup; }

uint32_t SignBit(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits >> (kWordBits - 1);
}

// y as [group][word][kGroup]; bits of no row or column are 0.
std::vector<uint32_t> PackColumns(int64_t rows, int64_t units, const float* y) {
  const int64_t words = WordsOf(rows);
  std::vector<uint32_t> packed(GroupsOf(units) * words * kGroup);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t word = row / kWordBits, bit = row % kWordBits;
    for (int64_t first = 0; first < units; first += kGroup) {
      uint32_t* to = &packed[(first / kGroup * words + word) * kGroup];
      const float* from = y + row * units + first;
      const int64_t count = std::min(kGroup, units - first);
      for (int64_t i = 0; i < count; ++i) to[i] |= SignBit(from[i]) << bit;
    }
  }
  return packed;
}

std::vector<float> Magnitudes(int64_t units, const float* y) {
  std::vector<float> alpha(GroupsOf(units) * kGroup);
  for (int64_t i = 0; i < units; ++i) alpha[i] = std::fabs(y[i]);
  return alpha;
}

void CountedSignProduct(const SignKernel& kernel, Shape shape, int64_t units,
                        const float* x, const float* y, float* z) {
  const int64_t words = WordsOf(shape.columns);
  const std::vector<uint32_t> packed = PackColumns(shape.columns, units, y);
  const std::vector<float> alpha = Magnitudes(units, y);
  std::vector<uint32_t> mine(kTileRows * words);
  for (int64_t row = 0; row < shape.rows; row += kTileRows) {
    const int64_t rows = std::min<int64_t>(kTileRows, shape.rows - row);
    for (int64_t i = 0; i < rows; ++i) {
      kernel.pack(shape.columns, x + (row + i) * shape.columns,
                  &mine[i * words]);
    }
    for (int64_t first = 0; first < units; first += kTileUnits) {
      SignTile tile{words,
                    shape.columns,
                    mine.data(),
                    &packed[first * words],
                    &alpha[first],
                    units,
                    std::min(kTileUnits, units - first),
                    z + row * units + first};
      if (rows == kTileRows) {
        kernel.rows(tile);
        continue;
      }
      for (int64_t i = 0; i < rows; ++i) {
        kernel.row(tile);
        tile.x += words;
        tile.z += units;
      }
    }
  }
}

// Null where bits are not counted fast.
const SignKernel* KernelOfProcessor() {
#ifdef __x86_64__
  if (Cpu().avx512f && Cpu().avx512vpopcntdq) return &kSignsVpopcntdq;
  if (HasAvx2()) return &kSignsAvx2;
#endif
  return nullptr;
}

}  // namespace

bool SignProductIsFast() { return KernelOfProcessor() != nullptr; }

void SignProduct(Shape shape, int64_t units, const float* x, const float* y,
                 float* z) {
  static const SignKernel* kernel = KernelOfProcessor();
  if (kernel) return CountedSignProduct(*kernel, shape, units, x, y, z);
  PortableSignProduct(shape, units, x, y, z);
}

void PortableSignProduct(Shape shape, int64_t units, const float* x,
                         const float* y, float* z) {
  const int64_t words = WordsOf(shape.columns);
  const std::vector<uint32_t> packed = PackColumns(shape.columns, units, y);
  const std::vector<float> alpha = Magnitudes(units, y);
  std::vector<uint32_t> mine(words);
  for (int64_t row = 0; row < shape.rows; ++row) {
    std::fill(mine.begin(), mine.end(), 0);
    for (int64_t i = 0; i < shape.columns; ++i) {
      mine[i / kWordBits] |= SignBit(x[row * shape.columns + i])
                             << i % kWordBits;
    }
    for (int64_t unit = 0; unit < units; ++unit) {
      const uint32_t* theirs =
          &packed[unit / kGroup * words * kGroup + unit % kGroup];
      int64_t count = 0;
      for (int64_t word = 0; word < words; ++word) {
        count += __builtin_popcount(mine[word] ^ theirs[word * kGroup]);
      }
      z[row * units + unit] =
          static_cast<float>(shape.columns - 2 * count) * alpha[unit];
    }
  }
}

}  // namespace bifsmn::training
