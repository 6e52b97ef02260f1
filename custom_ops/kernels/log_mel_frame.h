// The power in the mel bands of a frame, as a template over a type of vectors.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_FRAME_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_FRAME_H_

#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/rfft.h"

namespace bifsmn {
namespace {

// The power on the rising and on the falling side of every band.
template <typename Lanes>
BIFSMN_INLINE void SumSides(const MelFilters<typename Lanes::T>& filters,
                            const typename Lanes::T* power,
                            typename Lanes::T* rises,
                            typename Lanes::T* falls) {
  using T = typename Lanes::T;
  using V = typename Lanes::V;
  constexpr int kLanes = Lanes::kLanes;
  constexpr int kBlock = MelFilters<T>::kBlock;
  const T* weights = filters.weights.data();
  int interval = 0;
  for (const auto& block : filters.blocks) {
    V rising[kBlock], falling[kBlock];
    const T* at[kBlock];
    for (int i = 0; i < kBlock; ++i) {
      const V value = Lanes::Load(power + block.first[i]);
      rising[i] = value * Lanes::Load(weights);
      falling[i] = value * Lanes::Load(weights + kLanes);
      weights += 2 * kLanes;
      at[i] = power + block.first[i];
    }
    for (int v = 1; v < block.vectors; ++v) {
      for (int i = 0; i < kBlock; ++i) {
        at[i] += kLanes;
        const V value = Lanes::Load(at[i]);
        rising[i] = Lanes::MulAdd(value, Lanes::Load(weights), rising[i]);
        falling[i] =
            Lanes::MulAdd(value, Lanes::Load(weights + kLanes), falling[i]);
        weights += 2 * kLanes;
      }
    }
    static_assert(kBlock == 4);
    Lanes::StoreFourSums(rising, rises + interval);
    Lanes::StoreFourSums(falling, falls + interval);
    interval += kBlock;
  }
}

// The bands of their sides, and the power at all frequencies together.
template <typename Lanes>
BIFSMN_INLINE typename Lanes::T JoinSides(
    const LogMelTables<typename Lanes::T>& tables,
    const typename Lanes::T* power, const typename Lanes::T* rises,
    const typename Lanes::T* falls, typename Lanes::T* mels) {
  using T = typename Lanes::T;
  using V = typename Lanes::V;
  constexpr int kLanes = Lanes::kLanes;
  constexpr int kBlock = MelFilters<T>::kBlock;
  const MelParameters& p = tables.parameters;
  // A frequency's weights on both sides add up to 1.
  T total = falls[0] + rises[p.n_mels];
  V totals = Lanes::Set(0);
  int m = 0;
  for (; m + kBlock * kLanes <= p.n_mels; m += kBlock * kLanes) {
    V sums[kBlock];
    for (int i = 0; i < kBlock; ++i) {
      sums[i] = Lanes::Load(rises + m + i * kLanes) +
                Lanes::Load(falls + m + i * kLanes + 1);
    }
    for (int i = 0; i < kBlock; ++i) {
      Lanes::Store(mels + m + i * kLanes, sums[i]);
      totals += sums[i];
    }
  }
  for (; m < p.n_mels; ++m) {
    mels[m] = rises[m] + falls[m + 1];
    total += mels[m];
  }
  T outside = 0;
  for (int k = 0; k < tables.filters.first; ++k) outside += power[k];
  for (int k = tables.filters.end; k <= p.n_fft / 2; ++k) outside += power[k];
  return total + Lanes::Sum(totals) +
         outside * static_cast<T>(tables.filters.unit);
}

template <typename Lanes, auto kSumSides = SumSides<Lanes>>
typename Lanes::T MelFrame(const LogMelTables<typename Lanes::T>& tables,
                           const float* samples, typename Lanes::T* work,
                           typename Lanes::T* mels) {
  using T = typename Lanes::T;
  constexpr int kLanes = Lanes::kLanes;
  const MelParameters& p = tables.parameters;
  T* power = work + (p.n_fft + 2 * kLanes + 15) / 16 * 16;
  // Read with weights of 0.
  Lanes::Store(power + p.n_fft / 2 + 1, Lanes::Set(0));
  PowerSpectrum<OneFrame<Lanes>>::Run(tables.rfft, samples, work, power);
  T* rises = power + p.n_fft / 2 + 1 + kLanes;
  T* falls = rises + tables.filters.intervals();
  kSumSides(tables.filters, power, rises, falls);
  return JoinSides<Lanes>(tables, power, rises, falls, mels);
}

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_FRAME_H_
