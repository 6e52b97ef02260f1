// What the x86-64 kernels make of disagreements while these are in registers,
// as templates over a type of vectors: int16_lanes_avx2.h or
// int16_lanes_avx512.h.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_X86_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_X86_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/int16_epilogue_x86.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

template <typename Lanes>
class StoreThresholdBits {
  using V = typename Lanes::V;

 public:
  StoreThresholdBits(const Bgemm& gemm, const BgemmThresholds& thresholds,
                     Word* bits)
      : row_stride_(BgemmRowStride(gemm.outputs)),
        row_words_(WordsFor(gemm.outputs)),
        thresholds_(thresholds),
        bits_(bits) {}

  struct Columns {
    template <typename Place>
    BIFSMN_INLINE Columns(const StoreThresholdBits& epilogue,
                          const Place& place)
        : limits(epilogue.thresholds_.limits + place.first),
          first_limits(Lanes::LoadWords(limits, place)),
          flips(Lanes::LoadBits(
              epilogue.thresholds_.flips + place.first / kWordBits, place)) {}

    const uint16_t* limits;
    V first_limits;
    typename Lanes::Bits flips;
  };

  template <typename Place>
  BIFSMN_INLINE void Take(const Columns& columns, const Place& place,
                          V counts) const {
    V limits = columns.first_limits;
    if (thresholds_.patterns != nullptr) {
      limits = Lanes::LoadWords(
          columns.limits +
              static_cast<ptrdiff_t>(thresholds_.patterns[place.row]) *
                  row_stride_,
          place);
    }
    const typename Lanes::Bits reached = Lanes::Reached(counts, limits, place);
    Lanes::StoreBits(reached ^ columns.flips, place,
                     bits_ + static_cast<ptrdiff_t>(place.row) * row_words_ +
                         place.first / kWordBits);
  }

 private:
  const int row_stride_;
  const int row_words_;
  const BgemmThresholds thresholds_;
  Word* const bits_;
};

template <typename Lanes>
class AddDisagreements {
  using V = typename Lanes::V;

 public:
  AddDisagreements(const Bgemm& gemm, int base, const Int16Residual& parameters,
                   const int16_t* residual, int16_t* result, Word* bits)
      : base_(Lanes::Set(base * (1 << parameters.shift))),
        shift_(parameters.shift + 1),
        adds_(gemm.outputs, parameters, residual, result, bits) {}

  struct Columns {
    template <typename Place>
    BIFSMN_INLINE Columns(const AddDisagreements& epilogue, const Place& place)
        : parameters(epilogue.adds_, place) {}

    typename AddToResidual<Lanes, true>::Columns parameters;
  };

  template <typename Place>
  BIFSMN_INLINE void Take(const Columns& columns, const Place& place,
                          V counts) const {
    adds_.Take(columns.parameters, place,
               Lanes::Subtract(base_, Lanes::ShiftLeft(counts, shift_)));
  }

 private:
  const V base_;
  const int shift_;
  const AddToResidual<Lanes, true> adds_;
};

// A kernel out of Tiles::Run(gemm, epilogue), which gives the epilogue the
// disagreements of every pixel.
template <typename Lanes, typename Tiles>
struct X86Bgemm {
  static void Count(const Bgemm& gemm, uint16_t* disagreements) {
    Tiles::Run(gemm, StoreRows<Lanes, uint16_t>(gemm.outputs, disagreements));
  }

  static void Threshold(const Bgemm& gemm, const BgemmThresholds& thresholds,
                        Word* bits) {
    Tiles::Run(gemm, StoreThresholdBits<Lanes>(gemm, thresholds, bits));
  }

  static void Add(const Bgemm& gemm, int base, const Int16Residual& parameters,
                  const int16_t* residual, int16_t* result, Word* bits) {
    Tiles::Run(gemm, AddDisagreements<Lanes>(gemm, base, parameters, residual,
                                             result, bits));
  }
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_BGEMM_X86_H_
