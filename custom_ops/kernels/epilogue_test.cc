#include "custom_ops/kernels/epilogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "custom_ops/kernels/base_lanes.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

constexpr int kSizes[] = {1, 15, 16, 17, 40, 64};

TEST(DisagreementLimitTest, AgreesWithTheDefinition) {
  for (const int base : {-7, 0, 1, 8, 400, kMaxBinaryTerms}) {
    for (const int threshold : {-32768, -9, -2, -1, 0, 1, 2, 7, 400, 32767}) {
      const int limit = DisagreementLimit(base, threshold);
      for (int d = 0; d <= kMaxBinaryTerms; ++d) {
        ASSERT_EQ(d >= limit, base - 2 * d < threshold)
            << base << ", " << threshold << ", " << d;
      }
    }
  }
}

TEST(ThresholdTest, PacksComparisons) {
  for (const int n : kSizes) {
    Random random(n);
    const auto counts = random.Integers<uint16_t>(n, 0, 3);
    const auto limits = random.Integers<uint16_t>(n, 0, 3);
    const auto sums = random.Integers<int32_t>(n, -2, 2);
    const auto thresholds = random.Integers<int32_t>(n, -2, 2);
    const auto flips = random.Bits(1, n);
    std::vector<Word> of_counts(WordsFor(n), 0xffff);
    std::vector<Word> of_sums(WordsFor(n), 0xffff);
    ThresholdDisagreements(counts.data(), limits.data(), flips.data(), n,
                           of_counts.data());
    ThresholdSums(sums.data(), thresholds.data(), n, of_sums.data());
    for (int i = 0; i < n; ++i) {
      const bool flip = Sign(flips.data(), i) < 0;
      EXPECT_EQ(Sign(of_counts.data(), i) < 0,
                (counts[i] >= limits[i]) != flip);
      EXPECT_EQ(Sign(of_sums.data(), i) < 0, sums[i] < thresholds[i]);
    }
    EXPECT_EQ(of_counts.back() & UnusedBits(n), 0);
    EXPECT_EQ(of_sums.back() & UnusedBits(n), 0);
  }
}

TEST(DotsTest, AreBasesLessTwiceTheDisagreements) {
  const uint16_t counts[] = {0, 5, kMaxBinaryTerms};
  const int16_t bases[] = {-3, 8, kMaxBinaryTerms};
  int16_t dots[3];
  DotsOfDisagreements(counts, bases, 3, dots);
  EXPECT_EQ(dots[0], -3);
  EXPECT_EQ(dots[1], -2);
  EXPECT_EQ(dots[2], -kMaxBinaryTerms);
}

TEST(AddDotsToResidualTest, IsTheResidualOfEveryChannel) {
  for (const int n : kSizes) {
    for (int shift = 0; shift < 15; ++shift) {
      Random random(n + 100 * shift);
      // Some that wrap around when they are shifted, as a bad input may have.
      const auto dots = random.Integers<int16_t>(n, -32768, 32767);
      const auto scale = random.Integers<int16_t>(n, -32767, 32767);
      auto offset = random.Integers<int16_t>(n, -32768, 32767);
      const auto slope = random.Integers<int16_t>(n, -32767, 32767);
      const auto residual = random.Integers<int16_t>(n, -32768, 32767);
      offset[0] = -32768;
      const Int16Residual parameters = {scale.data(), offset.data(),
                                        slope.data(), nullptr, shift};
      for (const int16_t* added :
           {static_cast<const int16_t*>(nullptr), residual.data()}) {
        std::vector<int16_t> result(n + 1, 99);
        AddDotsToResidual(dots.data(), parameters, n, added, result.data());
        for (int i = 0; i < n; ++i) {
          ASSERT_EQ(result[i],
                    Int16ResidualValue(parameters, i, dots[i],
                                       added == nullptr ? 0 : added[i]))
              << n << ", " << shift << ", " << i;
        }
        ASSERT_EQ(result[n], 99);
      }
    }
  }
}

// Volatile, so that every operation rounds.
float Residual(int dot, float scale, float offset, float slope,
               const float* residual) {
  volatile float u = static_cast<float>(dot) * scale;
  u = u + offset;
  volatile float v = u;
  if (!(u >= 0.0f)) v = u * slope;
  if (residual != nullptr) v = *residual + v;
  return v;
}

