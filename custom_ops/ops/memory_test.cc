#include "custom_ops/kernels/memory.h"

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

constexpr int kChannels = 20;
constexpr int kSteps = 50;

class MemoryOpTest : public ::testing::Test {
 protected:
  MemoryOpTest() {
    runner_.Add({2, kSteps, 1, 2}, bits_);
    runner_.Add({2, kSteps, 1, kChannels}, residual_);
    runner_.AddConstant({6, 2}, weights_);
    runner_.AddConstant({4, kChannels}, parameters_);
  }

  // Calls check(i, channel, dot) for every element of the result.
  template <typename Check>
  void ForEachDot(const Check& check) {
    size_t i = 0;
    for (int n = 0; n < 2; ++n) {
      for (int t = 0; t < kSteps; ++t) {
        for (int c = 0; c < kChannels; ++c, ++i) {
          int dot = 0;
          const int sources[] = {t - 3, t - 2, t - 1, t, t + 4, t + 8};
          for (int tap = 0; tap < 6; ++tap) {
            if (sources[tap] < 0 || sources[tap] >= kSteps) continue;
            const Word* seen = bits_.data() + (n * kSteps + sources[tap]) * 2;
            dot += Sign(seen, c) * Sign(weights_.data() + tap * 2, c);
          }
          check(i, c, dot);
        }
      }
    }
  }

  Random random_{3};
  const std::vector<Word> bits_ = random_.Bits(2 * kSteps, kChannels);
  const std::vector<float> residual_ =
      random_.Floats(2 * kSteps * kChannels, 9.0f);
  const std::vector<Word> weights_ = random_.Bits(6, kChannels);
  // Scale, offset, slope, threshold.
  const std::vector<float> parameters_ = random_.Floats(4 * kChannels);
  // Three steps back, two ahead, with strides of 1 and 4.
  OpRunner runner_{"BifsmnMemory", {kChannels, 3, 2, 1, 4, 0}};
};

TEST_F(MemoryOpTest, AddsToTheResidual) {
  ASSERT_THAT(runner_.Plan(2), Succeeds());
  EXPECT_EQ(runner_.output(0).shape, (std::vector<int>{2, kSteps, 1, 20}));
  EXPECT_EQ(runner_.output(1).shape, (std::vector<int>{2, kSteps, 1, 2}));
  runner_.Run();

  const std::vector<float> result = runner_.Result<float>(0);
  const std::vector<Word> bits = runner_.Result<Word>(1);
  ForEachDot([&](size_t i, int c, int dot) {
    volatile float v = static_cast<float>(dot) * parameters_[c];
    v = v + parameters_[kChannels + c];
    if (!(v >= 0.0f)) v = v * parameters_[2 * kChannels + c];
    v = residual_[i] + v;
    ASSERT_EQ(result[i], v) << i;
    ASSERT_EQ(Sign(bits.data() + i / kChannels * 2, c) > 0,
              v >= parameters_[3 * kChannels + c]);
  });
}

TEST_F(MemoryOpTest, AddsToAResidualOfInt16) {
  const auto int16s = random_.Integers<int16_t>(4 * kChannels, -32767, 32767);
  const auto residual =
      random_.Integers<int16_t>(2 * kSteps * kChannels, -32768, 32767);
  OpRunner runner("BifsmnMemory", {kChannels, 3, 2, 1, 4, 9});
  runner.Add({2, kSteps, 1, 2}, bits_);
  runner.Add({2, kSteps, 1, kChannels}, residual);
  runner.AddConstant({6, 2}, weights_);
  runner.AddConstant({4, kChannels}, int16s);
  ASSERT_THAT(runner.Plan(2), Succeeds());
  runner.Run();
  const std::vector<int16_t> result = runner.Result<int16_t>(0);
  const std::vector<Word> bits = runner.Result<Word>(1);
  const int16_t* rows = int16s.data();
  const Int16Residual parameters = {
      rows, rows + kChannels, rows + 2 * kChannels, rows + 3 * kChannels, 9};
  ForEachDot([&](size_t i, int c, int dot) {
    ASSERT_EQ(result[i], Int16ResidualValue(parameters, c, dot, residual[i]))
        << i;
    ASSERT_EQ(Sign(bits.data() + i / kChannels * 2, c) < 0,
              result[i] < parameters.threshold[c]);
  });
}

