#include <algorithm>
#include <cmath>

#include "custom_ops/kernels/log_mel.h"

namespace bifsmn {
namespace {

double MelOf(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double HertzOf(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

}  // namespace

template <typename T>
MelFilters<T>::MelFilters(const MelParameters& p, int lanes) {
  const double lowest = MelOf(p.f_min);
  const double step = (MelOf(p.f_max) - lowest) / (p.n_mels + 1);
  const double window_energy = WindowEnergy(p.n_fft);
  const int bins = p.n_fft / 2 + 1;
  int bin = 0;
  for (int i = 0; i <= p.n_mels; ++i) {
    const double low = HertzOf(lowest + i * step);
    const double high = HertzOf(lowest + (i + 1) * step);
    const auto hertz = [&p](int k) {
      return static_cast<double>(k) * p.sample_rate / p.n_fft;
    };
    while (bin < bins && hertz(bin) < low) ++bin;
    Interval interval = {bin, 0};
    std::vector<double> rising, falling;
    for (; bin < bins && hertz(bin) < high; ++bin) {
      const double weight = (hertz(bin) - low) / (high - low);
      rising.push_back(weight / window_energy);
      falling.push_back((1 - weight) / window_energy);
    }
    interval.vectors = (static_cast<int>(rising.size()) + lanes - 1) / lanes;
    rising.resize(interval.vectors * lanes);
    falling.resize(interval.vectors * lanes);
    for (int v = 0; v < interval.vectors; ++v) {
      for (const auto& side : {rising, falling}) {
        for (int l = 0; l < lanes; ++l) weights.Append(side[v * lanes + l]);
      }
    }
    intervals.push_back(interval);
  }
}

template <typename T>
LogMelTables<T>::LogMelTables(const MelParameters& p, int l)
    : parameters(p), lanes(l), rfft(p.n_fft, l), filters(p, l) {}

template <typename T>
size_t LogMelTables<T>::work_size() const {
  const size_t spectrum = parameters.n_fft + 2 * lanes;
  const size_t power = parameters.n_fft / 2 + 1 + lanes;
  return (spectrum + 15) / 16 * 16 + power;
}

bool IsPrecise(float total, const float* mels, int n_mels, float floor) {
  constexpr float kLargestRatio = 4e6f;
  const float least = *std::min_element(mels, mels + n_mels);
  return total <= std::max(least, floor) * kLargestRatio;
}

template struct MelFilters<float>;
template struct MelFilters<double>;
template struct LogMelTables<float>;
template struct LogMelTables<double>;

}  // namespace bifsmn
