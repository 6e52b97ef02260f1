#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

class FloatConv2DTest : public ::testing::Test {
 protected:
  FloatConv2DTest() {
    runner_.Add({2, 7, 6, 2}, features_);
    runner_.AddConstant({17, 3, 2, 2}, weights_);
    runner_.AddConstant({17}, thresholds_);
  }

  Random random_{3};
  const std::vector<float> features_ = random_.Floats(2 * 7 * 6 * 2);
  const std::vector<float> weights_ = random_.Floats(17 * 12);
  const std::vector<float> thresholds_ = random_.Floats(17);
  // Strides of 2 and 1; padding of 1 above and below, and 1 at the left.
  OpRunner runner_{"BifsmnFloatConv2D", {2, 1, 1, 1, 1, 0}};
};

TEST_F(FloatConv2DTest, ComparesSumsInTheOrderOfTheWeights) {
  ASSERT_THAT(runner_.Plan(), Succeeds());
  EXPECT_EQ(runner_.output(0).shape, (std::vector<int>{2, 4, 6, 2}));
  runner_.Run();
  const std::vector<Word> bits = runner_.Result<Word>(0);
  const Word* pixel = bits.data();
  for (int n = 0; n < 2; ++n) {
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 6; ++x, pixel += 2) {
        for (int o = 0; o < 17; ++o) {
          volatile float sum = 0.0f;
          for (int k = 0; k < 12; ++k) {
            const int row = y * 2 - 1 + k / 4;
            const int column = x - 1 + k / 2 % 2;
            if (row < 0 || row >= 7 || column < 0) continue;
            volatile float product =
                features_[((n * 7 + row) * 6 + column) * 2 + k % 2] *
                weights_[o * 12 + k];
            sum = sum + product;
          }
          ASSERT_EQ(Sign(pixel, o) > 0, sum >= thresholds_[o])
              << n << ", " << y << ", " << x << ", " << o;
        }
        EXPECT_EQ(pixel[1] & UnusedBits(17), 0);
      }
    }
  }
}

TEST_F(FloatConv2DTest, ChecksItsTensors) {
  runner_.input(2).shape = {16};
  EXPECT_THAT(runner_.Plan(), FailsWith("thresholds has to be of shape [17]"));
  runner_.input(1).constant = nullptr;
  EXPECT_THAT(runner_.Plan(), FailsWith("weights has to be a constant"));
  runner_.input(1).shape = {17, 3, 2, 1};
  EXPECT_THAT(runner_.Plan(), FailsWith("but features of 2 channels"));
  runner_.input(0).type = ElementType::kInt16;
  EXPECT_THAT(runner_.Plan(), FailsWith("features has to be float32"));
}

}  // namespace
}  // namespace bifsmn
