// The real Fourier transform of the log-mel kernels beside pffft and pocketfft.
//
// What is timed is what the kernels do of a frame up to its powers: a window,
// the transform of n samples, and n / 2 + 1 powers, in single precision with
// AVX2. The contenders take turns; the least of many turns counts. Neither
// library is part of the project: pffft is taken from the source distribution
// of soxr, pocketfft from that of ducc0, in which its author goes on with it.
// With x86-64, gcc, and D and S where these were unpacked:
//
//   g++ -std=c++17 -O3 -mavx2 -mfma -fpermissive -w -I. -ID/src \
//     -IS/libsoxr/src custom_ops/kernels/rfft_comparison.cc \
//     custom_ops/kernels/rfft_tables.cc D/src/ducc0/infra/*.cc \
//     D/src/ducc0/fft/*.cc -lpthread -o rfft_comparison && ./rfft_comparison

#include <algorithm>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/log_mel_x86.h"
#include "custom_ops/kernels/rfft.h"
#include "custom_ops/kernels/rfft_tables.h"
#include "ducc0/fft/fft.h"

// soxr's copy leaves these to who includes it.
static void* pffft_aligned_malloc(size_t size) {
  return std::aligned_alloc(64, (size + 63) / 64 * 64);
}
static void pffft_aligned_free(void* p) { std::free(p); }
#include "pffft.c"

namespace {

constexpr int kTurns = 400;
constexpr int kRuns = 5;
constexpr int kRows = 32;  // frames of a clip

struct alignas(64) Line {
  float values[16];
};

// Floats that start at a cache line.
class Aligned {
 public:
  explicit Aligned(size_t size) : lines_((size + 15) / 16 + 1) {}
  float* data() { return lines_[0].values; }
  float& operator[](size_t i) { return data()[i]; }

 private:
  std::vector<Line> lines_;
};

struct Contender {
  std::string name;
  std::function<void()> run;  // of kRows frames
  const float* power;         // of the last one
};

void Powers(const float* re_im, int n, float* power) {
  // pffft and pocketfft leave the real result of n / 2 behind that of 0.
  power[0] = re_im[0] * re_im[0];
  power[n / 2] = re_im[1] * re_im[1];
  for (int k = 1; k < n / 2; ++k) {
    power[k] =
        re_im[2 * k] * re_im[2 * k] + re_im[2 * k + 1] * re_im[2 * k + 1];
  }
}

void Compare(int n) {
  using Lanes = bifsmn::OneFrame<bifsmn::Avx2F32>;
  Aligned samples(size_t{kRows} * n), window(n), work(2 * n), scratch(2 * n);
  Aligned ours(n), theirs(n), wide(n);
  Aligned windowed(size_t{kRows} * n), rows(size_t{kRows} * (n + 2));
  for (int i = 0; i < kRows * n; ++i) {
    samples[i] = std::sin(0.37f * i) + std::rand() / (2.0f * RAND_MAX);
  }
  for (int i = 0; i < n; ++i) {
    window[i] = 0.5f - 0.5f * std::cos(2 * M_PI * i / n);
  }

  const bifsmn::RfftTables<float> tables(n, 1, Lanes::kLanes);
  PFFFT_Setup* setup = pffft_new_setup(n, PFFFT_REAL);
  ducc0::pocketfft_r<float> plan(n, true);
  Aligned buffer(plan.bufsize());
  const std::vector<Contender> contenders = {
      {"rfft.h, 8 lanes",
       [&] {
         for (int r = 0; r < kRows; ++r) {
           bifsmn::PowerSpectrum<Lanes>::Run(tables, &samples[r * n],
                                             work.data(), ours.data());
         }
       },
       ours.data()},
      {"pffft, SSE",
       [&] {
         for (int r = 0; r < kRows; ++r) {
           const float* row = &samples[r * n];
           for (int i = 0; i < n; ++i) work[i] = row[i] * window[i];
           pffft_transform_ordered(setup, work.data(), work.data(),
                                   scratch.data(), PFFFT_FORWARD);
           Powers(work.data(), n, theirs.data());
         }
       },
       theirs.data()},
      {"pocketfft, a frame at a time",
       [&] {
         for (int r = 0; r < kRows; ++r) {
           const float* row = &samples[r * n];
           for (int i = 0; i < n; ++i) work[i] = row[i] * window[i];
           plan.exec_copyback(work.data(), buffer.data(), 1.0f, true);
           // re 0, re 1, im 1, ..., re n / 2.
           const float last = work[n - 1];
           scratch[0] = work[0];
           scratch[1] = last;
           std::copy(&work[1], &work[n - 1], &scratch[2]);
           Powers(scratch.data(), n, wide.data());
         }
       },
       wide.data()},
      {"pocketfft, a clip at a time",
       [&] {
         for (int r = 0; r < kRows; ++r) {
           for (int i = 0; i < n; ++i) {
             windowed[r * n + i] = samples[r * n + i] * window[i];
           }
         }
         const size_t count = kRows, size = n, half = n / 2 + 1;
         auto* out = reinterpret_cast<std::complex<float>*>(rows.data());
         ducc0::r2c(ducc0::cfmav<float>(windowed.data(), {count, size}),
                    ducc0::vfmav<std::complex<float>>(out, {count, half}),
                    size_t{1}, true, 1.0f, 1);
         for (int r = 0; r < kRows; ++r) {
           const auto* row = out + r * half;
           for (size_t k = 0; k < half; ++k) {
             wide[k] =
                 row[k].real() * row[k].real() + row[k].imag() * row[k].imag();
           }
         }
       },
       wide.data()},
  };
  std::vector<double> least(contenders.size(),
                            std::numeric_limits<double>::max());
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t c = 0; c < contenders.size(); ++c) {
      const auto start = std::chrono::steady_clock::now();
      for (int run = 0; run < kRuns; ++run) contenders[c].run();
      const std::chrono::duration<double, std::nano> taken =
          std::chrono::steady_clock::now() - start;
      least[c] = std::min(least[c], taken.count() / kRuns / kRows);
    }
  }
  for (size_t c = 0; c < contenders.size(); ++c) {
    contenders[0].run();
    contenders[c].run();
    double error = 0.0, largest = 0.0;
    // What the kernels' bands take into account.
    const double factor = c == 0 ? 1.0 : bifsmn::kPowerFactor;
    for (int k = 0; k <= n / 2; ++k) {
      largest = std::max<double>(largest, ours[k]);
      error = std::max<double>(
          error, std::abs(ours[k] - factor * contenders[c].power[k]));
    }
    std::printf("%5d  %-30s %7.0f ns  %5.2f  (differs by %.0e)\n", n,
                contenders[c].name.c_str(), least[c], least[c] / least[0],
                error / largest);
  }
  pffft_destroy_setup(setup);
}

}  // namespace

int main() {
  Compare(2048);
  Compare(512);
  return 0;
}
