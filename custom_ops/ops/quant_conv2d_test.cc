#include <algorithm>
#include <cmath>

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

struct Case {
  int batch, height, width, channels, outputs, kernel_h, kernel_w;
  int stride_h, stride_w, top, bottom, left, right;
};

constexpr float kInverseScale = 20.0f;

OpRunner MakeRunner(const Case& c, Random* random, bool rank_3 = false) {
  OpRunner runner("BifsmnQuantConv2D",
                  {c.stride_h, c.stride_w, c.top, c.bottom, c.left, c.right,
                   BitsOf(kInverseScale)});
  std::vector<int> shape = {c.batch, c.height, c.width};
  if (!rank_3) shape.push_back(c.channels);
  const int features = c.batch * c.height * c.width * c.channels;
  runner.Add<float>(shape, random->Floats(features, 3.0f));
  const int weights = c.outputs * c.kernel_h * c.kernel_w * c.channels;
  runner.AddConstant({c.outputs, c.kernel_h, c.kernel_w, c.channels},
                     random->Integers<int8_t>(weights, -128, 127));
  runner.AddConstant({c.outputs},
                     random->Integers<int32_t>(c.outputs, -9999, 9999));
  return runner;
}

class QuantConv2DTest : public ::testing::TestWithParam<Case> {};

TEST_P(QuantConv2DTest, ThresholdsSums) {
  const Case c = GetParam();
  Random random(c.height);
  OpRunner runner = MakeRunner(c, &random);
  ASSERT_THAT(runner.Plan(), Succeeds());
  const int output_h =
      (c.height + c.top + c.bottom - c.kernel_h) / c.stride_h + 1;
  const int output_w =
      (c.width + c.left + c.right - c.kernel_w) / c.stride_w + 1;
  ASSERT_EQ(
      runner.output(0).shape,
      (std::vector<int>{c.batch, output_h, output_w, WordsFor(c.outputs)}));
  runner.Run();

  // The same operands again.
  Random again(c.height);
  const auto features =
      again.Floats(c.batch * c.height * c.width * c.channels, 3.0f);
  const auto weights = again.Integers<int8_t>(
      c.outputs * c.kernel_h * c.kernel_w * c.channels, -128, 127);
  const auto thresholds = again.Integers<int32_t>(c.outputs, -9999, 9999);
  const std::vector<Word> bits = runner.Result<Word>(0);
  const Word* pixel = bits.data();
  for (int n = 0; n < c.batch; ++n) {
    for (int y = 0; y < output_h; ++y) {
      for (int x = 0; x < output_w; ++x, pixel += WordsFor(c.outputs)) {
        for (int o = 0; o < c.outputs; ++o) {
          int sum = 0;
          for (int ky = 0; ky < c.kernel_h; ++ky) {
            for (int kx = 0; kx < c.kernel_w; ++kx) {
              const int row = y * c.stride_h - c.top + ky;
              const int column = x * c.stride_w - c.left + kx;
              if (row < 0 || row >= c.height || column < 0 ||
                  column >= c.width) {
                continue;
              }
              for (int i = 0; i < c.channels; ++i) {
                const float value =
                    features[((n * c.height + row) * c.width + column) *
                                 c.channels +
                             i];
                const float rounded = std::nearbyint(value * kInverseScale);
                const float q = std::fmin(std::fmax(rounded, -128.0f), 127.0f);
                sum += static_cast<int>(q) *
                       weights[((o * c.kernel_h + ky) * c.kernel_w + kx) *
                                   c.channels +
                               i];
              }
            }
          }
          ASSERT_EQ(Sign(pixel, o) < 0, sum < thresholds[o])
              << n << ", " << y << ", " << x << ", " << o;
        }
        EXPECT_EQ(pixel[WordsFor(c.outputs) - 1] & UnusedBits(c.outputs), 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, QuantConv2DTest,
    ::testing::Values(Case{1, 32, 32, 1, 16, 5, 5, 2, 2, 1, 2, 1, 2},
                      Case{3, 7, 5, 3, 20, 3, 2, 1, 1, 2, 0, 1, 1},
                      Case{2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
                      Case{1, 2, 90, 2, 17, 4, 4, 3, 1, 3, 3, 3, 3}));

TEST(QuantConv2DTest, TakesFeaturesWithoutChannels) {
  const Case c = {2, 9, 8, 1, 12, 3, 3, 1, 1, 0, 0, 0, 0};
  Random one(1);
  Random other(1);
  OpRunner with = MakeRunner(c, &one);
  OpRunner without = MakeRunner(c, &other, /*rank_3=*/true);
  ASSERT_THAT(with.Plan(), Succeeds());
  ASSERT_THAT(without.Plan(), Succeeds());
  with.Run();
  without.Run();
  EXPECT_EQ(with.Result<Word>(0), without.Result<Word>(0));
}

class QuantConv2DValidationTest : public ::testing::Test {
 protected:
  Random random_{1};
  OpRunner runner_ =
      MakeRunner({1, 9, 8, 2, 12, 3, 3, 1, 1, 1, 1, 1, 1}, &random_);
};

TEST_F(QuantConv2DValidationTest, ChecksFeatures) {
  runner_.input(0).type = ElementType::kInt8;
  EXPECT_THAT(runner_.Plan(), FailsWith("features has to be float32"));
  runner_.input(0) = {ElementType::kFloat32, {9, 8}};
  EXPECT_THAT(runner_.Plan(), FailsWith("features has to be of rank 4"));
  runner_.input(0).shape = {1, 9, 8, 1};
  EXPECT_THAT(runner_.Plan(), FailsWith("but features of 1 channels"));
  runner_.input(0).shape = {1, 0, 8, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("below 1"));
  runner_.input(0).shape = {1 << 10, 1 << 10, 1 << 10, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("more than"));
}

TEST_F(QuantConv2DValidationTest, ChecksWeights) {
  runner_.input(1).constant = nullptr;
  EXPECT_THAT(runner_.Plan(), FailsWith("weights has to be a constant"));
  runner_.input(1).constant = "";
  runner_.input(1).constant_bytes -= 1;
  EXPECT_THAT(runner_.Plan(), FailsWith("takes 216 bytes, the model has 215"));
  runner_.input(1).shape = {12, 12, 3, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("exceeds the padded input"));
  runner_.input(1).shape = {12, 1, 3, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("has to be smaller than the kernel"));
  runner_.input(1).shape = {12, 1 << 9, 1 << 9, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("a sum has at most"));
}

TEST_F(QuantConv2DValidationTest, ChecksThresholds) {
  runner_.input(2).shape = {13};
  EXPECT_THAT(runner_.Plan(), FailsWith("thresholds has to be of shape [12]"));
  runner_.input(2).type = ElementType::kInt16;
  EXPECT_THAT(runner_.Plan(), FailsWith("thresholds has to be int32"));
}

TEST_F(QuantConv2DValidationTest, ChecksHowManyTensorsThereAre) {
  EXPECT_THAT(runner_.Plan(0), FailsWith("outputs, got 0"));
  EXPECT_THAT(runner_.Plan(2), FailsWith("outputs, got 2"));
  runner_.Remove(2);
  EXPECT_THAT(runner_.Plan(), FailsWith("input thresholds is missing"));
  runner_.RemoveLast();
  EXPECT_THAT(runner_.Plan(), FailsWith("inputs, got 2"));
}

}  // namespace
}  // namespace bifsmn
