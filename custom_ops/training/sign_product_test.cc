#include "custom_ops/training/sign_product.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace bifsmn::training {
namespace {

using Values = std::vector<float>;

Values Signs(std::mt19937& random, int64_t size) {
  Values signs(size);
  for (float& sign : signs) sign = random() & 1 ? 1.0f : -1.0f;
  return signs;
}

// Small sums of signs are exact in floats, too.
Values Expected(Shape shape, int64_t units, const Values& x, const Values& y,
                const Values& alpha) {
  Values z(shape.rows * units);
  for (int64_t row = 0; row < shape.rows; ++row) {
    for (int64_t unit = 0; unit < units; ++unit) {
      float sum = 0;
      for (int64_t i = 0; i < shape.columns; ++i) {
        sum += x[row * shape.columns + i] * (y[i * units + unit] > 0 ? 1 : -1);
      }
      z[row * units + unit] = sum * alpha[unit];
    }
  }
  return z;
}

void Check(int64_t rows, int64_t columns, int64_t units) {
  SCOPED_TRACE(testing::Message()
               << rows << " x " << columns << " x " << units);
  std::mt19937 random(
      static_cast<unsigned>(rows * 7919 + columns * 31 + units));
  const Shape shape{rows, columns};
  const Values x = Signs(random, rows * columns);
  Values y = Signs(random, columns * units), alpha(units);
  std::uniform_real_distribution<float> uniform(0.01f, 2.0f);
  for (float& a : alpha) a = uniform(random);
  for (int64_t i = 0; i < columns * units; ++i) y[i] *= alpha[i % units];
  const Values expected = Expected(shape, units, x, y, alpha);
  // What lies behind the last row has to stay as it is.
  const float guard = 12345;
  Values z(rows * units + 1, guard), portable = z;
  SignProduct(shape, units, x.data(), y.data(), z.data());
  PortableSignProduct(shape, units, x.data(), y.data(), portable.data());
  ASSERT_EQ(z.back(), guard);
  ASSERT_EQ(z, portable);
  z.pop_back();
  ASSERT_EQ(z, expected);
}

TEST(SignProduct, IsExactAtEveryEdge) {
  for (const int64_t rows : {1, 3, 4, 5, 9}) {
    for (const int64_t columns : {1, 15, 16, 17, 31, 32, 33, 128, 250}) {
      for (const int64_t units : {1, 15, 16, 17, 48, 63, 64, 65, 130}) {
        Check(rows, columns, units);
      }
    }
  }
}

TEST(SignProduct, IsExactOnRandomShapes) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    Check(1 + random() % 40, 1 + random() % 300, 1 + random() % 150);
  }
}

// A byte counts so many bits, and no more.
TEST(SignProduct, IsExactForLongRows) {
  for (const int64_t columns : {991, 992, 993, 1023, 1984, 2500}) {
    Check(5, columns, 24);
  }
}

TEST(SignProduct, AScaleOfZeroGivesZero) {
  const Values x{1, -1, -1}, y{0, 2, -0.0f, -2, 0, 2};
  Values z(2, 1);
  SignProduct({1, 3}, 2, x.data(), y.data(), z.data());
  EXPECT_EQ(z, (Values{0, 2}));
}

}  // namespace
}  // namespace bifsmn::training
