#include <algorithm>
#include <cmath>

#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/activation_bits.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

struct Case {
  int batch, height, width, channels, outputs, kernel_h, kernel_w;
  int stride_h, stride_w, top, bottom, left, right;
};

constexpr float kInverse = 0.25f;

// Of dot products, in the words of the definition.
struct Parameters {
  explicit Parameters(int outputs) {
    Random random(9);
    scale = random.Floats(outputs, 0.2f);
    offset = random.Floats(outputs, 60.0f);
    slope = random.Floats(outputs, 1.0f);
    threshold = random.Floats(outputs, 90.0f);
  }

  std::vector<float> Rows(int activation_bits) const {
    std::vector<float> rows = scale;
    for (const auto* row : {&offset, &slope}) {
      rows.insert(rows.end(), row->begin(), row->end());
    }
    for (int t = 0; t < ThresholdsOf(activation_bits); ++t) {
      for (size_t o = 0; o < threshold.size(); ++o) {
        rows.push_back(Threshold(static_cast<int>(o), t));
      }
    }
    return rows;
  }

  // In no order.
  float Threshold(int o, int t) const {
    constexpr float kApart[] = {0.0f, -35.0f, 20.0f};
    return threshold[o] + kApart[t];
  }

  float Value(int o, int dot) const {
    const float u = static_cast<float>(dot) * scale[o] + offset[o];
    return u >= 0.0f ? u : u * slope[o];
  }

  std::vector<float> scale, offset, slope, threshold;
};

// An op with random operands.
struct Operands {
  explicit Operands(const Case& the_case) : c(the_case), map(c.outputs) {
    Random random(c.height);
    values = random.Integers<int8_t>(c.batch * c.height * c.width * c.channels,
                                     -128, 127);
    weights = random.Integers<int8_t>(
        c.outputs * c.kernel_h * c.kernel_w * c.channels, -127, 127);
    output_h = (c.height + c.top + c.bottom - c.kernel_h) / c.stride_h + 1;
    output_w = (c.width + c.left + c.right - c.kernel_w) / c.stride_w + 1;
  }

  std::vector<int> output_shape() const {
    return {c.batch, output_h, output_w, c.outputs};
  }
  int elements() const { return c.batch * output_h * output_w * c.outputs; }

  template <typename Value>
  OpRunner Runner(const std::vector<Value>& content, int bits,
                  int activation_bits = 1) const {
    std::vector<int32_t> options = {c.stride_h,   c.stride_w, c.top,
                                    c.bottom,     c.left,     c.right,
                                    BitsOf(1.0f), bits,       BitsOf(kInverse)};
    if (activation_bits > 1) options.push_back(activation_bits);
    OpRunner runner("BifsmnInt8Conv2D", options);
    runner.Add({c.batch, c.height, c.width, c.channels}, content);
    runner.AddConstant({c.outputs, c.kernel_h, c.kernel_w, c.channels},
                       weights);
    runner.AddConstant({3 + ThresholdsOf(activation_bits), c.outputs},
                       map.Rows(activation_bits));
    return runner;
  }

  // The sum behind an element of the result.
  int Dot(int element) const {
    const int o = element % c.outputs;
    const int x = element / c.outputs % output_w;
    const int y = element / c.outputs / output_w % output_h;
    const int n = element / c.outputs / output_w / output_h;
    int sum = 0;
    for (int ky = 0; ky < c.kernel_h; ++ky) {
      for (int kx = 0; kx < c.kernel_w; ++kx) {
        const int row = y * c.stride_h - c.top + ky;
        const int column = x * c.stride_w - c.left + kx;
        if (row < 0 || row >= c.height || column < 0 || column >= c.width) {
          continue;
        }
        for (int i = 0; i < c.channels; ++i) {
          sum +=
              values[((n * c.height + row) * c.width + column) * c.channels +
                     i] *
              weights[((o * c.kernel_h + ky) * c.kernel_w + kx) * c.channels +
                      i];
        }
      }
    }
    return sum;
  }

  float Value(int element) const {
    return map.Value(element % c.outputs, Dot(element));
  }

  // The sign that the op gives for an element.
  int SignOf(const std::vector<Word>& bits, int element) const {
    const int pixel = element / c.outputs;
    return Sign(bits.data() + ptrdiff_t{pixel} * WordsFor(c.outputs),
                element % c.outputs);
  }

