#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

constexpr int kChannels = 20;
constexpr int kOutputs = 18;

// Geometries with and without padding: only the latter is one kernel's work.
const ConvGeometry kPadded = {9, 7, 3, 2, 1, 2, 1, 1, 9, 4};
const ConvGeometry kWhole = {9, 7, 3, 2, 1, 2, 0, 0, 7, 3};

class Conv2DAddTest : public ::testing::Test {
 protected:
  // A residual of T over `geometry`, with sums shifted by `shift`.
  template <typename T>
  OpRunner Runner(const ConvGeometry& geometry,
                  const std::vector<T>& parameters, int shift) {
    const int pad = geometry.pad_top;
    OpRunner runner("BifsmnConv2DAdd",
                    {kChannels, 1, 2, pad, pad, pad, 0, shift});
    runner.Add({2, 9, 7, 2}, bits_);
    runner.AddConstant({kOutputs, 3, 2, 2}, weights_);
    runner.AddConstant({4, kOutputs}, parameters);
    return runner;
  }

  OpRunner FloatRunner() { return Runner(kPadded, Floats(), 0); }

  std::vector<float> Floats() {
    Random random(4);
    std::vector<float> parameters = random.Floats(kOutputs);
    for (const float scale : {20.0f, 1.0f, 20.0f}) {
      const auto row = random.Floats(kOutputs, scale);
      parameters.insert(parameters.end(), row.begin(), row.end());
    }
    return parameters;
  }

  std::vector<int16_t> Int16s() {
    return Random(4).Integers<int16_t>(4 * kOutputs, -32767, 32767);
  }

  // Calls check(i, output, dot) for every element of the result.
  template <typename Check>
  void ForEachDot(const ConvGeometry& geometry, const Check& check) {
    size_t i = 0;
    for (int n = 0; n < 2; ++n) {
      for (int y = 0; y < geometry.output_h; ++y) {
        for (int x = 0; x < geometry.output_w; ++x) {
          for (int o = 0; o < kOutputs; ++o, ++i) {
            check(
                i, o,
                ReferenceDot(bits_.data() + n * 9 * 7 * 2, geometry, kChannels,
                             y, x, weights_.data() + o * 3 * 2 * 2));
          }
        }
      }
    }
  }

  void ExpectFloats(const OpRunner& runner, const float* residual) {
    const std::vector<float> parameters = Floats();
    const std::vector<float> result = runner.Result<float>(0);
    ForEachDot(kPadded, [&](size_t i, int o, int dot) {
      volatile float v = static_cast<float>(dot) * parameters[o];
      v = v + parameters[kOutputs + o];
      if (!(v >= 0.0f)) v = v * parameters[2 * kOutputs + o];
      if (residual != nullptr) v = residual[i] + v;
      ASSERT_EQ(result[i], v) << i;
    });
  }

  template <typename T>
  void ExpectSigns(const OpRunner& runner, const std::vector<T>& parameters) {
    const std::vector<T> result = runner.Result<T>(0);
    const std::vector<Word> bits = runner.Result<Word>(1);
    for (size_t i = 0; i < result.size(); ++i) {
      const Word* pixel = bits.data() + i / kOutputs * WordsFor(kOutputs);
      EXPECT_EQ(Sign(pixel, i % kOutputs) > 0,
                result[i] >= parameters[3 * kOutputs + i % kOutputs]);
      EXPECT_EQ(pixel[1] & UnusedBits(kOutputs), 0);
    }
  }

  Random random_{3};
  const std::vector<Word> bits_ = random_.Bits(2 * 9 * 7, kChannels);
  const std::vector<Word> weights_ = random_.Bits(kOutputs * 6, kChannels);
};

TEST_F(Conv2DAddTest, AddsToAResidualOfFloats) {
  OpRunner runner = FloatRunner();
  const auto residual = random_.Floats(2 * 9 * 4 * kOutputs, 50.0f);
  runner.Add({2, 9, 4, kOutputs}, residual);
  ASSERT_THAT(runner.Plan(2), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{2, 9, 4, kOutputs}));
  EXPECT_EQ(runner.output(0).type, ElementType::kFloat32);
  EXPECT_EQ(runner.output(1).shape, (std::vector<int>{2, 9, 4, 2}));
  EXPECT_EQ(runner.output(1).type, ElementType::kInt16);
  runner.Run();
  ExpectFloats(runner, residual.data());
  ExpectSigns(runner, Floats());
}

TEST_F(Conv2DAddTest, BeginsAResidualOfFloats) {
  OpRunner runner = FloatRunner();
  ASSERT_THAT(runner.Plan(2), Succeeds());
  runner.Run();
  ExpectFloats(runner, nullptr);
  ExpectSigns(runner, Floats());
}

TEST_F(Conv2DAddTest, LeavesBitsOut) {
  OpRunner runner = FloatRunner();
  runner.AddAbsent();
  ASSERT_THAT(runner.Plan(1), Succeeds());
  runner.Run();
  ExpectFloats(runner, nullptr);
}

