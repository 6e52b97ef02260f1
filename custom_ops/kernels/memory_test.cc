#include "custom_ops/kernels/memory.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

std::string Describe(const MemoryGeometry& g) {
  return std::to_string(g.steps) + " steps, " + std::to_string(g.channels) +
         " channels, back " + std::to_string(g.look_back) + " x " +
         std::to_string(g.stride_back) + ", ahead " +
         std::to_string(g.look_ahead) + " x " + std::to_string(g.stride_ahead);
}

// dots[steps][channels] of bits[steps][planes][words], term by term.
std::vector<int> ReferenceDots(const std::vector<Word>& bits,
                               const std::vector<Word>& weights,
                               const MemoryGeometry& g, int planes = 1) {
  const int words = WordsFor(g.channels);
  std::vector<int> dots;
  for (int t = 0; t < g.steps; ++t) {
    for (int c = 0; c < g.channels; ++c) {
      int dot = 0;
      for (int tap = 0; tap < g.taps(); ++tap) {
        const int64_t source =
            tap <= g.look_back
                ? t - int64_t{g.look_back - tap} * g.stride_back
                : t + int64_t{tap - g.look_back} * g.stride_ahead;
        if (source < 0 || source >= g.steps) continue;
        const Word* row = bits.data() + source * planes * words;
        const int level = planes == 1 ? Sign(row, c)
                                      : 2 * Sign(row, c) + Sign(row + words, c);
        dot += level * Sign(weights.data() + tap * words, c);
      }
      dots.push_back(dot);
    }
  }
  return dots;
}

void CheckDot(const MemoryKernel& kernel, const MemoryGeometry& g,
              unsigned seed) {
  Random random(seed);
  const std::vector<Word> bits = random.Bits(g.steps, g.channels);
  const std::vector<Word> weights = random.Bits(g.taps(), g.channels);
  const std::vector<int> expected = ReferenceDots(bits, weights, g);
  // In two parts, as ops may.
  const int stride = MemoryRowStride(g.channels);
  const int half = g.steps / 2;
  std::vector<int16_t> dots(g.steps * stride);
  kernel.dot(bits.data(), weights.data(), g, 0, half, dots.data());
  kernel.dot(bits.data(), weights.data(), g, half, g.steps,
             dots.data() + half * stride);
  for (int t = 0; t < g.steps; ++t) {
    for (int c = 0; c < g.channels; ++c) {
      ASSERT_EQ(dots[t * stride + c], expected[t * g.channels + c])
          << Describe(g) << ": step " << t << ", channel " << c;
    }
  }
}

// Of the steps from `first` on.
void CheckResidual(const MemoryKernel& kernel, MemoryGeometry g, int first,
                   unsigned seed, int planes) {
  const int largest = g.taps() * (planes == 2 ? kLargestLevel : 1);
  if (largest > kernel.max_taps) return;
  const auto add = planes == 2 ? kernel.add_levels : kernel.add;
  g.channels = RoundUp(g.channels, kernel.add_channels);
  Random random(seed);
  const int words = WordsFor(g.channels);
  const std::vector<Word> bits = random.Bits(g.steps * planes, g.channels);
  const std::vector<Word> weights = random.Bits(g.taps(), g.channels);
  const std::vector<int> dots = ReferenceDots(bits, weights, g, planes);
  const RandomInt16Residual parameters(random, g.channels, largest);
  const int rows = g.steps - first;
  const auto residual =
      random.Integers<int16_t>(rows * g.channels, -32768, 32767);
  for (const bool with_signs : {true, false}) {
    std::vector<int16_t> result(residual.size());
    std::vector<Word> signs(rows * words, 0xffff);
    add(bits.data(), weights.data(), g, first, parameters.get(),
        residual.data(), result.data(), with_signs ? signs.data() : nullptr);
    for (int t = 0; t < rows; ++t) {
      for (int c = 0; c < g.channels; ++c) {
        const int at = t * g.channels + c;
        const int expected = Int16ResidualValue(
            parameters.get(), c, dots[first * g.channels + at], residual[at]);
        ASSERT_EQ(result[at], expected)
            << Describe(g) << ": step " << t << ", channel " << c;
        if (!with_signs) continue;
        ASSERT_EQ(Sign(signs.data() + t * words, c) < 0,
                  expected < parameters.get().threshold[c])
            << Describe(g) << ": step " << t << ", channel " << c;
      }
      if (!with_signs) continue;
      ASSERT_EQ(signs[(t + 1) * words - 1] & UnusedBits(g.channels), 0);
    }
  }
}

void CheckResiduals(const MemoryKernel& kernel, const MemoryGeometry& g,
                    int first, unsigned seed) {
  CheckResidual(kernel, g, first, seed, 1);
  if (kernel.add_levels != nullptr) CheckResidual(kernel, g, first, seed, 2);
}

class MemoryTest : public ::testing::TestWithParam<
                       std::tuple<const MemoryKernel*, int, int,
                                  std::tuple<int, int>, std::tuple<int, int>>> {
};

TEST_P(MemoryTest, Edges) {
  const auto [kernel, steps, channels, orders, strides] = GetParam();
  const MemoryGeometry g = {steps,
                            channels,
                            std::get<0>(orders),
                            std::get<1>(orders),
                            std::get<0>(strides),
                            std::get<1>(strides)};
  if (g.taps() > kernel->max_taps) {
    EXPECT_LT(kernel->max_taps, kMaxBinaryTerms);
    return;
  }
  CheckDot(*kernel, g, steps + channels);
  CheckResiduals(*kernel, g, 0, steps + channels);
  CheckResiduals(*kernel, g, steps - 1, steps + channels);
}

INSTANTIATE_TEST_SUITE_P(
    AllKernels, MemoryTest,
    Combine(ValuesIn(MemoryKernels().begin(), MemoryKernels().end()),
            Values(1, 4, 33),       // steps: fewer than taps, too
            Values(1, 16, 20, 64),  // channels
            Values(std::tuple(0, 0), std::tuple(10, 1), std::tuple(0, 5),
                   std::tuple(300, 2)),  // look back and ahead
            Values(std::tuple(1, 1), std::tuple(2, 3),
                   std::tuple(0x7fffffff, 0x7fffffff))));  // strides

class RandomMemoryTest : public ::testing::TestWithParam<const MemoryKernel*> {
};

TEST_P(RandomMemoryTest, ThousandShapes) {
  Random random(7);
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const MemoryGeometry g = {random.Integer(1, 20), random.Integer(1, 140),
                              random.Integer(0, 4),  random.Integer(0, 4),
                              random.Integer(1, 3),  random.Integer(1, 3)};
    CheckDot(*GetParam(), g, seed);
    CheckResiduals(*GetParam(), g, 0, seed);
    CheckResiduals(*GetParam(), g, random.Integer(0, g.steps - 1), seed);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(AllKernels, RandomMemoryTest,
                         ValuesIn(MemoryKernels().begin(),
                                  MemoryKernels().end()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bifsmn
