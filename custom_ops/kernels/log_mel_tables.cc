#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

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
  unit = 1 / (kPowerFactor * WindowEnergy(p.frame_length()));
  const int bins = p.n_fft / 2 + 1;
  // What there is to read: a vector of zeros is behind the last frequency.
  const int readable = p.n_fft / 2 + lanes;
  struct Interval {
    int first = 0;
    std::vector<double> rising, falling;
  };
  std::vector<Interval> found;
  int bin = 0;
  for (int i = 0; i <= p.n_mels; ++i) {
    const double low = HertzOf(lowest + i * step);
    const double high = HertzOf(lowest + (i + 1) * step);
    const auto hertz = [&p](int k) {
      return static_cast<double>(k) * p.sample_rate / p.n_fft;
    };
    while (bin < bins && hertz(bin) < low) ++bin;
    Interval interval;
    interval.first = bin;
    if (i == 0) first = bin;
    for (; bin < bins && hertz(bin) < high; ++bin) {
      const double weight = (hertz(bin) - low) / (high - low);
      interval.rising.push_back(weight * unit);
      interval.falling.push_back((1 - weight) * unit);
    }
    found.push_back(std::move(interval));
  }
  end = bin;
  found.resize((found.size() + kBlock - 1) / kBlock * kBlock);

  for (size_t i = 0; i < found.size(); i += kBlock) {
    Block block = {{}, 1};
    for (int j = 0; j < kBlock; ++j) {
      const int size = static_cast<int>(found[i + j].rising.size());
      block.vectors = std::max(block.vectors, (size + lanes - 1) / lanes);
    }
    const int width = block.vectors * lanes;
    for (int j = 0; j < kBlock; ++j) {
      Interval& interval = found[i + j];
      block.first[j] = std::min(interval.first, readable - width);
      for (auto* side : {&interval.rising, &interval.falling}) {
        side->insert(side->begin(), interval.first - block.first[j], 0.0);
        side->resize(width);
      }
    }
    for (int v = 0; v < block.vectors; ++v) {
      for (int j = 0; j < kBlock; ++j) {
        for (const auto* side : {&found[i + j].rising, &found[i + j].falling}) {
          for (int l = 0; l < lanes; ++l) {
            weights.Append((*side)[v * lanes + l]);
          }
        }
      }
    }
    blocks.push_back(block);
  }
  weights.Shrink();
}

template <typename T>
LogMelTables<T>::LogMelTables(const MelParameters& p, int l)
    : parameters(p), lanes(l), rfft(p.n_fft, p.folds, l), filters(p, l) {}

template <typename T>
size_t LogMelTables<T>::work_size(int frames) const {
  const size_t spectrum = parameters.n_fft + 2 * lanes;
  const size_t power = parameters.n_fft / 2 + 1 + lanes;
  return frames * ((spectrum + 15) / 16 * 16 + power + 2 * filters.intervals());
}

bool IsPrecise(float total, const float* mels, int n_mels, float floor) {
  constexpr float kLargestRatio = 4e6f;
  // Bits of powers, which are not negative, compare as they do, but faster.
  typedef int32_t Ints __attribute__((vector_size(16)));
  Ints least_bits = Ints{} + std::numeric_limits<int32_t>::max();
  const float* const end = mels + n_mels;
  for (; mels + 4 <= end; mels += 4) {
    Ints bits;
    std::memcpy(&bits, mels, sizeof(bits));
    least_bits = bits < least_bits ? bits : least_bits;
  }
  // What is no number is as large as they come here, and compares as false.
  float least = std::numeric_limits<float>::max();
  for (int i = 0; i < 4; ++i) {
    const int32_t lane = least_bits[i];
    float value;
    std::memcpy(&value, &lane, sizeof(value));
    least = std::min(least, value);
  }
  for (; mels < end; ++mels) least = std::min(least, *mels);
  return total <= std::max(least, floor) * kLargestRatio;
}

template struct MelFilters<float>;
template struct MelFilters<double>;
template struct LogMelTables<float>;
template struct LogMelTables<double>;

}  // namespace bifsmn