TEST_F(Conv2DAddTest, AddsToAResidualOfInt16) {
  const std::vector<int16_t> int16s = Int16s();
  const Int16Residual parameters = {int16s.data(), int16s.data() + kOutputs,
                                    int16s.data() + 2 * kOutputs,
                                    int16s.data() + 3 * kOutputs, 5};
  for (const ConvGeometry& geometry : {kPadded, kWhole}) {
    for (const bool with_residual : {true, false}) {
      OpRunner runner = Runner(geometry, int16s, 5);
      const std::vector<int> shape = {2, geometry.output_h, geometry.output_w,
                                      kOutputs};
      const auto residual = random_.Integers<int16_t>(
          2 * geometry.output_h * geometry.output_w * kOutputs, -32768, 32767);
      if (with_residual) runner.Add(shape, residual);
      ASSERT_THAT(runner.Plan(2), Succeeds());
      EXPECT_EQ(runner.output(0).shape, shape);
      EXPECT_EQ(runner.output(0).type, ElementType::kInt16);
      runner.Run();
      const std::vector<int16_t> result = runner.Result<int16_t>(0);
      ForEachDot(geometry, [&](size_t i, int o, int dot) {
        ASSERT_EQ(result[i],
                  Int16ResidualValue(parameters, o, dot,
                                     with_residual ? residual[i] : 0))
            << i;
      });
      ExpectSigns(runner, int16s);
    }
  }
}

TEST_F(Conv2DAddTest, ChecksTheResidual) {
  OpRunner runner = FloatRunner();
  runner.Add({2, 9, 7, kOutputs}, random_.Floats(2 * 9 * 7 * kOutputs));
  EXPECT_THAT(runner.Plan(), FailsWith("residual has to be of shape [2, 9, 4"));
  runner.input(3).type = ElementType::kInt16;
  EXPECT_THAT(runner.Plan(), FailsWith("residual has to be float32"));
}

TEST_F(Conv2DAddTest, ChecksParameters) {
  OpRunner runner = FloatRunner();
  runner.input(2).shape = {3, kOutputs};
  EXPECT_THAT(runner.Plan(),
              FailsWith("parameters has to be of shape [4, 18]"));
  runner.input(2).shape = {4, kOutputs};
  runner.input(2).type = ElementType::kInt32;
  EXPECT_THAT(runner.Plan(),
              FailsWith("parameters has to be int16 or float32, is int32"));
  runner.input(2).type = ElementType::kFloat32;
  runner.input(2).constant = nullptr;
  EXPECT_THAT(runner.Plan(), FailsWith("parameters has to be a constant"));
}

TEST_F(Conv2DAddTest, ChecksTheShift) {
  EXPECT_THAT(Runner(kWhole, Floats(), 1).Plan(),
              FailsWith("a float residual has shift 0, not 1"));
  // 120 products, shifted by 8, are 30,720; by 9 they would not fit.
  EXPECT_THAT(Runner(kWhole, Int16s(), 8).Plan(), Succeeds());
  for (const int shift : {-1, 9, 15, 1 << 30}) {
    EXPECT_THAT(Runner(kWhole, Int16s(), shift).Plan(),
                FailsWith("do not fit 16 bits"));
  }
}

TEST(Conv2DAddInputTest, UnusedBitsOfAnInputDoNoHarm) {
  // A word of 16 disagreements where there is one channel, shifted as far as
  // one product may be.
  OpRunner runner("BifsmnConv2DAdd", {1, 1, 1, 0, 0, 0, 0, 14});
  runner.Add<Word>({1, 1, 1, 1}, {0xffff});
  runner.AddConstant<Word>({1, 1, 1, 1}, {0});
  runner.AddConstant<int16_t>({4, 1}, {32767, 0, 32767, 0});
  ASSERT_THAT(runner.Plan(), Succeeds());
  runner.Run();
}

TEST_F(Conv2DAddTest, ChecksScalesAndSlopes) {
  for (const int row : {0, 2}) {
    std::vector<int16_t> parameters = Int16s();
    parameters[row * kOutputs + 5] = -32768;
    EXPECT_THAT(Runner(kWhole, parameters, 0).Plan(),
                FailsWith("a scale or slope is -32768 (channel 5)"));
  }
}

TEST_F(Conv2DAddTest, ChecksHowManyTensorsThereAre) {
  OpRunner runner = FloatRunner();
  EXPECT_THAT(runner.Plan(0), FailsWith("has 1 to 2 outputs, got 0"));
  EXPECT_THAT(runner.Plan(3), FailsWith("has 1 to 2 outputs, got 3"));
  runner.RemoveLast();
  EXPECT_THAT(runner.Plan(), FailsWith("takes 3 to 4 inputs, got 2"));
}

}  // namespace
}  // namespace bifsmn
