#include "custom_ops/kernels/dense.h"

#include <cmath>

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/float16.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

constexpr int kInputs = 3 * 20;
constexpr int kOutputs = 5;

class DenseOpTest : public ::testing::Test {
 protected:
  template <typename Residual, typename Weight>
  OpRunner Runner(const std::vector<Residual>& residual, ElementType type,
                  const std::vector<Weight>& weights) {
    OpRunner runner("BifsmnDense", {});
    runner.Add({2, 3, 1, 20}, residual);
    runner.AddConstant({kOutputs, kInputs}, weights);
    runner.input(1).type = type;
    runner.AddConstant({2, kOutputs}, scale_bias_);
    return runner;
  }

  OpRunner IntegerRunner() {
    return Runner(int16s_, ElementType::kInt8, bytes_);
  }

  Random random_{3};
  const std::vector<float> scale_bias_ = random_.Floats(2 * kOutputs);
  const std::vector<int16_t> int16s_ =
      random_.Integers<int16_t>(2 * kInputs, -32768, 32767);
  const std::vector<int8_t> bytes_ =
      random_.Integers<int8_t>(kOutputs * kInputs, -128, 127);
  const std::vector<float> floats_ = random_.Floats(2 * kInputs);
};

TEST_F(DenseOpTest, WeighsIntegers) {
  OpRunner runner = IntegerRunner();
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{2, kOutputs}));
  EXPECT_EQ(runner.output(0).type, ElementType::kFloat32);
  runner.Run();
  const auto logits = runner.Result<float>(0);
  for (int n = 0; n < 2; ++n) {
    for (int o = 0; o < kOutputs; ++o) {
      int sum = 0;
      for (int i = 0; i < kInputs; ++i) {
        sum += int16s_[n * kInputs + i] * bytes_[o * kInputs + i];
      }
      volatile float expected = static_cast<float>(sum) * scale_bias_[o];
      expected = expected + scale_bias_[kOutputs + o];
      EXPECT_EQ(logits[n * kOutputs + o], expected);
    }
  }
}

// The logits of any residual and weights, as doubles.
template <typename Residual>
void ExpectLogits(OpRunner runner, const std::vector<Residual>& residual,
                  const std::vector<double>& weights,
                  const std::vector<float>& scale_bias) {
  ASSERT_THAT(runner.Plan(), Succeeds());
  runner.Run();
  const auto logits = runner.Result<float>(0);
  for (int n = 0; n < 2; ++n) {
    for (int o = 0; o < kOutputs; ++o) {
      double sum = 0.0;
      double largest = 1.0;
      for (int i = 0; i < kInputs; ++i) {
        const double product =
            residual[n * kInputs + i] * weights[o * kInputs + i];
        sum += product;
        largest = std::fmax(largest, std::fabs(product));
      }
      EXPECT_NEAR(logits[n * kOutputs + o],
                  sum * scale_bias[o] + scale_bias[kOutputs + o],
                  1e-5 * largest);
    }
  }
}

TEST_F(DenseOpTest, WeighsAnythingInFloats) {
  const auto floats = random_.Floats(kOutputs * kInputs);
  const auto halves =
      random_.Integers<uint16_t>(kOutputs * kInputs, 0x3000, 0x4000);
  const std::vector<float> from_halves = FromFloat16(halves);
  const std::vector<double> of_floats(floats.begin(), floats.end());
  const std::vector<double> of_halves(from_halves.begin(), from_halves.end());
  const std::vector<double> of_bytes(bytes_.begin(), bytes_.end());
  ExpectLogits(Runner(floats_, ElementType::kFloat32, floats), floats_,
               of_floats, scale_bias_);
  ExpectLogits(Runner(floats_, ElementType::kFloat16, halves), floats_,
               of_halves, scale_bias_);
  ExpectLogits(Runner(floats_, ElementType::kInt8, bytes_), floats_, of_bytes,
               scale_bias_);
  ExpectLogits(Runner(int16s_, ElementType::kFloat32, floats), int16s_,
               of_floats, scale_bias_);
  ExpectLogits(Runner(int16s_, ElementType::kFloat16, halves), int16s_,
               of_halves, scale_bias_);
}

