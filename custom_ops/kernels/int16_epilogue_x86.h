// What becomes of dots while they are in registers, as templates over a type of
// vectors: int16_lanes_avx2.h or int16_lanes_avx512.h.
//
// An epilogue makes its Columns once for a tile's channels, and then takes one
// row of them after the other.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_INT16_EPILOGUE_X86_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_INT16_EPILOGUE_X86_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

// Stores what there is in rows that are whole words long.
template <typename Lanes, typename T>
class StoreRows {
 public:
  StoreRows(int channels, T* rows)
      : row_stride_(RoundUp(channels, kWordBits)), rows_(rows) {}

  struct Columns {
    template <typename Place>
    BIFSMN_INLINE Columns(const StoreRows& epilogue, const Place& place)
        : rows(epilogue.rows_ + place.first), stride(epilogue.row_stride_) {}

    T* rows;
    ptrdiff_t stride;
  };

  template <typename Place>
  BIFSMN_INLINE void Take(const Columns& columns, const Place& place,
                          typename Lanes::V lanes) const {
    Lanes::StoreWords(lanes, place, columns.rows + place.row * columns.stride);
  }

 private:
  const int row_stride_;
  T* const rows_;
};

// The 16-bit residual (int16_residual.h), added to one, which with kMayStart
// may be null; and, unless `bits` is null, its signs.
template <typename Lanes, bool kMayStart>
class AddToResidual {
  using V = typename Lanes::V;

 public:
  AddToResidual(int channels, const Int16Residual& parameters,
                const int16_t* residual, int16_t* result, Word* bits)
      : channels_(channels),
        row_words_(WordsFor(channels)),
        parameters_(parameters),
        residual_(residual),
        result_(result),
        bits_(bits) {}

  // The parameters of a tile's channels.
  struct Columns {
    template <typename Place>
    BIFSMN_INLINE Columns(const AddToResidual& epilogue, const Place& place)
        : scale(Lanes::Load(epilogue.parameters_.scale + place.first, place)),
          offset(Lanes::Load(epilogue.parameters_.offset + place.first, place)),
          slope(Lanes::Load(epilogue.parameters_.slope + place.first, place)),
          threshold(
              Lanes::Load(epilogue.parameters_.threshold + place.first, place)),
          bits(epilogue.bits_ == nullptr
                   ? nullptr
                   : epilogue.bits_ + place.first / kWordBits),
          row_words(epilogue.row_words_) {}

    V scale;
    V offset;
    V slope;
    V threshold;
    Word* bits;
    ptrdiff_t row_words;
  };

  // Takes dot << shift.
  template <typename Place>
  BIFSMN_INLINE void Take(const Columns& columns, const Place& place,
                          V shifted) const {
    const V u = Lanes::AddSaturated(Lanes::MultiplyHigh(shifted, columns.scale),
                                    columns.offset);
    const V below = Lanes::Min(u, Lanes::Set(0));
    V y = Lanes::AddSaturated(u, Lanes::MultiplyHigh(below, columns.slope));
    const ptrdiff_t at =
        static_cast<ptrdiff_t>(place.row) * channels_ + place.first;
    if (!kMayStart || residual_ != nullptr) {
      y = Lanes::AddSaturated(Lanes::Load(residual_ + at, place), y);
    }
    Lanes::Store(y, place, result_ + at);
    if (columns.bits != nullptr) {
      Lanes::StoreBits(Lanes::Below(y, columns.threshold, place), place,
                       columns.bits + place.row * columns.row_words);
    }
  }

 private:
  const int channels_;
  const int row_words_;
  const Int16Residual parameters_;
  const int16_t* const residual_;
  int16_t* const result_;
  Word* const bits_;
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_INT16_EPILOGUE_X86_H_
