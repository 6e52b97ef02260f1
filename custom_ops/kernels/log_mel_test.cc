#include "custom_ops/kernels/log_mel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr double kPi = 3.14159265358979323846;

// Power of a windowed frame at n_fft / 2 + 1 frequencies, term by term: those
// of a frame of several transforms are every folds-th of its own.
std::vector<double> ReferencePower(const std::vector<float>& samples,
                                   int folds) {
  const int n = static_cast<int>(samples.size());
  std::vector<std::complex<double>> roots;
  std::vector<double> windowed;
  for (int i = 0; i < n; ++i) {
    roots.push_back(std::polar(1.0, -2 * kPi * i / n));
    windowed.push_back(samples[i] * (0.5 - 0.5 * std::cos(2 * kPi * i / n)));
  }
  std::vector<double> power;
  for (int k = 0; k <= n / 2; k += folds) {
    std::complex<double> sum = 0;
    for (int i = 0; i < n; ++i) {
      sum += windowed[i] * roots[static_cast<int64_t>(i) * k % n];
    }
    power.push_back(std::norm(sum) / WindowEnergy(n));
  }
  return power;
}

double Mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }

// Filters by their definition: each a triangle of its own.
std::vector<double> ReferenceMels(const MelParameters& p,
                                  const std::vector<double>& power) {
  std::vector<double> edges;
  for (int i = 0; i < p.n_mels + 2; ++i) {
    const double mel =
        Mel(p.f_min) + i * (Mel(p.f_max) - Mel(p.f_min)) / (p.n_mels + 1);
    edges.push_back(700 * (std::pow(10, mel / 2595) - 1));
  }
  std::vector<double> mels(p.n_mels);
  for (int m = 0; m < p.n_mels; ++m) {
    for (size_t k = 0; k < power.size(); ++k) {
      const double hertz = static_cast<double>(k) * p.sample_rate / p.n_fft;
      const double rising = (hertz - edges[m]) / (edges[m + 1] - edges[m]);
      const double falling =
          (edges[m + 2] - hertz) / (edges[m + 2] - edges[m + 1]);
      mels[m] += std::max(0.0, std::min(rising, falling)) * power[k];
    }
  }
  return mels;
}

template <typename T>
void CheckFrame(const MelKernel<T>& kernel, const MelParameters& p,
                double tolerance) {
  const LogMelTables<T> tables(p, kernel.lanes);
  Random random(p.n_fft);
  const std::vector<float> samples = random.Floats(p.frame_length());
  const std::vector<double> power = ReferencePower(samples, p.folds);
  const std::vector<double> expected = ReferenceMels(p, power);
  double sum = 0;
  for (const double value : power) sum += value;
  // What is in the memory before is of no matter.
  AlignedVector<T> work(tables.work_size(),
                        std::numeric_limits<T>::quiet_NaN());
  std::vector<T> mels(p.n_mels + 1, T{7});
  for (int repetition = 0; repetition < 2; ++repetition) {
    const T total =
        kernel.frame(tables, samples.data(), work.data(), mels.data());
    EXPECT_GT(total, sum * 0.999);
    EXPECT_LT(total, sum * 1.001);
    for (int m = 0; m < p.n_mels; ++m) {
      ASSERT_NEAR(mels[m], expected[m], tolerance * (expected[m] + 1e-3 * sum))
          << "band " << m << " of " << p.n_mels << ", n_fft " << p.n_fft
          << ", folds " << p.folds;
    }
    ASSERT_EQ(mels[p.n_mels], 7) << "wrote behind its end";
  }
}

template <typename T>
void CheckTwoFrames(const MelKernel<T>& kernel, const MelParameters& p) {
  if (kernel.two_frames == nullptr) return;
  const LogMelTables<T> tables(p, kernel.lanes);
  Random random(p.n_fft);
  // Neither in their order nor as far apart as vectors are.
  const std::vector<float> second = random.Floats(p.frame_length(), 1e-3f);
  const std::vector<float> first = random.Floats(p.frame_length() + 3);
  const float* const samples[] = {first.data() + 3, second.data()};
  AlignedVector<T> work(tables.work_size(2),
                        std::numeric_limits<T>::quiet_NaN());
  std::vector<T> mels(2 * p.n_mels + 1, T{7});
  T totals[2];
  kernel.two_frames(tables, samples, work.data(), mels.data(), totals);
  EXPECT_EQ(mels.back(), 7) << "wrote behind its end";
  for (int f = 0; f < 2; ++f) {
    std::vector<T> alone(p.n_mels);
    EXPECT_EQ(kernel.frame(tables, samples[f], work.data(), alone.data()),
              totals[f]);
    for (int m = 0; m < p.n_mels; ++m) {
      ASSERT_EQ(mels[f * p.n_mels + m], alone[m])
          << "band " << m << " of frame " << f;
    }
  }
}

using Bands = std::tuple<int, float, float>;

// Length of the transform, and how often it goes into a frame.
using Size = std::tuple<int, int>;