TEST(AddAffinePreluTest, RoundsEveryOperation) {
  for (const int n : kSizes) {
    Random random(n);
    const auto dots = random.Integers<int16_t>(n, -400, 400);
    const auto scale = random.Floats(n);
    const auto offset = random.Floats(n, 30.0f);
    const auto slope = random.Floats(n);
    const auto residual = random.Floats(n, 100.0f);
    for (const float* added :
         {static_cast<const float*>(nullptr), residual.data()}) {
      std::vector<float> result(n);
      AddAffinePrelu(dots.data(), {scale.data(), offset.data(), slope.data()},
                     added, n, result.data());
      for (int i = 0; i < n; ++i) {
        EXPECT_EQ(result[i], Residual(dots[i], scale[i], offset[i], slope[i],
                                      added == nullptr ? nullptr : added + i));
      }
    }
  }
}

TEST(Int16ResidualTest, FollowsItsDefinition) {
  const int16_t scale[] = {16384, -32767, 32767, 1};
  const int16_t offset[] = {5, 0, 32767, 0};
  const int16_t slope[] = {0, -16384, 100, 0};
  const int16_t threshold[] = {0, 0, 0, 0};
  const Int16Residual parameters = {scale, offset, slope, threshold, 2};
  // 3 << 2 times 1/2, plus 5, plus 100.
  EXPECT_EQ(Int16ResidualValue(parameters, 0, 3, 100), 111);
  // 8 << 2 times almost -1 is -32; half of that.
  EXPECT_EQ(Int16ResidualValue(parameters, 1, 8, 0), -16);
  // Both sums saturate, as does the result.
  EXPECT_EQ(Int16ResidualValue(parameters, 2, 8191, -32768), -1);
  EXPECT_EQ(Int16ResidualValue(parameters, 2, 8191, 32767), 32767);
  // Half a unit rounds up, on both sides of 0.
  EXPECT_EQ(Int16ResidualValue(parameters, 3, 4096, 0), 1);
  EXPECT_EQ(Int16ResidualValue(parameters, 3, -4096, 0), 0);
  EXPECT_EQ(Int16ResidualValue(parameters, 3, -4097, 0), -1);
}

TEST(SignBitsTest, NotAtLeastTheThresholdIsMinusOne) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float values[] = {0.0f, -0.0f, 1.0f, 0.5f, NAN, infinity, -infinity};
  const float threshold[] = {0.0f, 0.0f, 1.5f, NAN, 0.0f, infinity, -infinity};
  Word bits = 0xffff;
  SignBits(values, threshold, 7, &bits);
  EXPECT_EQ(bits, 0b0011100);
}

template <typename T>
void CheckSignBits(const std::vector<T>& values,
                   const std::vector<T>& thresholds) {
  // Rows of words, words alone, and what is left.
  for (const int channels : {1, 15, 16, 17, 127, 128, 129, 256, 300}) {
    std::vector<Word> bits(WordsFor(channels), 0xffff);
    SignBits(values.data(), thresholds.data(), channels, bits.data());
    for (int c = 0; c < channels; ++c) {
      ASSERT_EQ(Sign(bits.data(), c) < 0, !(values[c] >= thresholds[c]))
          << channels << " channels: " << c;
    }
    ASSERT_EQ(bits.back() & UnusedBits(channels), 0) << channels;
  }
}

TEST(SignBitsTest, AnyNumberOfChannels) {
  Random random(3);
  CheckSignBits(random.Integers<int16_t>(300, -3, 3),
                random.Integers<int16_t>(300, -3, 3));
  std::vector<float> values = random.Floats(300, 1.0f);
  std::vector<float> thresholds = random.Floats(300, 1.0f);
  for (int c = 0; c < 300; c += 7) thresholds[c] = values[c];
  for (int c = 0; c < 300; c += 11) values[c] = NAN;
  CheckSignBits(values, thresholds);
}

TEST(AddRoundedTest, RoundsHalfToEvenAndSaturates) {
  Random random(5);
  std::vector<float> values = random.Floats(37, 3e4f);
  const std::vector<float> edges = {0.5f,  1.5f, -2.5f,    7.0f,     -1e30f,
                                    1e30f, NAN,  INFINITY, -INFINITY};
  std::copy(edges.begin(), edges.end(), values.begin());
  for (float& value : values) value /= 4.0f;
  const auto residual = random.Integers<int16_t>(37, -32768, 32767);
  for (const int16_t* added :
       {static_cast<const int16_t*>(nullptr), residual.data()}) {
    std::vector<int16_t> result(values.size());
    AddRounded(values.data(), 4.0f, added, values.size(), result.data());
    for (size_t i = 0; i < values.size(); ++i) {
      const float scaled = values[i] * 4.0f;
      const double rounded =
          scaled != scaled
              ? 0.0
              : std::clamp(std::nearbyint(double{scaled}), -32768.0, 32767.0);
      const double sum = rounded + (added == nullptr ? 0 : added[i]);
      ASSERT_EQ(result[i], std::clamp(sum, -32768.0, 32767.0)) << i;
    }
  }
}

}  // namespace
}  // namespace bifsmn
