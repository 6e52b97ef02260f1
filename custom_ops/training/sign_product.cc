#include "custom_ops/training/sign_product.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#ifdef __x86_64__
#include "custom_ops/kernels/intrinsics_avx512.h"
#endif

namespace bifsmn::training {
namespace {

// Signs to a word, the first one in the lowest bit; 1 is negative.
constexpr int64_t kWordBits = 32;

// Columns of y whose words lie side by side.
constexpr int64_t kGroup = 16;

int64_t WordsOf(int64_t signs) { return (signs + kWordBits - 1) / kWordBits; }

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

#ifdef __x86_64__

#define BIFSMN_VPOPCNTDQ __attribute__((target("avx512f,avx512vpopcntdq")))

// Rows of x and groups of y that are in registers at a time.
constexpr int kRows = 4;
constexpr int kGroups = 4;

BIFSMN_VPOPCNTDQ void PackRow(int64_t columns, const float* x,
                              uint32_t* words) {
  for (int64_t first = 0; first < columns; first += kGroup) {
    const int64_t left = columns - first;
    const __mmask16 there =
        static_cast<__mmask16>(left < kGroup ? (1 << left) - 1 : 0xffff);
    const __m512i signs = _mm512_maskz_loadu_epi32(there, x + first);
    const uint32_t bits =
        _mm512_cmplt_epi32_mask(signs, _mm512_setzero_si512());
    if (first % kWordBits == 0) {
      words[first / kWordBits] = bits;
    } else {
      words[first / kWordBits] |= bits << kGroup;
    }
  }
}

// z of `Rows` rows and `Groups` groups, of which the last one may be partial.
template <int Rows, int Groups>
BIFSMN_VPOPCNTDQ void Tile(int64_t words, int64_t columns, const uint32_t* x,
                           const uint32_t* y, const float* alpha, int64_t units,
                           int64_t last, float* z) {
  __m512i counts[Rows][Groups];
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 4
    for (int group = 0; group < Groups; ++group) {
      counts[row][group] = _mm512_setzero_si512();
    }
  }
  for (int64_t word = 0; word < words; ++word) {
    __m512i theirs[Groups];
#pragma GCC unroll 4
    for (int group = 0; group < Groups; ++group) {
      theirs[group] = _mm512_loadu_si512(y + (group * words + word) * kGroup);
    }
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const __m512i mine =
          _mm512_set1_epi32(static_cast<int>(x[row * words + word]));
#pragma GCC unroll 4
      for (int group = 0; group < Groups; ++group) {
        counts[row][group] = _mm512_add_epi32(
            counts[row][group],
            _mm512_popcnt_epi32(_mm512_xor_si512(mine, theirs[group])));
      }
    }
  }
  const __m512i all = _mm512_set1_epi32(static_cast<int>(columns));
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 4
    for (int group = 0; group < Groups; ++group) {
      const __m512i dot =
          _mm512_sub_epi32(all, _mm512_slli_epi32(counts[row][group], 1));
      const __m512 scaled = _mm512_mul_ps(
          _mm512_cvtepi32_ps(dot), _mm512_loadu_ps(alpha + group * kGroup));
      const int64_t there = group + 1 < Groups ? kGroup : last;
      _mm512_mask_storeu_ps(z + row * units + group * kGroup,
                            static_cast<__mmask16>((1 << there) - 1), scaled);
    }
  }
}

template <int Rows>
BIFSMN_VPOPCNTDQ void TileOf(int64_t groups, int64_t words, int64_t columns,
                             const uint32_t* x, const uint32_t* y,
                             const float* alpha, int64_t units, int64_t last,
                             float* z) {
  switch (groups) {
    case 1:
      return Tile<Rows, 1>(words, columns, x, y, alpha, units, last, z);
    case 2:
      return Tile<Rows, 2>(words, columns, x, y, alpha, units, last, z);
    case 3:
      return Tile<Rows, 3>(words, columns, x, y, alpha, units, last, z);
    default:
      return Tile<Rows, 4>(words, columns, x, y, alpha, units, last, z);
  }
}

BIFSMN_VPOPCNTDQ void VectorSignProduct(Shape shape, int64_t units,
                                        const float* x, const float* y,
                                        float* z) {
  const int64_t words = WordsOf(shape.columns), groups = GroupsOf(units);
  const std::vector<uint32_t> packed = PackColumns(shape.columns, units, y);
  const std::vector<float> alpha = Magnitudes(units, y);
  std::vector<uint32_t> mine(kRows * words);
  for (int64_t row = 0; row < shape.rows; row += kRows) {
    const int64_t rows = std::min<int64_t>(kRows, shape.rows - row);
    for (int64_t i = 0; i < rows; ++i) {
      PackRow(shape.columns, x + (row + i) * shape.columns, &mine[i * words]);
    }
    for (int64_t group = 0; group < groups; group += kGroups) {
      const int64_t count = std::min<int64_t>(kGroups, groups - group);
      const int64_t last =
          std::min(kGroup, units - (group + count - 1) * kGroup);
      const uint32_t* theirs = &packed[group * words * kGroup];
      const float* scales = &alpha[group * kGroup];
      float* to = z + row * units + group * kGroup;
      if (rows == kRows) {
        TileOf<kRows>(count, words, shape.columns, mine.data(), theirs, scales,
                      units, last, to);
        continue;
      }
      for (int64_t i = 0; i < rows; ++i) {
        TileOf<1>(count, words, shape.columns, &mine[i * words], theirs, scales,
                  units, last, to + i * units);
      }
    }
  }
}

#endif  // __x86_64__

}  // namespace

bool SignProductIsFast() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512vpopcntdq") &&
         __builtin_cpu_supports("avx512f");
#else
  return false;
#endif
}

void SignProduct(Shape shape, int64_t units, const float* x, const float* y,
                 float* z) {
#ifdef __x86_64__
  if (SignProductIsFast()) return VectorSignProduct(shape, units, x, y, z);
#endif
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
