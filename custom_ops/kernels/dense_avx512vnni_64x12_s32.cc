// Values of 16 bits are taken apart into bytes: value = 256 * (high - 128) +
// low, where both are free of signs, as vpdpbusd wants one factor to be. Twelve
// outputs at a time, 64 inputs each, keep their weights at one byte.

#include "custom_ops/kernels/dense.h"

#ifdef __x86_64__

#include <algorithm>
#include <cstring>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/pack_tiles.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

constexpr int kTileOutputs = 12;
constexpr int kTileInputs = 64;

// What 128 * 256 adds to the sums of a tile.
struct Offsets {
  alignas(64) int32_t values[16];
};

size_t TileBytes(int inputs) {
  return sizeof(Offsets) + size_t{kTileOutputs} * RoundUp(inputs, kTileInputs);
}

size_t PackedBytes(int inputs, int outputs) {
  return CeilDiv(outputs, kTileOutputs) * TileBytes(inputs);
}

// The input, of 64, whose byte vpackuswb puts at a place: it takes eight of the
// first 32 and eight of the second in turn.
constexpr int InputAt(int place) {
  return place / 16 * 8 + place % 8 + (place % 16 < 8 ? 0 : 32);
}

void Pack(const int8_t* weights, int inputs, int outputs, void* packed) {
  const WeightMatrix<int8_t> matrix = {weights, outputs, inputs};
  auto* to = static_cast<int8_t*>(packed);
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    Offsets offsets = {};
    int8_t* products = to + sizeof(offsets);
    for (int block = 0; block < inputs; block += kTileInputs) {
      for (int o = tile; o < tile + kTileOutputs; ++o) {
        for (int place = 0; place < kTileInputs; ++place) {
          const int input = block + InputAt(place);
          const int8_t weight = matrix.At(o, input);
          offsets.values[o - tile] += 128 * 256 * weight;
          *products++ = weight;
        }
      }
    }
    std::memcpy(to, &offsets, sizeof(offsets));
    to += TileBytes(inputs);
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

namespace bifsmn {
namespace {

// The sums of four outputs; not an array, which gcc keeps in memory.
struct Four {
  __m512i a, b, c, d;
};

BIFSMN_INLINE Four Zeros() {
  const __m512i zero = _mm512_setzero_si512();
  return {zero, zero, zero, zero};
}

// _mm512_dpbusd_epi32, for which gcc 12 copies and stores every sum.
BIFSMN_INLINE void AddProducts(__m512i bytes, const int8_t* weights,
                               __m512i* sums) {
  asm("vpdpbusd %[weights], %[bytes], %[sums]"
      : [sums] "+v"(*sums)
      : [bytes] "v"(bytes), [weights] "m"(
                                *reinterpret_cast<const __m512i*>(weights)));
}

BIFSMN_INLINE void AddProducts(__m512i bytes, const int8_t* weights,
                               Four* sums) {
  AddProducts(bytes, weights, &sums->a);
  AddProducts(bytes, weights + kTileInputs, &sums->b);
  AddProducts(bytes, weights + 2 * kTileInputs, &sums->c);
  AddProducts(bytes, weights + 3 * kTileInputs, &sums->d);
}

// low + 256 * high
BIFSMN_INLINE __m512i Join(__m512i low, __m512i high) {
  return _mm512_add_epi32(low, _mm512_slli_epi32(high, 8));
}

// What the lanes add up to, of a, b, c and d.
BIFSMN_INLINE __m128i AddLanes(const Four& lows, const Four& highs) {
  const __m512i a = Join(lows.a, highs.a);
  const __m512i b = Join(lows.b, highs.b);
  const __m512i c = Join(lows.c, highs.c);
  const __m512i d = Join(lows.d, highs.d);
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b),
                                      _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d),
                                      _mm512_unpackhi_epi32(c, d));
  const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd),
                                        _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd),
                                        _mm512_extracti64x4_epi64(abcd, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half),
                       _mm256_extracti128_si256(half, 1));
}

// Stores those of four sums that there are.
BIFSMN_INLINE void Store(__m128i sums, __m128i offsets, int left, int32_t* to) {
  if (left <= 0) return;
  _mm_mask_storeu_epi32(
      to, static_cast<__mmask8>(left >= 4 ? 0xf : (1 << left) - 1),
      _mm_sub_epi32(sums, offsets));
}

// 32 values, or those that there are and zeros.
BIFSMN_INLINE __m512i Load(const int16_t* values, int left) {
  if (left >= 32) return _mm512_loadu_si512(values);
  if (left <= 0) return _mm512_setzero_si512();
  return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1u << left) - 1),
                                  values);
}

void Run(const int16_t* values, const void* packed, int inputs, int outputs,
         int32_t* sums) {
  const __m512i low_byte = _mm512_set1_epi16(0xff);
  const __m512i sign_bits = _mm512_set1_epi8(-128);
  const auto* weights = static_cast<const int8_t*>(packed);
  for (int tile = 0; tile < outputs; tile += kTileOutputs) {
    const int8_t* offsets = weights;
    weights += sizeof(Offsets);
    Four lows0 = Zeros(), lows4 = Zeros(), lows8 = Zeros();
    Four highs0 = Zeros(), highs4 = Zeros(), highs8 = Zeros();
    for (int i = 0; i < inputs; i += kTileInputs) {
      const __m512i a = Load(values + i, inputs - i);
      const __m512i b = Load(values + i + 32, inputs - i - 32);
      const __m512i low = _mm512_packus_epi16(_mm512_and_si512(a, low_byte),
                                              _mm512_and_si512(b, low_byte));
      const __m512i high = _mm512_xor_si512(
          sign_bits, _mm512_packus_epi16(_mm512_srli_epi16(a, 8),
                                         _mm512_srli_epi16(b, 8)));
      AddProducts(low, weights, &lows0);
      AddProducts(high, weights, &highs0);
      AddProducts(low, weights + 4 * kTileInputs, &lows4);
      AddProducts(high, weights + 4 * kTileInputs, &highs4);
      AddProducts(low, weights + 8 * kTileInputs, &lows8);
      AddProducts(high, weights + 8 * kTileInputs, &highs8);
      weights += kTileOutputs * kTileInputs;
    }
    const auto* offset = reinterpret_cast<const __m128i*>(offsets);
    int32_t* to = sums + tile;
    const int left = outputs - tile;
    Store(AddLanes(lows0, highs0), offset[0], left, to);
    Store(AddLanes(lows4, highs4), offset[1], left - 4, to + 4);
    Store(AddLanes(lows8, highs8), offset[2], left - 8, to + 8);
  }
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {

const DenseKernel kDenseAvx512Vnni64x12S32 = {
    "dense_avx512vnni_64x12_s32", HasAvx512Vnni, PackedBytes, Pack, Run,
};

}  // namespace bifsmn

#endif  // __x86_64__
