#include "custom_ops/kernels/feature_conv.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::ValuesIn;

class FeatureConvTest
    : public ::testing::TestWithParam<const FeatureConvKernel*> {
 protected:
  const FeatureConvKernel& kernel() const { return *GetParam(); }

  int QuantizeOne(float value, float inverse_scale) const {
    int8_t quantized;
    kernel().quantize(&value, 1, inverse_scale, &quantized);
    return quantized;
  }

  void CheckSums(int rows, int run, int step, int pixels, int outputs,
                 unsigned seed) const {
    for (const int levels : {1, kLevelThresholds}) {
      CheckSums(rows, run, step, pixels, outputs, levels, seed);
    }
  }

  void CheckSums(int rows, int run, int step, int pixels, int outputs,
                 int levels, unsigned seed) const;
};

TEST_P(FeatureConvTest, RoundsHalfToEven) {
  EXPECT_EQ(QuantizeOne(0.5f, 1.0f), 0);
  EXPECT_EQ(QuantizeOne(1.5f, 1.0f), 2);
  EXPECT_EQ(QuantizeOne(2.5f, 1.0f), 2);
  EXPECT_EQ(QuantizeOne(-0.5f, 1.0f), 0);
  EXPECT_EQ(QuantizeOne(-1.5f, 1.0f), -2);
  EXPECT_EQ(QuantizeOne(-127.5f, 1.0f), -128);
  EXPECT_EQ(QuantizeOne(0.49999997f, 1.0f), 0);
}

TEST_P(FeatureConvTest, Saturates) {
  EXPECT_EQ(QuantizeOne(127.5f, 1.0f), 127);
  EXPECT_EQ(QuantizeOne(FLT_MAX, FLT_MAX), 127);
  EXPECT_EQ(QuantizeOne(-FLT_MAX, FLT_MAX), -128);
  EXPECT_EQ(QuantizeOne(INFINITY, 1.0f), 127);
  EXPECT_EQ(QuantizeOne(-INFINITY, 1.0f), -128);
}

TEST_P(FeatureConvTest, QuantizesAsTheStandardLibraryRounds) {
  for (int count = 1; count < 70; ++count) {
    std::vector<float> values = Random(count).Floats(count, 5.0f);
    // In vector code, too, not only in what is left over.
    values[count / 2] = NAN;
    values[count / 3] = INFINITY;
    values[count / 4] = -1e30f;
    std::vector<int8_t> quantized(count + 1, 99);
    kernel().quantize(values.data(), count, 13.0f, quantized.data());
    for (int i = 0; i < count; ++i) {
      const float rounded = std::nearbyint(values[i] * 13.0f);
      const float expected =
          std::isnan(values[i])
              ? 0.0f
              : std::fmin(std::fmax(rounded, -128.0f), 127.0f);
      ASSERT_EQ(quantized[i], expected) << values[i];
    }
    ASSERT_EQ(quantized[count], 99);
  }
}

void FeatureConvTest::CheckSums(int rows, int run, int step, int pixels,
                                int outputs, int levels, unsigned seed) const {
  const int terms = rows * run;
  const ptrdiff_t run_stride = step * (pixels - 1) + run + 3;
  Random random(seed);
  const auto image =
      random.Integers<int8_t>(run_stride * rows + kFeatureConvSlack, -128, 127);
  // Large ones, and such as many terms have.
  const int most = seed % 2 == 0 ? 127 : 9;
  auto weights = random.Integers<int8_t>(outputs * terms, -most - 1, most);
  if (int64_t{terms} * 128 * 128 > kernel().max_sum) {
    // As many products as fit: the rest of the weights are 0.
    const int total = kernel().max_sum / 128;
    for (int o = 0; o < outputs; ++o) {
      int left = total;
      for (int k = 0; k < terms; ++k) {
        int8_t& weight = weights[o * terms + k];
        if (left < 128) weight = static_cast<int8_t>(left);
        left -= std::abs(weight);
      }
    }
  }
  std::vector<int> sums;
  for (int p = 0; p < pixels; ++p) {
    for (int o = 0; o < outputs; ++o) {
      int sum = 0;
      for (int r = 0; r < rows; ++r) {
        for (int k = 0; k < run; ++k) {
          sum += image[r * run_stride + p * step + k] *
                 weights[o * terms + r * run + k];
        }
      }
      sums.push_back(sum);
    }
  }
  // Some are one of the sums, or next to it; some are never or always reached.
  std::vector<int32_t> thresholds(levels * outputs);
  for (int i = 0; i < levels * outputs; ++i) {
    const int o = i % outputs;
    thresholds[i] =
        sums[random.Integer(0, pixels - 1) * outputs + o] + i % 3 - 1;
    if (i % 7 == 5) thresholds[i] = std::numeric_limits<int32_t>::min();
    if (i % 7 == 6) thresholds[i] = std::numeric_limits<int32_t>::max();
  }

  AlignedVector<int8_t> packed(kernel().packed_bytes(outputs, terms, levels));
  kernel().pack({weights.data(), thresholds.data(), outputs, terms, levels},
                packed.data());
  const int words = WordsFor(outputs);
  std::vector<Word> bits(pixels * levels * words, 0xffff);
  kernel().run({image.data(), rows, run, run_stride, step, pixels},
               packed.data(), outputs, levels, bits.data());
  for (int i = 0; i < pixels * levels; ++i) {
    const Word* pixel = bits.data() + i * words;
    const int p = i / levels, level = i % levels;
    for (int o = 0; o < outputs; ++o) {
      ASSERT_EQ(Sign(pixel, o) < 0,
                sums[p * outputs + o] < thresholds[level * outputs + o])
          << rows << " runs of " << run << ", step " << step << ", " << pixels
          << " pixels, " << outputs << " outputs, level " << level << " of "
          << levels << ": pixel " << p << ", output " << o;
    }
    ASSERT_EQ(pixel[words - 1] & UnusedBits(outputs), 0);
  }
}

