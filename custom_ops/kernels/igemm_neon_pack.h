// The order in which igemm_neon_4x4_s32 reads weights.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_IGEMM_NEON_PACK_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_IGEMM_NEON_PACK_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/igemm.h"

namespace bifsmn::igemm_neon {

// Outputs of a tile.
constexpr int kTile = 4;

constexpr int kBlockTerms = 16;
static_assert(kBlockTerms == kIgemmTermStep);

// A tile's header has its numbers of pairs and single blocks, then where the
// terms of each of its blocks begin in a patch, pairs first, and zeros, of the
// blocks that are loaded behind the last one.
constexpr int kCounts = 2;

constexpr size_t HeaderBytes(int blocks) {
  return sizeof(int32_t) * RoundUp(kCounts + blocks + 2, 4);
}

constexpr size_t TileBytes(int blocks) {
  return HeaderBytes(blocks) + size_t{1} * blocks * kBlockTerms * kTile;
}

size_t PackedBytes(int outputs, int terms);

// After a tile's header, of each pair or single block, for each output its
// weights: 16 of the first block and 16 of the second one.
void Pack(const int8_t* weights, int outputs, int terms, void* packed);

}  // namespace bifsmn::igemm_neon

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_IGEMM_NEON_PACK_H_