TEST_F(DenseOpTest, ChecksItsTensors) {
  OpRunner runner = IntegerRunner();
  runner.input(0).type = ElementType::kInt32;
  EXPECT_THAT(runner.Plan(),
              FailsWith("stream has to be int16 or float32, is int32"));
  runner = Runner(floats_, ElementType::kInt32, floats_);
  EXPECT_THAT(runner.Plan(),
              FailsWith("weights has to be float16 or float32, is int32"));
  runner = IntegerRunner();
  runner.input(1).shape = {kInputs, kOutputs};
  EXPECT_THAT(runner.Plan(), FailsWith("but 60 values to weigh"));
  runner = IntegerRunner();
  runner.input(1).constant_bytes -= 1;
  EXPECT_THAT(runner.Plan(), FailsWith("takes 300 bytes"));
  runner = IntegerRunner();
  runner.input(2).shape = {kOutputs, 2};
  EXPECT_THAT(runner.Plan(), FailsWith("scale_bias has to be of shape [2, 5]"));
}

TEST_F(DenseOpTest, UnpacksWeights) {
  const auto runner_of = [](const std::vector<int8_t>& packed) {
    OpRunner runner("BifsmnDense", {});
    runner.Add({1, 1, 1, 2}, std::vector<int16_t>{10, 1});
    runner.AddConstant({static_cast<int>(packed.size())}, packed);
    runner.AddConstant({2, 2}, std::vector<float>{1.0f, 2.0f, 0.0f, 0.5f});
    return runner;
  };
  // 7 and 8, 127 and 126; then 127 and 128.
  OpRunner runner = runner_of({7, 0, 0, 0b1001, 127, 0, 0, 0b101});
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{1, 2}));
  runner.Run();
  EXPECT_EQ(runner.Result<float>(0), (std::vector<float>{78.0f, 2792.5f}));
  runner = runner_of({7, 0, 0, 0b1001, 127, 0, 0, 0b1001});
  EXPECT_THAT(runner.Plan(), FailsWith("weights have a packed 128"));
  runner = runner_of({7, 0, 0, 0b1001});
  EXPECT_THAT(runner.Plan(), FailsWith("weights: row 1 of packed integers"));
  runner.input(2).shape = {4};
  EXPECT_THAT(runner.Plan(), FailsWith("scale_bias has to be of rank 2"));
}

TEST_F(DenseOpTest, RefusesSumsThatWouldOverflow) {
  OpRunner runner("BifsmnDense", {});
  const int inputs = kMaxDenseWeights / 128 + 1;
  runner.Add({1, inputs, 1, 1}, std::vector<int16_t>(inputs));
  runner.AddConstant({1, inputs}, std::vector<int8_t>(inputs, -128));
  runner.AddConstant({2, 1}, std::vector<float>{1.0f, 0.0f});
  EXPECT_THAT(runner.Plan(), FailsWith("sum up to at most 65535"));
}

TEST(Float16Test, HasTheValuesOfTheStandard) {
  EXPECT_EQ(FromFloat16(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(FromFloat16(0x8000)));
  EXPECT_EQ(FromFloat16(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(FromFloat16(0x0400), std::ldexp(1.0f, -14));
  EXPECT_EQ(FromFloat16(0x3c00), 1.0f);
  EXPECT_EQ(FromFloat16(0xc100), -2.5f);
  EXPECT_EQ(FromFloat16(0x7bff), 65504.0f);
  EXPECT_EQ(FromFloat16(0xfc00), -INFINITY);
  EXPECT_TRUE(std::isnan(FromFloat16(0x7e00)));
}

}  // namespace
}  // namespace bifsmn
