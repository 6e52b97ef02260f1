// The power in the mel bands of a frame, as a template over a type of vectors.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_FRAME_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_FRAME_H_

#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/rfft.h"

namespace bifsmn {
namespace {

template <typename Lanes>
typename Lanes::T MelFrame(const LogMelTables<typename Lanes::T>& tables,
                           const float* samples, typename Lanes::T* work,
                           typename Lanes::T* mels) {
  using T = typename Lanes::T;
  using V = typename Lanes::V;
  constexpr int kLanes = Lanes::kLanes;
  const MelParameters& p = tables.parameters;
  T* power = work + (p.n_fft + 2 * kLanes + 15) / 16 * 16;
  // Read with weights of 0.
  Lanes::Store(power + p.n_fft / 2 + 1, Lanes::Set(0));
  const T total = PowerSpectrum<Lanes>::Run(tables.rfft, samples, work, power);
  const T* weights = tables.filters.weights.data();
  T sum = 0;
  for (int i = 0; i <= p.n_mels; ++i) {
    const auto& interval = tables.filters.intervals[i];
    V rising = Lanes::Set(0);
    V falling = Lanes::Set(0);
    const T* at = power + interval.first;
    for (int v = 0; v < interval.vectors; ++v) {
      const V value = Lanes::Load(at);
      rising = Lanes::MulAdd(value, Lanes::Load(weights), rising);
      falling = Lanes::MulAdd(value, Lanes::Load(weights + kLanes), falling);
      at += kLanes;
      weights += 2 * kLanes;
    }
    if (i > 0) mels[i - 1] = sum + Lanes::Sum(falling);
    sum = Lanes::Sum(rising);
  }
  return total / static_cast<T>(WindowEnergy(p.n_fft));
}

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_FRAME_H_
