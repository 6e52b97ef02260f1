#include "custom_ops/kernels/memory.h"

#include <gtest/gtest.h>

#include <tuple>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

class MemoryTest : public ::testing::TestWithParam<
                       std::tuple<const MemoryKernel*, int, int,
                                  std::tuple<int, int>, std::tuple<int, int>>> {
};

TEST_P(MemoryTest, SumsTaps) {
  const auto [kernel, steps, channels, orders, strides] = GetParam();
  const MemoryGeometry g = {steps,
                            channels,
                            std::get<0>(orders),
                            std::get<1>(orders),
                            std::get<0>(strides),
                            std::get<1>(strides)};
  if (g.taps() > kernel->max_depth) return;
  Random random(steps + channels);
  const int words = WordsFor(channels);
  const std::vector<Word> bits = random.Bits(steps, channels);
  const std::vector<Word> weights = random.Bits(g.taps(), channels);

  // In two parts, as ops may.
  const int stride = MemoryRowStride(channels);
  std::vector<int16_t> dots(steps * stride);
  kernel->run(bits.data(), weights.data(), g, 0, steps / 2, dots.data());
  kernel->run(bits.data(), weights.data(), g, steps / 2, steps,
              dots.data() + steps / 2 * stride);

  for (int t = 0; t < steps; ++t) {
    for (int c = 0; c < channels; ++c) {
      int expected = 0;
      for (int tap = 0; tap < g.taps(); ++tap) {
        const int64_t source =
            tap <= g.look_back
                ? t - int64_t{g.look_back - tap} * g.stride_back
                : t + int64_t{tap - g.look_back} * g.stride_ahead;
        if (source < 0 || source >= steps) continue;
        expected += Sign(bits.data() + source * words, c) *
                    Sign(weights.data() + tap * words, c);
      }
      ASSERT_EQ(dots[t * stride + c], expected)
          << "step " << t << ", channel " << c;
    }
  }
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

}  // namespace
}  // namespace bifsmn
