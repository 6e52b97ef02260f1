#include "custom_ops/kernels/quantize.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

int QuantizeOne(float value, float inverse_scale) {
  int8_t quantized;
  Quantize(&value, 1, inverse_scale, &quantized);
  return quantized;
}

TEST(QuantizeTest, RoundsHalfToEven) {
  EXPECT_EQ(QuantizeOne(0.5f, 1.0f), 0);
  EXPECT_EQ(QuantizeOne(1.5f, 1.0f), 2);
  EXPECT_EQ(QuantizeOne(2.5f, 1.0f), 2);
  EXPECT_EQ(QuantizeOne(-0.5f, 1.0f), 0);
  EXPECT_EQ(QuantizeOne(-1.5f, 1.0f), -2);
  EXPECT_EQ(QuantizeOne(-127.5f, 1.0f), -128);
  EXPECT_EQ(QuantizeOne(0.49999997f, 1.0f), 0);
}

TEST(QuantizeTest, Saturates) {
  EXPECT_EQ(QuantizeOne(127.5f, 1.0f), 127);
  EXPECT_EQ(QuantizeOne(FLT_MAX, FLT_MAX), 127);
  EXPECT_EQ(QuantizeOne(-FLT_MAX, FLT_MAX), -128);
  EXPECT_EQ(QuantizeOne(INFINITY, 1.0f), 127);
  EXPECT_EQ(QuantizeOne(-INFINITY, 1.0f), -128);
}

TEST(QuantizeTest, MakesNoNumberZero) {
  EXPECT_EQ(QuantizeOne(NAN, 1.0f), 0);
  EXPECT_EQ(QuantizeOne(-NAN, 1.0f), 0);
}

TEST(QuantizeTest, IsWhatTheStandardLibraryRounds) {
  const std::vector<float> values = Random(1).Floats(1003, 5.0f);
  std::vector<int8_t> quantized(values.size());
  Quantize(values.data(), values.size(), 13.0f, quantized.data());
  for (size_t i = 0; i < values.size(); ++i) {
    const float rounded = std::nearbyint(values[i] * 13.0f);
    EXPECT_EQ(quantized[i], std::fmin(std::fmax(rounded, -128.0f), 127.0f));
  }
}

}  // namespace
}  // namespace bifsmn
