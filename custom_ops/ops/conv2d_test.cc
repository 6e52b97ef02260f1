#include <tuple>

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr int kBatch = 2;

// Padding at the far sides, which a geometry holds only as its output size.
int FarPad(int size, int kernel, int stride, int near, int outputs) {
  return std::max(0, (outputs - 1) * stride + kernel - near - size);
}

// Twice the threshold, plus 1 for a flip.
std::vector<int16_t> EncodedThresholds(const std::vector<int16_t>& thresholds,
                                       const std::vector<Word>& flips) {
  std::vector<int16_t> encoded;
  for (size_t o = 0; o < thresholds.size(); ++o) {
    const int flip = Sign(flips.data(), static_cast<int>(o)) < 0;
    encoded.push_back(static_cast<int16_t>(2 * thresholds[o] + flip));
  }
  return encoded;
}

class Conv2DTest
    : public ::testing::TestWithParam<std::tuple<ConvGeometry, int, int>> {};

TEST_P(Conv2DTest, ThresholdsDots) {
  const auto [g, channels, outputs] = GetParam();
  Random random(channels + outputs);
  const int words = WordsFor(channels);
  const int taps = g.kernel_h * g.kernel_w;
  const auto bits = random.Bits(kBatch * g.height * g.width, channels);
  const auto weights = random.Bits(outputs * taps, channels);
  const auto thresholds = random.Integers<int16_t>(outputs, -9, 9);
  const auto flips = random.Bits(1, outputs);

  OpRunner runner(
      "BifsmnConv2D",
      {channels, g.stride_h, g.stride_w, g.pad_top,
       FarPad(g.height, g.kernel_h, g.stride_h, g.pad_top, g.output_h),
       g.pad_left,
       FarPad(g.width, g.kernel_w, g.stride_w, g.pad_left, g.output_w)});
  runner.Add({kBatch, g.height, g.width, words}, bits);
  runner.AddConstant({outputs, g.kernel_h, g.kernel_w, words}, weights);
  runner.AddConstant({outputs}, EncodedThresholds(thresholds, flips));
  ASSERT_THAT(runner.Plan(), Succeeds());
  ASSERT_EQ(
      runner.output(0).shape,
      (std::vector<int>{kBatch, g.output_h, g.output_w, WordsFor(outputs)}));
  runner.Run();

  const std::vector<Word> result = runner.Result<Word>(0);
  const Word* pixel = result.data();
  for (int n = 0; n < kBatch; ++n) {
    const Word* image = bits.data() + n * g.height * g.width * words;
    for (int y = 0; y < g.output_h; ++y) {
      for (int x = 0; x < g.output_w; ++x, pixel += WordsFor(outputs)) {
        for (int o = 0; o < outputs; ++o) {
          const int dot = ReferenceDot(image, g, channels, y, x,
                                       weights.data() + o * taps * words);
          const bool flip = Sign(flips.data(), o) < 0;
          ASSERT_EQ(Sign(pixel, o) < 0, (dot < thresholds[o]) != flip)
              << n << ", " << y << ", " << x << ", " << o;
        }
        EXPECT_EQ(pixel[WordsFor(outputs) - 1] & UnusedBits(outputs), 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv2DTest,
                         Combine(ValuesIn(TestGeometries()), Values(1, 16, 40),
                                 Values(1, 16, 20)));

class Conv2DValidationTest : public ::testing::Test {
 protected:
  Conv2DValidationTest() {
    Random random(1);
    runner_.Add({1, 6, 5, 2}, random.Bits(30, 20));
    runner_.AddConstant({17, 3, 3, 2}, random.Bits(17 * 9, 20));
    runner_.AddConstant({17}, std::vector<int16_t>(17));
  }

  OpRunner runner_{"BifsmnConv2D", {20, 1, 1, 1, 1, 1, 1}};
};

TEST_F(Conv2DValidationTest, ChecksBits) {
  EXPECT_THAT(runner_.Plan(), Succeeds());
  runner_.input(0).type = ElementType::kFloat32;
  EXPECT_THAT(runner_.Plan(), FailsWith("bits has to be int16, is float32"));
  runner_.input(0) = {ElementType::kInt16, {1, 6, 5, 1}};
  EXPECT_THAT(runner_.Plan(), FailsWith("20 channels are 2 words"));
  runner_.input(0).shape = {6, 5, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("bits has to be of rank 4"));
  runner_.input(0).shape = {1, 0x7fffffff, 5, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("more than"));
  runner_.input(0).shape = {1, 6, -5, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("below 1"));
}

TEST_F(Conv2DValidationTest, ChecksWeights) {
  runner_.input(1).constant = nullptr;
  EXPECT_THAT(runner_.Plan(), FailsWith("weights has to be a constant"));
  const std::vector<Word> ones(17 * 9 * 2, 0xffff);
  runner_.input(1).constant = ones.data();
  EXPECT_THAT(runner_.Plan(),
              FailsWith("weights has bits set beyond its 20 channels"));
  runner_.input(1).shape = {17, 9, 9, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("exceeds the padded input"));
  runner_.input(1).shape = {17, 30, 30, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("a sum has at most 16382 products"));
  runner_.input(1).shape = {17, 1, 3, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("has to be smaller than the kernel"));
}

TEST_F(Conv2DValidationTest, ChecksTheResultsSize) {
  // 2^27 pixels of 2 words are a tensor; of 17 floats they would not be.
  runner_.input(0).shape = {1, 1 << 13, 1 << 14, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("result: shape"));
}

TEST_F(Conv2DValidationTest, ChecksThresholds) {
  runner_.input(2).shape = {16};
  EXPECT_THAT(runner_.Plan(), FailsWith("thresholds has to be of shape [17]"));
  runner_.input(2).shape = {17};
  runner_.input(2).constant_bytes = 16;
  EXPECT_THAT(runner_.Plan(), FailsWith("takes 34 bytes, the model has 16"));
  runner_.input(2).type = ElementType::kInt32;
  EXPECT_THAT(runner_.Plan(), FailsWith("thresholds has to be int16"));
}

}  // namespace
}  // namespace bifsmn