  Case c;
  Parameters map;
  std::vector<int8_t> values, weights;
  int output_h, output_w;
};

int Clamped(float value, int least, int most) {
  return std::clamp(static_cast<int>(std::nearbyint(value)), least, most);
}

class Int8Conv2DTest : public ::testing::TestWithParam<Case> {
 protected:
  Operands operands_{GetParam()};
};

TEST_P(Int8Conv2DTest, GivesTheNextConvolutionsValues) {
  OpRunner runner = operands_.Runner(operands_.values, 8);
  ASSERT_THAT(runner.Plan(2), Succeeds());
  ASSERT_EQ(runner.output(0).shape, operands_.output_shape());
  ASSERT_EQ(runner.output(0).type, ElementType::kInt8);
  runner.Run();
  const auto result = runner.Result<int8_t>(0);
  const auto bits = runner.Result<Word>(1);
  for (int i = 0; i < operands_.elements(); ++i) {
    const float value = operands_.Value(i);
    ASSERT_EQ(result[i], Clamped(value * kInverse, -128, 127)) << i;
    const float threshold = operands_.map.threshold[i % operands_.c.outputs];
    ASSERT_EQ(operands_.SignOf(bits, i), value >= threshold ? 1 : -1) << i;
  }
}

TEST_P(Int8Conv2DTest, AddsToTheResidualOfIntegers) {
  Random random(4);
  const auto residual =
      random.Integers<int16_t>(operands_.elements(), -32768, 32767);
  OpRunner runner = operands_.Runner(operands_.values, 16);
  runner.Add(operands_.output_shape(), residual);
  ASSERT_THAT(runner.Plan(2), Succeeds());
  runner.Run();
  const auto result = runner.Result<int16_t>(0);
  const auto bits = runner.Result<Word>(1);
  for (int i = 0; i < operands_.elements(); ++i) {
    const int added = Clamped(operands_.Value(i) * kInverse, -32768, 32767);
    const int sum = std::clamp(residual[i] + added, -32768, 32767);
    ASSERT_EQ(result[i], sum) << i;
    const float threshold = operands_.map.threshold[i % operands_.c.outputs];
    const bool is_above = static_cast<float>(sum) >= threshold;
    ASSERT_EQ(operands_.SignOf(bits, i), is_above ? 1 : -1) << i;
  }
}

TEST_P(Int8Conv2DTest, StartsTheResidualOfFloats) {
  OpRunner runner = operands_.Runner(operands_.values, 32);
  ASSERT_THAT(runner.Plan(), Succeeds());
  runner.Run();
  const auto result = runner.Result<float>(0);
  for (int i = 0; i < operands_.elements(); ++i) {
    ASSERT_EQ(result[i], operands_.Value(i)) << i;
  }
}

TEST_P(Int8Conv2DTest, GivesActivationsOfTwoBits) {
  for (const int bits : {8, 16, 32}) {
    OpRunner runner = operands_.Runner(operands_.values, bits, 2);
    ASSERT_THAT(runner.Plan(2), Succeeds());
    const int words = WordsFor(operands_.c.outputs);
    ASSERT_EQ(runner.output(1).shape.back(), 2 * words);
    runner.Run();
    const auto levels = runner.Result<Word>(1);
    for (int i = 0; i < operands_.elements(); ++i) {
      const float value = operands_.Value(i);
      const float compared =
          bits == 16
              ? static_cast<float>(Clamped(value * kInverse, -32768, 32767))
              : value;
      const int o = i % operands_.c.outputs;
      int level = 0;
      for (int t = 0; t < kLevelThresholds; ++t) {
        level += compared >= operands_.map.Threshold(o, t) ? 1 : -1;
      }
      const Word* planes =
          levels.data() + ptrdiff_t{2} * words * (i / operands_.c.outputs);
      ASSERT_EQ(2 * Sign(planes, o) + Sign(planes + words, o), level)
          << bits << " " << i;
    }
  }
}