// A stream's step gives what the whole sequence gives, if its bits begin early
// enough.
TEST_F(MemoryOpTest, SeesFramesBeforeTheResidual) {
  constexpr int kFirst = 37;
  for (const bool in_floats : {false, true}) {
    Random random(5);
    const std::vector<int> shape = {1, kSteps, 1, kChannels};
    const std::vector<int> new_shape = {1, kSteps - kFirst, 1, kChannels};
    OpRunner whole("BifsmnMemory", {kChannels, 3, 2, 1, 4, in_floats ? 0 : 9});
    OpRunner step("BifsmnMemory", {kChannels, 3, 2, 1, 4, in_floats ? 0 : 9});
    const std::vector<Word> bits(bits_.begin(), bits_.begin() + kSteps * 2);
    const auto add_residual = [&](auto residual) {
      whole.Add(shape, residual);
      residual.erase(residual.begin(), residual.begin() + kFirst * kChannels);
      step.Add(new_shape, residual);
    };
    for (OpRunner* runner : {&whole, &step})
      runner->Add({1, kSteps, 1, 2}, bits);
    if (in_floats) {
      add_residual(random.Floats(kSteps * kChannels));
    } else {
      add_residual(random.Integers<int16_t>(kSteps * kChannels, -9999, 9999));
    }
    const auto integers =
        random.Integers<int16_t>(4 * kChannels, -32767, 32767);
    for (OpRunner* runner : {&whole, &step}) {
      runner->AddConstant({6, 2}, weights_);
      if (in_floats) {
        runner->AddConstant({4, kChannels}, parameters_);
      } else {
        runner->AddConstant({4, kChannels}, integers);
      }
      ASSERT_THAT(runner->Plan(2), Succeeds());
      runner->Run();
    }
    EXPECT_EQ(step.output(0).shape, new_shape);
    for (int i = 0; i < 2; ++i) {
      std::vector<char> expected = whole.Result<char>(i);
      expected.erase(expected.begin(),
                     expected.begin() + expected.size() / kSteps * kFirst);
      EXPECT_EQ(step.Result<char>(i), expected);
    }
  }
}

TEST_F(MemoryOpTest, LeavesBitsOut) {
  ASSERT_THAT(runner_.Plan(2), Succeeds());
  runner_.Run();
  const std::vector<float> result = runner_.Result<float>(0);
  ASSERT_THAT(runner_.Plan(1), Succeeds());
  runner_.Run();
  EXPECT_EQ(runner_.Result<float>(0), result);
}

TEST_F(MemoryOpTest, ChecksBitsAndResidual) {
  runner_.input(1).shape = {2, kSteps, 1, kChannels + 1};
  EXPECT_THAT(runner_.Plan(), FailsWith("stream has to be of shape"));
  runner_.input(1).shape = {2, kSteps + 1, 1, kChannels};
  EXPECT_THAT(runner_.Plan(),
              FailsWith("bits of 50 frames for a stream of 51"));
  runner_.input(1).shape = {2, 0, 1, kChannels};
  EXPECT_THAT(runner_.Plan(), FailsWith("a size below 1"));
  runner_.input(0).shape = {2, kSteps, 2, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("[N, T, 1, 2]"));
  runner_.input(0).shape = {2, kSteps, 1, 1};
  EXPECT_THAT(runner_.Plan(), FailsWith("[N, T, 1, 2]"));
  runner_.input(0).type = ElementType::kInt8;
  EXPECT_THAT(runner_.Plan(), FailsWith("bits has to be int16"));
}

TEST_F(MemoryOpTest, ChecksWeights) {
  runner_.input(2).shape = {7, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("weights has to be of shape [6, 2]"));
  runner_.input(2).shape = {6, 2};
  const std::vector<Word> ones(12, 0xffff);
  runner_.input(2).constant = ones.data();
  EXPECT_THAT(runner_.Plan(), FailsWith("weights has bits set beyond"));
  runner_.input(2).constant = nullptr;
  EXPECT_THAT(runner_.Plan(), FailsWith("weights has to be a constant"));
}

}  // namespace
}  // namespace bifsmn
