#include "custom_ops/training/sign_gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace bifsmn::training {
namespace {

using Values = std::vector<float>;

// What lies behind a result has to stay as it is.
constexpr float kGuard = 12345;

struct Case {
  Case(int64_t rows, int64_t columns, int64_t units)
      : shape{rows, columns},
        units(units),
        x(rows * columns),
        y(columns * units),
        dz(rows * units) {
    std::mt19937 random(
        static_cast<unsigned>(rows * 7919 + columns * 31 + units));
    std::normal_distribution<float> normal;
    Values alpha(units);
    for (float& a : alpha) a = std::fabs(normal(random));
    for (float& value : x) value = random() & 1 ? 1.0f : -1.0f;
    for (int64_t i = 0; i < columns * units; ++i) {
      y[i] = random() & 1 ? alpha[i % units] : -alpha[i % units];
    }
    for (float& value : dz) value = normal(random);
  }

  Shape shape;
  int64_t units;
  Values x, y, dz;
};

Values InputGradient(const Case& c) {
  Values dx(c.x.size() + 1, kGuard);
  SignInputGradient(c.shape, c.units, c.y.data(), c.dz.data(), dx.data());
  EXPECT_EQ(dx.back(), kGuard);
  dx.pop_back();
  return dx;
}

Values KernelGradient(const Case& c) {
  Values dy(c.y.size() + 1, kGuard);
  SignKernelGradient(c.shape, c.units, c.x.data(), c.dz.data(), dy.data());
  EXPECT_EQ(dy.back(), kGuard);
  dy.pop_back();
  return dy;
}

void Check(int64_t rows, int64_t columns, int64_t units) {
  SCOPED_TRACE(testing::Message()
               << rows << " x " << columns << " x " << units);
  const Case c(rows, columns, units);
  const Values dx = InputGradient(c), dy = KernelGradient(c);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < columns; ++i) {
      double sum = 0, size = 0;
      for (int64_t unit = 0; unit < units; ++unit) {
        const double term =
            double{c.dz[row * units + unit]} * c.y[i * units + unit];
        sum += term;
        size += std::fabs(term);
      }
      ASSERT_NEAR(dx[row * columns + i], sum, 1e-6 * size + 1e-6);
    }
  }
  for (int64_t i = 0; i < columns; ++i) {
    for (int64_t unit = 0; unit < units; ++unit) {
      double sum = 0, size = 0;
      for (int64_t row = 0; row < rows; ++row) {
        const double term =
            double{c.x[row * columns + i]} * c.dz[row * units + unit];
        sum += term;
        size += std::fabs(term);
      }
      ASSERT_NEAR(dy[i * units + unit], sum, 1e-6 * size + 1e-6);
    }
  }
}

TEST(SignGradient, IsThatOfAProductAtEveryEdge) {
  for (const int64_t rows : {1, 3, 4, 5, 31, 32, 33, 66}) {
    for (const int64_t columns : {1, 3, 7, 8, 9, 17}) {
      for (const int64_t units : {1, 3, 4, 5, 31, 32, 33, 65}) {
        Check(rows, columns, units);
      }
    }
  }
}

TEST(SignGradient, IsThatOfAProductOnRandomShapes) {
  std::mt19937 random(1);
  for (int i = 0; i < 30; ++i) {
    Check(1 + random() % 100, 1 + random() % 150, 1 + random() % 150);
  }
}

// The order in which floats are added: the same at every level, since another
// level's vectors hold the same floats of more results.
TEST(SignGradient, AddsUpFourByFourInOrder) {
  const Case c(70, 5, 6);
  const Values dy = KernelGradient(c);
  for (int64_t i = 0; i < c.shape.columns; ++i) {
    for (int64_t unit = 0; unit < c.units; ++unit) {
      float sum = 0;
      for (int64_t row = 0; row < c.shape.rows; row += 4) {
        float term[4] = {0, 0, 0, 0};
        for (int64_t k = 0; k < 4 && row + k < c.shape.rows; ++k) {
          term[k] = c.x[(row + k) * c.shape.columns + i] *
                    c.dz[(row + k) * c.units + unit];
        }
        sum += (term[0] + term[1]) + (term[2] + term[3]);
      }
      ASSERT_EQ(dy[i * c.units + unit], sum);
    }
  }
}

TEST(SignGradient, AScaleOfZeroGivesZero) {
  const Values y{0, 2, -0.0f, -2, 0, 2}, dz{7, 3};
  Values dx(3, 1);
  SignInputGradient({1, 3}, 2, y.data(), dz.data(), dx.data());
  EXPECT_EQ(dx, (Values{6, -6, 6}));
}

}  // namespace
}  // namespace bifsmn::training