TEST_P(FeatureConvTest, Edges) {
  for (const int pixels : {1, 7, 8, 16, 33}) {
    for (const int outputs : {1, 12, 16, 17, 33}) {
      CheckSums(1, 1, 1, pixels, outputs, pixels);
      CheckSums(5, 5, 2, pixels, outputs, outputs);
      CheckSums(3, 3, 2, pixels, outputs, pixels + outputs);
      CheckSums(3, 12, 4, pixels, outputs, outputs);
      CheckSums(2, 100, 1, pixels, outputs, outputs);
    }
  }
}

TEST_P(FeatureConvTest, ThousandShapes) {
  Random random(7);
  for (unsigned seed = 0; seed < 1000; ++seed) {
    CheckSums(random.Integer(1, 6), random.Integer(1, 20), random.Integer(1, 5),
              random.Integer(1, 20), random.Integer(1, 40), seed);
    if (HasFatalFailure()) return;
  }
}

TEST_P(FeatureConvTest, HoldsTheLargestSum) {
  const int terms =
      std::min(kMaxQuantizedTerms, kernel().max_sum / (128 * 128));
  const std::vector<int8_t> weights(terms, -128);
  std::vector<int8_t> image(terms + kFeatureConvSlack, -128);
  AlignedVector<int8_t> packed(kernel().packed_bytes(1, terms, 1));
  for (const int over : {0, 1}) {
    const int32_t threshold = 128 * 128 * terms + over;
    kernel().pack({weights.data(), &threshold, 1, terms, 1}, packed.data());
    Word bits = 0xffff;
    kernel().run({image.data(), 1, terms, terms, 1, 1}, packed.data(), 1, 1,
                 &bits);
    EXPECT_EQ(bits, over);
  }
}

// A value and a weight that end where 16 bits do, and pairs that add up there.
TEST_P(FeatureConvTest, SumsNearTheEndsOfSixteenBits) {
  const std::vector<int8_t> weights = {-128, -127, 127, 127};
  for (const int8_t value : {-128, 127}) {
    for (const int terms : {2, 4}) {
      const std::vector<int8_t> image(terms + kFeatureConvSlack, value);
      const std::vector<int8_t> some(weights.begin(), weights.begin() + terms);
      int sum = 0;
      for (const int8_t weight : some) sum += value * weight;
      AlignedVector<int8_t> packed(kernel().packed_bytes(1, terms, 1));
      for (const int over : {0, 1}) {
        const int32_t threshold = sum + over;
        kernel().pack({some.data(), &threshold, 1, terms, 1}, packed.data());
        Word bits = 0xffff;
        kernel().run({image.data(), 1, terms, terms, 1, 1}, packed.data(), 1, 1,
                     &bits);
        EXPECT_EQ(bits, over) << terms << " terms of " << int{value};
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllKernels, FeatureConvTest,
                         ValuesIn(FeatureConvKernels().begin(),
                                  FeatureConvKernels().end()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bifsmn
