// The order in which most kernels read weights.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_PACK_TILES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_PACK_TILES_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"

namespace bifsmn {

// [outputs][terms], as a model has them.
template <typename T>
struct WeightMatrix {
  const T* weights;
  int outputs;
  int terms;

  // 0 for an output or a term that is not there.
  T At(int output, int term) const {
    return output < outputs && term < terms
               ? weights[static_cast<size_t>(output) * terms + term]
               : T{0};
  }
};

// Writes the terms [begin, end), `lane_terms` at a time, and of those for each
// of the outputs [first, first + count) one after the other. Returns what lies
// behind; the last lane may be filled up with zeros.
template <typename T, typename Packed>
Packed* PackTile(const WeightMatrix<T>& matrix, int first, int count, int begin,
                 int end, int lane_terms, Packed* packed) {
  for (int lane = begin; lane < end; lane += lane_terms) {
    for (int o = first; o < first + count; ++o) {
      for (int k = lane; k < lane + lane_terms; ++k) {
        *packed++ = matrix.At(o, k);
      }
    }
  }
  return packed;
}

// Tiles of `tile_outputs` outputs with all of their terms, the last tile filled
// up with zeros.
template <typename T, typename Packed>
void PackTiles(const WeightMatrix<T>& matrix, int tile_outputs, int lane_terms,
               Packed* packed) {
  for (int tile = 0; tile < matrix.outputs; tile += tile_outputs) {
    packed = PackTile(matrix, tile, tile_outputs, 0, matrix.terms, lane_terms,
                      packed);
  }
}

// Of every word of a tile its `tile_outputs` outputs' lowest kBits bits, a byte
// each, then the next ones; output_at(lane) is the output of a lane.
template <int kBits, typename OutputAt>
void PackBytes(const WeightMatrix<Word>& matrix, int tile_outputs,
               const OutputAt& output_at, uint8_t* packed) {
  for (int tile = 0; tile < matrix.outputs; tile += tile_outputs) {
    for (int k = 0; k < matrix.terms; ++k) {
      for (int shift = 0; shift < kWordBits; shift += kBits) {
        for (int lane = 0; lane < tile_outputs; ++lane) {
          const int word = matrix.At(tile + output_at(lane), k);
          *packed++ = static_cast<uint8_t>(word >> shift & ((1 << kBits) - 1));
        }
      }
    }
  }
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_PACK_TILES_H_
