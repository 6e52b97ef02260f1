#include "custom_ops/kernels/padding.h"

#include <gtest/gtest.h>

#include <tuple>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

class PaddingTest
    : public ::testing::TestWithParam<std::tuple<ConvGeometry, int>> {};

TEST_P(PaddingTest, BasesMakeDotsOfDisagreements) {
  constexpr int kOutputs = 3;
  const auto [g, channels] = GetParam();
  const int words = WordsFor(channels);
  Random random(channels);
  const std::vector<Word> image = random.Bits(g.height * g.width, channels);
  const int taps = g.kernel_h * g.kernel_w;
  const std::vector<Word> weights = random.Bits(kOutputs * taps, channels);
  std::vector<Word> patch(taps * words);

  const PaddingPatterns patterns(g);
  const std::vector<int16_t> bases =
      patterns.Bases(weights.data(), kOutputs, channels);
  for (int y = 0; y < g.output_h; ++y) {
    for (int x = 0; x < g.output_w; ++x) {
      BitIm2col(image.data(), g, words, 1, y * g.output_w + x, 1, patch.data());
      const size_t pattern = patterns.PatternOf(y, x);
      ASSERT_LT(pattern, patterns.count());
      for (int o = 0; o < kOutputs; ++o) {
        const Word* kernel = weights.data() + o * patch.size();
        int disagreements = 0;
        for (size_t k = 0; k < patch.size(); ++k) {
          disagreements += __builtin_popcount(patch[k] ^ kernel[k]);
        }
        EXPECT_EQ(bases[pattern * kOutputs + o] - 2 * disagreements,
                  ReferenceDot(image.data(), g, channels, y, x, kernel))
            << "row " << y << ", column " << x;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Geometries, PaddingTest,
                         Combine(ValuesIn(TestGeometries()),
                                 Values(1, 16, 20)));

TEST(PaddingTest, PixelsInsideShareOnePattern) {
  const PaddingPatterns none({30, 20, 3, 3, 1, 1, 0, 0, 28, 18});
  EXPECT_EQ(none.count(), 1u);
  const PaddingPatterns same({30, 20, 5, 3, 1, 1, 2, 1, 30, 20});
  EXPECT_EQ(same.count(), 5u * 3u);
  EXPECT_EQ(same.PatternOf(2, 1), same.PatternOf(27, 18));
}

}  // namespace
}  // namespace bifsmn
