// Mel bands: from the samples of a frame to the power in its bands, as
// bifsmn_tf/audio/log_mel.py defines them.
//
// A kernel's name is its contract: mel_<instruction set>_<lanes of a
// vector>_<type of the spectrum>.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "custom_ops/kernels/registry.h"
#include "custom_ops/kernels/rfft_tables.h"

namespace bifsmn {

struct MelParameters {
  int sample_rate;
  // A power of two from kSmallestFft to kLargestFft.
  int n_fft;
  // From 1 to kMostFolds: windowed segments of a frame, n_fft samples each,
  // that are added up before they are transformed.
  int folds;
  int n_mels;
  float f_min, f_max;

  constexpr int frame_length() const { return n_fft * folds; }

  constexpr bool operator==(const MelParameters& other) const {
    return sample_rate == other.sample_rate && n_fft == other.n_fft &&
           folds == other.folds && n_mels == other.n_mels &&
           f_min == other.f_min && f_max == other.f_max;
  }
};

// As bifsmn_tf/audio/log_mel.py has them by default, and as BOARD_FEATURES, for
// what measures kernels without a model.
constexpr MelParameters kDefaultMel = {16000, 2048, 1, 32, 0.0f, 8000.0f};
constexpr MelParameters kBoardMel = {16000, 512, 2, 32, 0.0f, 8000.0f};

constexpr int kSmallestFft = 256;
constexpr int kLargestFft = 16384;
constexpr int kMostFolds = 16;
constexpr int kMostMels = 1024;

// Of a periodic Hann window.
constexpr double WindowEnergy(int length) { return 0.375 * length; }

// The triangular filters on the HTK mel scale, divided by the energy of the
// window. Between two neighbouring centres there are the falling side of one
// filter and the rising side of the next, and nothing else.
template <typename T>
struct MelFilters {
  // Of the frequencies between two centres, so many intervals side by side:
  // each is a chain of dependent additions.
  static constexpr int kBlock = 4;
  struct Block {
    // Where each interval's vectors of frequencies begin. They may reach past
    // its ends, with weights of 0.
    ptrdiff_t first[kBlock];
    // At least one.
    int vectors;
  };

  MelFilters() = default;
  MelFilters(const MelParameters& parameters, int lanes);

  // n_mels + 1 intervals, and empty ones behind them. Interval i rises to band
  // i and falls from band i - 1.
  std::vector<Block> blocks;

  size_t intervals() const { return blocks.size() * kBlock; }

  // The frequencies that are in an interval.
  int first, end;

  // By which powers are multiplied, apart from the triangles.
  double unit;

  // Of every block: [vectors][kBlock][rising, falling][lanes].
  AlignedTable<T> weights;
};

extern template struct MelFilters<float>;
extern template struct MelFilters<double>;

template <typename T>
struct LogMelTables {
  LogMelTables() = default;
  LogMelTables(const MelParameters& parameters, int lanes);

  // Elements that a kernel needs to work in, for so many frames at once.
  size_t work_size(int frames = 1) const;

  MelParameters parameters;
  int lanes;
  RfftTables<T> rfft;
  MelFilters<T> filters;
};

extern template struct LogMelTables<float>;
extern template struct LogMelTables<double>;

struct DecibelParameters {
  // Least power before the logarithm.
  float floor;
  // Of the features that the network was trained on, in dB.
  float mean;
  float inverse_std;
};

// Writes (10 log10(max(power, floor)) - mean) * inverse_std, to 1e-5 dB, for
// `count` bands. What is not a number counts as silence, and infinity as the
// largest number.
void NormalizedDecibel(const float* power, int count,
                       const DecibelParameters& parameters, float* features);

template <typename T>
struct MelKernel {
  const char* name;

  // Samples that are computed side by side.
  int lanes;

  // Whether this processor has the instructions.
  bool (*supported)();

  // Writes the power in every band, mels[n_mels], of a frame
  // samples[frame_length]; `work` has tables.work_size() elements and is
  // aligned to 64 bytes. Returns the power at all frequencies together, in the
  // same unit.
  T (*frame)(const LogMelTables<T>& tables, const float* samples, T* work,
             T* mels);

  // The same of two frames at once, to the same bits: mels[2][n_mels], and both
  // frames' powers at all frequencies, totals[2]. Null where it would not be
  // faster.
  void (*two_frames)(const LogMelTables<T>& tables, const float* const* samples,
                     T* work, T* mels, T* totals);

  // NormalizedDecibel in the kernel's instructions, to the same bits.
  void (*decibel)(const float* power, int count,
                  const DecibelParameters& parameters, float* features);
};

// Whether single precision gives decibels within 1e-3 of the exact ones.
// Rounding errors are spread over all frequencies, so they are large against a
// band that is much weaker than the whole: here, by 66 dB.
bool IsPrecise(float total, const float* mels, int n_mels, float floor);

const KernelRegistry<MelKernel<float>>& MelKernels();
const KernelRegistry<MelKernel<double>>& ExactMelKernels();

extern const MelKernel<float> kMelPortable4F32;
extern const MelKernel<double> kMelPortable2F64;
extern const MelKernel<float> kMelNeon4F32;
extern const MelKernel<double> kMelNeon2F64;
extern const MelKernel<float> kMelAvx512vl8F32;
extern const MelKernel<double> kMelAvx512vl4F64;
extern const MelKernel<float> kMelAvx2Fma8F32;
extern const MelKernel<double> kMelAvx2Fma4F64;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_H_
