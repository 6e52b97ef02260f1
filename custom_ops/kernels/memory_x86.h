// The memory block for x86-64, as a template over a type of vectors:
// int16_lanes_avx2.h or int16_lanes_avx512.h.
//
// Taps are added up as bits, by a carry-save adder over 128 channels. Then the
// bits of a vector's sums are spread over its lanes. Steps are the inner loop,
// so that the parameters of a channel are loaded once for eight.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_X86_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_X86_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/int16_epilogue_x86.h"
#include "custom_ops/kernels/memory.h"
#include "custom_ops/kernels/memory_taps.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

template <typename Lanes>
class X86Memory {
  using V = typename Lanes::V;

 public:
  static void Dot(const Word* bits, const Word* weights,
                  const MemoryGeometry& geometry, int first, int last,
                  int16_t* dots) {
    Run({bits, weights, geometry}, first, last, 0,
        StoreRows<Lanes, int16_t>(geometry.channels, dots));
  }

  static void Add(const Word* bits, const Word* weights,
                  const MemoryGeometry& geometry, int first,
                  const Int16Residual& parameters, const int16_t* residual,
                  int16_t* result, Word* signs) {
    Run({bits, weights, geometry}, first, geometry.steps, parameters.shift,
        AddToResidual<Lanes, false>(geometry.channels, parameters, residual,
                                    result, signs));
  }

 private:
  static constexpr int kTileSteps = 8;

  // Words whose taps are added at a time.
  static constexpr int kChunkWords = 8;
  static constexpr int kChunkChannels = kChunkWords * kWordBits;
  static constexpr int kChunkVectors = kChunkChannels / Lanes::kLanes;

  // Bits of a sum of up to 7 taps, and of any.
  static constexpr int kFewPlanes = 3;
  static constexpr int kManyPlanes = 14;

  // The disagreements of a chunk of channels at one step.
  template <int kPlanes>
  struct Sums {
    int taps;
    // Bit b of every sum.
    alignas(16)
        typename Lanes::Bits planes[kPlanes][kChunkChannels / Lanes::kLanes];
  };

  struct Sequence {
    const Word* bits;
    const Word* weights;
    const MemoryGeometry& geometry;
  };

  template <int kPlanes>
  static BIFSMN_INLINE void AddTaps(const Sequence& sequence,
                                    const MemoryTaps& taps, int word,
                                    Sums<kPlanes>* sums) {
    const MemoryGeometry& g = sequence.geometry;
    const ptrdiff_t words = WordsFor(g.channels);
    const ptrdiff_t left = words - word;
    const ptrdiff_t back = words * g.stride_back;
    const ptrdiff_t ahead = words * g.stride_ahead;
    const int look_back = g.look_back;
    const Word* seen = sequence.bits + taps.Source(taps.begin()) * words + word;
    const Word* weight = sequence.weights + taps.begin() * words + word;
    __m128i planes[kPlanes];
    BIFSMN_UNROLL(16)
    for (int b = 0; b < kPlanes; ++b) planes[b] = _mm_setzero_si128();
    for (int tap = taps.begin(); tap < taps.end(); ++tap) {
      __m128i carry = _mm_xor_si128(Lanes::LoadEightWords(seen, left),
                                    Lanes::LoadEightWords(weight, left));
      BIFSMN_UNROLL(16)
      for (int b = 0; b < kPlanes; ++b) {
        const __m128i sum = _mm_xor_si128(planes[b], carry);
        carry = _mm_and_si128(planes[b], carry);
        planes[b] = sum;
      }
      seen += tap < look_back ? back : ahead;
      weight += words;
    }
    sums->taps = taps.count();
    BIFSMN_UNROLL(16)
    for (int b = 0; b < kPlanes; ++b) {
      _mm_store_si128(reinterpret_cast<__m128i*>(sums->planes[b]), planes[b]);
    }
  }

  // (taps - 2 * sum) << shift of the channels of a plane's vector.
  template <int kPlanes>
  static BIFSMN_INLINE V ShiftedDots(const Sums<kPlanes>& sums, int vector,
                                     int shift,
                                     const typename Lanes::Spread& spread) {
    V dots = Lanes::Set(sums.taps << shift);
    BIFSMN_UNROLL(16)
    for (int b = 0; b < kPlanes; ++b) {
      dots = spread.SubtractWhere(sums.planes[b][vector], dots,
                                  Lanes::Set(2 << b << shift));
    }
    return dots;
  }

  // Gives the epilogue `steps` steps of a vector's channels.
  template <int kPlanes, typename Epilogue, typename Place>
  static BIFSMN_INLINE void TakeTile(const Sums<kPlanes>* sums, int steps,
                                     int vector, int shift,
                                     const Epilogue& epilogue, Place place) {
    const typename Epilogue::Columns columns(epilogue, place);
    const typename Lanes::Spread spread;
    for (int i = 0; i < steps; ++i, ++place.row) {
      epilogue.Take(columns, place,
                    ShiftedDots(sums[i], vector, shift, spread));
    }
  }

  // Rows of the epilogue begin with step `first`.
  template <int kPlanes, typename Epilogue>
  static void ForEachTile(const Sequence& sequence, int first, int last,
                          int shift, const Epilogue& epilogue) {
    const int channels = sequence.geometry.channels;
    Sums<kPlanes> sums[kTileSteps];
    for (int block = first; block < last; block += kTileSteps) {
      const int steps = last - block < kTileSteps ? last - block : kTileSteps;
      const int row = block - first;
      for (int chunk = 0; chunk < channels; chunk += kChunkChannels) {
        MemoryTaps taps(sequence.geometry, block);
        for (int i = 0; i < steps; ++i, taps.Next()) {
          AddTaps(sequence, taps, chunk / kWordBits, &sums[i]);
        }
        int channel = chunk;
        for (int vector = 0; vector < kChunkVectors; ++vector) {
          const int left = channels - channel;
          if (left <= 0) break;
          if constexpr (Lanes::kMasked) {
            if (left < Lanes::kLanes) {
              TakeTile(
                  sums, steps, vector, shift, epilogue,
                  typename Lanes::template Place<false>{row, channel, left});
              break;
            }
          }
          TakeTile(sums, steps, vector, shift, epilogue,
                   typename Lanes::template Place<true>{row, channel});
          channel += Lanes::kLanes;
        }
      }
    }
  }

  template <typename Epilogue>
  static void Run(const Sequence& sequence, int first, int last, int shift,
                  const Epilogue& epilogue) {
    if (sequence.geometry.taps() < 1 << kFewPlanes) {
      ForEachTile<kFewPlanes>(sequence, first, last, shift, epilogue);
    } else {
      ForEachTile<kManyPlanes>(sequence, first, last, shift, epilogue);
    }
  }
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_MEMORY_X86_H_