TEST_P(Int8Conv2DTest, RoundsFeatures) {
  std::vector<float> features;
  for (const int8_t value : operands_.values) {
    features.push_back(static_cast<float>(value) + 0.3f);
  }
  OpRunner of_features = operands_.Runner(features, 32);
  OpRunner of_values = operands_.Runner(operands_.values, 32);
  ASSERT_THAT(of_features.Plan(), Succeeds());
  ASSERT_THAT(of_values.Plan(), Succeeds());
  of_features.Run();
  of_values.Run();
  EXPECT_EQ(of_features.Result<float>(0), of_values.Result<float>(0));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Int8Conv2DTest,
    ::testing::Values(Case{1, 32, 32, 1, 16, 5, 5, 2, 2, 1, 2, 1, 2},
                      Case{1, 16, 16, 16, 48, 5, 5, 2, 2, 1, 2, 1, 2},
                      Case{2, 4, 8, 48, 20, 1, 8, 1, 1, 0, 0, 0, 0},
                      Case{3, 7, 5, 3, 20, 3, 2, 1, 1, 2, 0, 1, 1},
                      Case{2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
                      Case{1, 2, 1, 2, 17, 4, 6, 3, 1, 3, 3, 5, 5}));

class Int8Conv2DValidationTest : public ::testing::Test {
 protected:
  Operands operands_{{1, 9, 8, 2, 12, 3, 3, 1, 1, 1, 1, 1, 1}};
  OpRunner runner_ = operands_.Runner(operands_.values, 16);
};

TEST_F(Int8Conv2DValidationTest, ChecksValues) {
  runner_.input(0).type = ElementType::kInt16;
  EXPECT_THAT(runner_.Plan(), FailsWith("values has to be int8"));
  runner_.input(0) = {ElementType::kInt8, {1, 9, 8}};
  EXPECT_THAT(runner_.Plan(), FailsWith("values has to be of rank 4"));
  runner_.input(0).shape = {1, 9, 8, 1};
  EXPECT_THAT(runner_.Plan(), FailsWith("but values of 1 channels"));
}

TEST_F(Int8Conv2DValidationTest, ChecksWeights) {
  operands_.weights.back() = -128;
  runner_ = operands_.Runner(operands_.values, 8);
  EXPECT_THAT(runner_.Plan(), FailsWith("beyond [-127, 127]"));
  runner_.input(1).shape = {12, 12, 3, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("exceeds the padded input"));
  runner_.input(1).shape = {12, 1 << 9, 1 << 9, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("a sum has at most"));
}

TEST_F(Int8Conv2DValidationTest, ChecksParameters) {
  runner_.input(2).shape = {4, 13};
  EXPECT_THAT(runner_.Plan(), FailsWith("has to be of shape [4, 12]"));
  runner_.input(2).type = ElementType::kInt16;
  EXPECT_THAT(runner_.Plan(), FailsWith("parameters has to be float32"));
  OpRunner of_two_bits = operands_.Runner(operands_.values, 16, 2);
  of_two_bits.input(2).shape = {4, 12};
  EXPECT_THAT(of_two_bits.Plan(), FailsWith("has to be of shape [6, 12]"));
}

TEST_F(Int8Conv2DValidationTest, ChecksTheResidual) {
  runner_.Add(operands_.output_shape(),
              std::vector<float>(operands_.elements()));
  EXPECT_THAT(runner_.Plan(), FailsWith("residual has to be int16"));
  runner_.input(3) = {ElementType::kInt16, {1, 9, 8, 11}};
  EXPECT_THAT(runner_.Plan(), FailsWith("residual has to be of shape"));
  OpRunner of_8_bits = operands_.Runner(operands_.values, 8);
  of_8_bits.Add(operands_.output_shape(),
                std::vector<int8_t>(operands_.elements()));
  EXPECT_THAT(of_8_bits.Plan(), FailsWith("8 bits have no residual"));
}

TEST_F(Int8Conv2DValidationTest, ChecksAttributes) {
  OpRunner bits = operands_.Runner(operands_.values, 12);
  EXPECT_THAT(bits.Plan(), FailsWith("output_bits has to be 8, 16 or 32"));
  OpRunner of_three_bits = operands_.Runner(operands_.values, 8, 3);
  EXPECT_THAT(of_three_bits.Plan(), FailsWith("activation_bits"));
  for (const float scale : {0.0f, -1.0f, INFINITY, NAN}) {
    OpRunner runner("BifsmnInt8Conv2D",
                    {1, 1, 0, 0, 0, 0, BitsOf(1.0f), 8, BitsOf(scale)});
    EXPECT_THAT(runner.Plan(), FailsWith("output_inverse_scale has to be"));
  }
}

}  // namespace
}  // namespace bifsmn
