// What the NEON kernels share.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_NEON_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_NEON_H_

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "custom_ops/kernels/bits.h"

// A tile's vectors stay in registers only where everything is inlined.
#define BIFSMN_INLINE inline __attribute__((always_inline))
#define BIFSMN_INLINE_LAMBDA __attribute__((always_inline))
#ifdef __clang__
#define BIFSMN_UNROLL _Pragma("unroll")
#else
#define BIFSMN_UNROLL _Pragma("GCC unroll 16")
#endif

namespace bifsmn {

// Eight bytes by way of a general register: an in-order core loads that one
// beside a vector operation, but none of its vector registers.
BIFSMN_INLINE uint64_t LoadBeside(const void* bytes) {
  uint64_t value;
  std::memcpy(&value, bytes, sizeof(value));
  asm("" : "+r"(value));
  return value;
}

BIFSMN_INLINE int16x8_t LoadBeside8(const int16_t* values) {
  return vcombine_s16(vcreate_s16(LoadBeside(values)),
                      vcreate_s16(LoadBeside(values + 4)));
}

// Or by two vector loads of 64 bits, which take less of its time than one of
// 128.
BIFSMN_INLINE int16x8_t LoadByHalves(const int16_t* values) {
  return vcombine_s16(vld1_s16(values), vld1_s16(values + 4));
}

// Moves to the next row in a way that the compiler cannot look through: it
// would keep a register for each of them, and spill most.
template <typename T>
BIFSMN_INLINE void NextRow(ptrdiff_t stride, T*& row) {
  row += stride;
  asm("" : "+r"(row));
}

// Word i of the result has the bits of masks[i], whose bytes are 0 or 255.
BIFSMN_INLINE uint16x8_t PackMasks(const uint8x16_t masks[8]) {
  const uint8x16_t places =
      vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
  uint8x16_t sums[8];
  for (int i = 0; i < 8; ++i) sums[i] = vandq_u8(masks[i], places);
  for (int count = 4; count > 0; count /= 2) {
    for (int i = 0; i < count; ++i) {
      sums[i] = vpaddq_u8(sums[2 * i], sums[2 * i + 1]);
    }
  }
  return vreinterpretq_u16_u8(sums[0]);
}

// CountBelow of levels.h, of eight words.
BIFSMN_INLINE uint16x8x2_t CountBelowEight(uint16x8_t first, uint16x8_t second,
                                           uint16x8_t third) {
  const uint16x8_t odd = veorq_u16(first, second);
  return {{vbslq_u16(odd, third, first), veorq_u16(odd, third)}};
}

// Writes the first `count` of eight words: lane i to bits[i * stride].
BIFSMN_INLINE void StoreWords(uint16x8_t words, int count, ptrdiff_t stride,
                              Word* bits) {
  if (count == 8) {
    vst1q_lane_u16(bits, words, 0);
    vst1q_lane_u16(bits += stride, words, 1);
    vst1q_lane_u16(bits += stride, words, 2);
    vst1q_lane_u16(bits += stride, words, 3);
    vst1q_lane_u16(bits += stride, words, 4);
    vst1q_lane_u16(bits += stride, words, 5);
    vst1q_lane_u16(bits += stride, words, 6);
    vst1q_lane_u16(bits += stride, words, 7);
    return;
  }
  if (count == 4) {
    vst1q_lane_u16(bits, words, 0);
    vst1q_lane_u16(bits += stride, words, 1);
    vst1q_lane_u16(bits += stride, words, 2);
    vst1q_lane_u16(bits += stride, words, 3);
    return;
  }
  Word all[8];
  vst1q_u16(all, words);
  for (int i = 0; i < count; ++i) bits[i * stride] = all[i];
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_NEON_H_
