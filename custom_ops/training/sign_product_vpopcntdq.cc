#ifdef __x86_64__

#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/training/sign_product_words.h"

namespace bifsmn::training {
namespace {

#define BIFSMN_VPOPCNTDQ __attribute__((target("avx512f,avx512vpopcntdq")))

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
BIFSMN_VPOPCNTDQ void Tile(const SignTile& tile, int64_t last) {
  const int64_t words = tile.words;
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
      theirs[group] =
          _mm512_loadu_si512(tile.y + (group * words + word) * kGroup);
    }
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const __m512i mine =
          _mm512_set1_epi32(static_cast<int>(tile.x[row * words + word]));
#pragma GCC unroll 4
      for (int group = 0; group < Groups; ++group) {
        counts[row][group] = _mm512_add_epi32(
            counts[row][group],
            _mm512_popcnt_epi32(_mm512_xor_si512(mine, theirs[group])));
      }
    }
  }
  const __m512i all = _mm512_set1_epi32(static_cast<int>(tile.columns));
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 4
    for (int group = 0; group < Groups; ++group) {
      const __m512i dot =
          _mm512_sub_epi32(all, _mm512_slli_epi32(counts[row][group], 1));
      const __m512 scaled =
          _mm512_mul_ps(_mm512_cvtepi32_ps(dot),
                        _mm512_loadu_ps(tile.alpha + group * kGroup));
      const int64_t there = group + 1 < Groups ? kGroup : last;
      _mm512_mask_storeu_ps(tile.z + row * tile.units + group * kGroup,
                            static_cast<__mmask16>((1 << there) - 1), scaled);
    }
  }
}

template <int Rows>
BIFSMN_VPOPCNTDQ void TileOf(const SignTile& t) {
  const int64_t groups = (t.count + kGroup - 1) / kGroup;
  const int64_t last = t.count - (groups - 1) * kGroup;
  switch (groups) {
    case 1:
      return Tile<Rows, 1>(t, last);
    case 2:
      return Tile<Rows, 2>(t, last);
    case 3:
      return Tile<Rows, 3>(t, last);
    default:
      return Tile<Rows, 4>(t, last);
  }
}

}  // namespace

const SignKernel kSignsVpopcntdq{PackRow, TileOf<kTileRows>, TileOf<1>};

}  // namespace bifsmn::training

#endif  // __x86_64__
