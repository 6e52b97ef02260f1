#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

constexpr int kChannels = 20;
constexpr int kOutputs = 18;

class Conv2DAddTest : public ::testing::Test {
 protected:
  Conv2DAddTest() {
    runner_.Add({2, 9, 7, 2}, bits_);
    runner_.AddConstant({kOutputs, 3, 2, 2}, weights_);
    for (const auto& vector : {scale_, offset_, slope_, threshold_}) {
      runner_.AddConstant({kOutputs}, vector);
    }
  }

  void ExpectSums(const float* residual) {
    const std::vector<float> stream = runner_.Result<float>(0);
    size_t i = 0;
    for (int n = 0; n < 2; ++n) {
      for (int y = 0; y < geometry_.output_h; ++y) {
        for (int x = 0; x < geometry_.output_w; ++x) {
          for (int o = 0; o < kOutputs; ++o, ++i) {
            const int dot =
                ReferenceDot(bits_.data() + n * 9 * 7 * 2, geometry_, kChannels,
                             y, x, weights_.data() + o * 3 * 2 * 2);
            volatile float v = static_cast<float>(dot) * scale_[o];
            v = v + offset_[o];
            if (!(v >= 0.0f)) v = v * slope_[o];
            if (residual != nullptr) v = residual[i] + v;
            ASSERT_EQ(stream[i], v) << n << ", " << y << ", " << x;
          }
        }
      }
    }
  }

  void ExpectSigns() {
    const std::vector<float> stream = runner_.Result<float>(0);
    const std::vector<Word> bits = runner_.Result<Word>(1);
    for (size_t i = 0; i < stream.size(); ++i) {
      const Word* pixel = bits.data() + i / kOutputs * WordsFor(kOutputs);
      EXPECT_EQ(Sign(pixel, i % kOutputs) > 0,
                stream[i] >= threshold_[i % kOutputs]);
      EXPECT_EQ(pixel[1] & UnusedBits(kOutputs), 0);
    }
  }

  const ConvGeometry geometry_ = {9, 7, 3, 2, 1, 2, 1, 1, 9, 4};
  const size_t elements_ = 2 * 9 * 4 * kOutputs;
  Random random_{3};
  const std::vector<Word> bits_ = random_.Bits(2 * 9 * 7, kChannels);
  const std::vector<Word> weights_ = random_.Bits(kOutputs * 6, kChannels);
  const std::vector<float> scale_ = random_.Floats(kOutputs);
  const std::vector<float> offset_ = random_.Floats(kOutputs, 20.0f);
  const std::vector<float> slope_ = random_.Floats(kOutputs);
  const std::vector<float> threshold_ = random_.Floats(kOutputs, 20.0f);
  const std::vector<float> residual_ = random_.Floats(elements_, 50.0f);
  OpRunner runner_{"BifsmnConv2DAdd", {kChannels, 1, 2, 1, 1, 1, 0}};
};

TEST_F(Conv2DAddTest, AddsToTheStream) {
  runner_.Add({2, 9, 4, kOutputs}, residual_);
  ASSERT_THAT(runner_.Plan(2), Succeeds());
  EXPECT_EQ(runner_.output(0).shape, (std::vector<int>{2, 9, 4, kOutputs}));
  EXPECT_EQ(runner_.output(0).type, ElementType::kFloat32);
  EXPECT_EQ(runner_.output(1).shape, (std::vector<int>{2, 9, 4, 2}));
  EXPECT_EQ(runner_.output(1).type, ElementType::kInt16);
  runner_.Run();
  ExpectSums(residual_.data());
  ExpectSigns();
}

TEST_F(Conv2DAddTest, BeginsAStream) {
  ASSERT_THAT(runner_.Plan(2), Succeeds());
  runner_.Run();
  ExpectSums(nullptr);
  ExpectSigns();
}

TEST_F(Conv2DAddTest, LeavesBitsOut) {
  runner_.AddAbsent();
  ASSERT_THAT(runner_.Plan(1), Succeeds());
  runner_.Run();
  ExpectSums(nullptr);
}

TEST_F(Conv2DAddTest, ChecksTheResidual) {
  runner_.Add({2, 9, 4, kOutputs}, residual_);
  runner_.input(6).shape = {2, 9, 7, kOutputs};
  EXPECT_THAT(runner_.Plan(),
              FailsWith("residual has to be of shape [2, 9, 4"));
  runner_.input(6).type = ElementType::kInt16;
  EXPECT_THAT(runner_.Plan(), FailsWith("residual has to be float32"));
}

TEST_F(Conv2DAddTest, ChecksTheEpilogue) {
  const char* const kNames[] = {"scale", "offset", "slope", "threshold"};
  for (int i = 0; i < 4; ++i) {
    const TensorInfo good = runner_.input(2 + i);
    runner_.input(2 + i).shape = {kOutputs + 1};
    EXPECT_THAT(runner_.Plan(),
                FailsWith(std::string(kNames[i]) + " has to be of shape [18]"));
    runner_.input(2 + i) = good;
    runner_.input(2 + i).constant = nullptr;
    EXPECT_THAT(runner_.Plan(),
                FailsWith(std::string(kNames[i]) + " has to be a constant"));
    runner_.input(2 + i) = good;
  }
}

TEST_F(Conv2DAddTest, ChecksHowManyTensorsThereAre) {
  EXPECT_THAT(runner_.Plan(0), FailsWith("has 1 to 2 outputs, got 0"));
  EXPECT_THAT(runner_.Plan(3), FailsWith("has 1 to 2 outputs, got 3"));
  runner_.RemoveLast();
  EXPECT_THAT(runner_.Plan(), FailsWith("takes 6 to 7 inputs, got 5"));
}

}  // namespace
}  // namespace bifsmn
