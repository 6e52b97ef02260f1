#ifdef __x86_64__

#include <immintrin.h>

#include <algorithm>
#include <cmath>

#include "custom_ops/training/sign_product_words.h"

namespace bifsmn::training {
namespace {

#define BIFSMN_AVX2 __attribute__((target("avx2")))

constexpr int64_t kLanes = 8;
constexpr int64_t kHalves = kGroup / kLanes;

// Words whose bits a byte can count, 8 of each.
constexpr int64_t kWordsOfByte = 31;

BIFSMN_AVX2 void PackRow(int64_t columns, const float* x, uint32_t* words) {
  std::fill(words, words + WordsOf(columns), 0);
  int64_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    const auto bits =
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_loadu_ps(x + i)));
    words[i / kWordBits] |= bits << i % kWordBits;
  }
  for (; i < columns; ++i) {
    words[i / kWordBits] |= static_cast<uint32_t>(std::signbit(x[i]))
                            << i % kWordBits;
  }
}

// The number of ones in each byte, by that in each half of it.
BIFSMN_AVX2 inline __m256i CountBytes(__m256i bits) {
  const __m256i ones =
      _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                       0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i half = _mm256_set1_epi8(0x0f);
  const __m256i low = _mm256_and_si256(bits, half);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), half);
  return _mm256_add_epi8(_mm256_shuffle_epi8(ones, low),
                         _mm256_shuffle_epi8(ones, high));
}

BIFSMN_AVX2 inline __m256i SumOfBytes(__m256i bytes) {
  const __m256i pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

BIFSMN_AVX2 inline void StoreFirst(float* to, __m256 values, int64_t count) {
  if (count >= kLanes) return _mm256_storeu_ps(to, values);
  const __m256i there =
      _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                         _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_maskstore_ps(to, there, values);
}

// A group's columns: 8 counters are in registers at a time.
template <int Rows>
BIFSMN_AVX2 void Group(const SignTile& tile, const uint32_t* y,
                       const float* alpha, int64_t count, float* z) {
  __m256i sums[Rows][kHalves];
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
    sums[row][0] = sums[row][1] = _mm256_setzero_si256();
  }
  for (int64_t begin = 0; begin < tile.words; begin += kWordsOfByte) {
    const int64_t end = std::min(begin + kWordsOfByte, tile.words);
    __m256i bytes[Rows][kHalves];
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      bytes[row][0] = bytes[row][1] = _mm256_setzero_si256();
    }
    for (int64_t word = begin; word < end; ++word) {
      const auto* theirs = reinterpret_cast<const __m256i*>(y + word * kGroup);
      const __m256i first = _mm256_loadu_si256(theirs);
      const __m256i second = _mm256_loadu_si256(theirs + 1);
#pragma GCC unroll 4
      for (int row = 0; row < Rows; ++row) {
        const __m256i mine = _mm256_set1_epi32(
            static_cast<int>(tile.x[row * tile.words + word]));
        bytes[row][0] = _mm256_add_epi8(
            bytes[row][0], CountBytes(_mm256_xor_si256(mine, first)));
        bytes[row][1] = _mm256_add_epi8(
            bytes[row][1], CountBytes(_mm256_xor_si256(mine, second)));
      }
    }
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 2
      for (int half = 0; half < kHalves; ++half) {
        sums[row][half] =
            _mm256_add_epi32(sums[row][half], SumOfBytes(bytes[row][half]));
      }
    }
  }
  const __m256i all = _mm256_set1_epi32(static_cast<int>(tile.columns));
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 2
    for (int half = 0; half < kHalves; ++half) {
      const __m256i dot =
          _mm256_sub_epi32(all, _mm256_slli_epi32(sums[row][half], 1));
      StoreFirst(z + row * tile.units + half * kLanes,
                 _mm256_mul_ps(_mm256_cvtepi32_ps(dot),
                               _mm256_loadu_ps(alpha + half * kLanes)),
                 count - half * kLanes);
    }
  }
}

template <int Rows>
BIFSMN_AVX2 void Tile(const SignTile& tile) {
  for (int64_t first = 0; first < tile.count; first += kGroup) {
    Group<Rows>(tile, tile.y + first * tile.words, tile.alpha + first,
                std::min(kGroup, tile.count - first), tile.z + first);
  }
}

}  // namespace

const SignKernel kSignsAvx2{PackRow, Tile<kTileRows>, Tile<1>};

}  // namespace bifsmn::training

#endif  // __x86_64__