const auto kSizes = Values(Size(256, 1), Size(512, 1), Size(1024, 1),
                           Size(2048, 1), Size(4096, 1), Size(256, 2),
                           Size(512, 2), Size(256, 3), Size(512, 4));
const auto kBands =
    Values(Bands(32, 0.0f, 8000.0f), Bands(1, 3000.0f, 3100.0f),
           Bands(20, 60.0f, 3800.0f), Bands(200, 0.0f, 8000.0f));

MelParameters ParametersOf(const Size& size, const Bands& bands) {
  return {16000,
          std::get<0>(size),
          std::get<1>(size),
          std::get<0>(bands),
          std::get<1>(bands),
          std::get<2>(bands)};
}

class MelTest : public ::testing::TestWithParam<
                    std::tuple<const MelKernel<float>*, Size, Bands>> {};

TEST_P(MelTest, EqualsDefinition) {
  const auto [kernel, size, bands] = GetParam();
  CheckFrame(*kernel, ParametersOf(size, bands), 1e-5);
  CheckTwoFrames(*kernel, ParametersOf(size, bands));
}

INSTANTIATE_TEST_SUITE_P(AllKernels, MelTest,
                         Combine(ValuesIn(MelKernels().begin(),
                                          MelKernels().end()),
                                 kSizes, kBands));

class ExactMelTest : public ::testing::TestWithParam<
                         std::tuple<const MelKernel<double>*, Size, Bands>> {};

TEST_P(ExactMelTest, EqualsDefinition) {
  const auto [kernel, size, bands] = GetParam();
  CheckFrame(*kernel, ParametersOf(size, bands), 1e-11);
  CheckTwoFrames(*kernel, ParametersOf(size, bands));
}

INSTANTIATE_TEST_SUITE_P(AllKernels, ExactMelTest,
                         Combine(ValuesIn(ExactMelKernels().begin(),
                                          ExactMelKernels().end()),
                                 kSizes, kBands));

TEST(IsPreciseTest, ComparesTheWeakestBandWithTheWhole) {
  const float mels[] = {1.0f, 1e-6f};
  EXPECT_TRUE(IsPrecise(1.0f, mels, 2, 1e-10f));
  EXPECT_FALSE(IsPrecise(10.0f, mels, 2, 1e-10f));
  // Below the floor nothing is looked at.
  EXPECT_TRUE(IsPrecise(10.0f, mels, 2, 1e-5f));
  EXPECT_TRUE(IsPrecise(0.0f, mels, 2, 1e-10f));
}

TEST(IsPreciseTest, WhatIsNoNumberIsNot) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float mels[] = {nan, nan};
  EXPECT_FALSE(IsPrecise(nan, mels, 2, 1e-10f));
}

TEST(DecibelTest, EqualsLogarithm) {
  std::vector<float> power;
  for (float value = 1e-37f; value < 1e38f; value *= 1.0137f) {
    power.push_back(value);
  }
  std::vector<float> decibel(power.size());
  NormalizedDecibel(power.data(), static_cast<int>(power.size()),
                    {1e-38f * 2, 0.0f, 1.0f}, decibel.data());
  for (size_t i = 0; i < power.size(); ++i) {
    const double expected = 10 * std::log10(static_cast<double>(power[i]));
    // Half a unit in the last place of 370 dB is 1.5e-5.
    ASSERT_NEAR(decibel[i], expected, 1e-6 + 1.5e-7 * std::abs(expected))
        << power[i];
  }
}

TEST(DecibelTest, IsTheSameOfEveryKernel) {
  Random random(1);
  for (const int count : {1, 7, 16, 31, 32, 64, 97}) {
    std::vector<float> power = random.Floats(count);
    for (float& value : power) value *= value;
    power[0] = std::numeric_limits<float>::infinity();
    power[count / 2] = std::nanf("");
    std::vector<float> expected(count);
    const DecibelParameters parameters = {1e-3f, -40.0f, 0.05f};
    NormalizedDecibel(power.data(), count, parameters, expected.data());
    for (const MelKernel<float>* kernel : MelKernels()) {
      std::vector<float> features(count + 1, 7.0f);
      kernel->decibel(power.data(), count, parameters, features.data());
      EXPECT_EQ(features.back(), 7.0f) << "wrote behind its end";
      features.pop_back();
      EXPECT_EQ(features, expected) << kernel->name << ", " << count;
    }
  }
}

TEST(DecibelTest, IsNormalized) {
  const float power[] = {1e-3f, 10.0f};
  float features[2];
  NormalizedDecibel(power, 2, {1e-10f, -40.0f, 0.5f}, features);
  EXPECT_NEAR(features[0], 5.0f, 1e-5f);
  EXPECT_NEAR(features[1], 25.0f, 1e-5f);
}

TEST(DecibelTest, IsFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float power[] = {0.0f, -1.0f, std::nanf(""), -infinity, infinity};
  float features[5];
  NormalizedDecibel(power, 5, {1e-10f, 0.0f, 1.0f}, features);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(features[i], -100.0f, 1e-4f) << i;
  EXPECT_NEAR(features[4], 385.3f, 0.1f);
}

}  // namespace
}  // namespace bifsmn
