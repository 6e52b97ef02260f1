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
constexpr float kStep = 0.5f;

template <class Write>
Values Written(size_t size, const Write& write) {
  Values values(size + 1, kGuard);
  write(values.data());
  EXPECT_EQ(values.back(), kGuard);
  values.pop_back();
  return values;
}

struct Case {
  Case(const Convolution& convolution, float step)
      : c(convolution),
        step(step),
        x(c.batch * c.pixels() * c.channels),
        y(c.taps() * c.channels * c.units),
        dz(c.batch * c.out_pixels() * c.units) {
    std::mt19937 random(static_cast<unsigned>(x.size() * 31 + y.size()));
    std::normal_distribution<float> normal;
    Values alpha(c.units);
    for (float& a : alpha) a = std::fabs(normal(random));
    for (float& value : x) {
      value = random() & 1 ? 1.0f : -1.0f;
      if (step != 0) value *= step * (random() & 1 ? 3 : 1);
    }
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = random() & 1 ? alpha[i % c.units] : -alpha[i % c.units];
    }
    for (float& value : dz) value = normal(random);
  }

  Values InputGradient() const {
    return Written(x.size(), [this](float* dx) {
      SignInputGradient(c, y.data(), dz.data(), dx);
    });
  }

  Values KernelGradient() const {
    return Written(y.size(), [this](float* dy) {
      SignKernelGradient(c, step, x.data(), dz.data(), dy);
    });
  }

  // By a pass over floats, whatever they are.
  Values FloatGradient() const {
    return Written(y.size(), [this](float* dy) {
      KernelGradientOfFloats(c, x.data(), dz.data(), dy);
    });
  }

  Convolution c;
  float step;
  Values x, y, dz;
};

// What is added up for each result, and the sum of magnitudes.
struct Sums {
  explicit Sums(size_t size) : sum(size), magnitude(size) {}

  void Add(int64_t i, double term) {
    sum[i] += term;
    magnitude[i] += std::fabs(term);
  }

  void Check(const Values& found) const {
    for (size_t i = 0; i < sum.size(); ++i) {
      ASSERT_NEAR(found[i], sum[i], 1e-6 * magnitude[i]) << i;
    }
  }

  std::vector<double> sum, magnitude;
};

void Check(const Convolution& c, float step) {
  SCOPED_TRACE(testing::Message()
               << c.batch << " x " << c.height << " x " << c.width << " x "
               << c.channels << ", " << c.kernel_height << " x "
               << c.kernel_width << " x " << c.units << ", step " << step);
  const Case its(c, step);
  Sums dx(its.x.size()), dy(its.y.size());
  for (int64_t clip = 0; clip < c.batch; ++clip) {
    for (int64_t out = 0; out < c.out_pixels(); ++out) {
      for (int64_t tap = 0; tap < c.taps(); ++tap) {
        const int64_t row = out / c.out_width * c.stride_height - c.pad_top +
                            tap / c.kernel_width;
        const int64_t column = out % c.out_width * c.stride_width - c.pad_left +
                               tap % c.kernel_width;
        if (row < 0 || row >= c.height) continue;
        if (column < 0 || column >= c.width) continue;
        const int64_t pixel = (clip * c.height + row) * c.width + column;
        for (int64_t i = 0; i < c.channels; ++i) {
          for (int64_t unit = 0; unit < c.units; ++unit) {
            const int64_t x = pixel * c.channels + i;
            const int64_t y = (tap * c.channels + i) * c.units + unit;
            const double dz =
                its.dz[(clip * c.out_pixels() + out) * c.units + unit];
            dx.Add(x, dz * its.y[y]);
            dy.Add(y, dz * its.x[x]);
          }
        }
      }
    }
  }
  dx.Check(its.InputGradient());
  dy.Check(its.KernelGradient());
  dy.Check(its.FloatGradient());
}

TEST(SignGradient, IsThatOfAProductAtEveryEdge) {
  for (const int64_t rows : {1, 3, 4, 5, 16, 17, 32, 33, 66}) {
    for (const int64_t columns : {1, 7, 8, 9, 17}) {
      for (const int64_t units : {1, 3, 4, 5, 16, 17, 33, 65}) {
        for (const float step : {0.0f, kStep}) {
          Check({rows, columns, units}, step);
        }
      }
    }
  }
}

TEST(SignGradient, IsThatOfAConvolutionOfAnyShape) {
  std::mt19937 random(1);
  const auto up_to = [&random](int most) {
    return int64_t{1} + static_cast<int64_t>(random() % most);
  };
  for (int i = 0; i < 60; ++i) {
    Convolution c{up_to(40), up_to(18), up_to(50)};
    c.height = up_to(7);
    c.width = up_to(7);
    c.kernel_height = up_to(5);
    c.kernel_width = up_to(5);
    c.stride_height = up_to(3);
    c.stride_width = up_to(3);
    c.pad_top = up_to(c.kernel_height) - 1;
    c.pad_left = up_to(c.kernel_width) - 1;
    c.out_height = up_to(5);
    c.out_width = up_to(5);
    Check(c, i % 2 ? kStep : 0);
  }
}

// The order in which floats are added: the same at every level, since another
// level's vectors hold the same floats of more results.
TEST(SignGradient, AddsUpFourByFourInOrder) {
  const Case its({70, 5, 6}, 0);
  const Convolution& c = its.c;
  const Values dy = its.KernelGradient();
  for (int64_t i = 0; i < c.channels; ++i) {
    for (int64_t unit = 0; unit < c.units; ++unit) {
      float sum = 0;
      for (int64_t row = 0; row < c.batch; row += 4) {
        float term[4] = {0, 0, 0, 0};
        for (int64_t k = 0; k < 4 && row + k < c.batch; ++k) {
          term[k] = its.x[(row + k) * c.channels + i] *
                    its.dz[(row + k) * c.units + unit];
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
  SignInputGradient({1, 3, 2}, y.data(), dz.data(), dx.data());
  EXPECT_EQ(dx, (Values{6, -6, 6}));
}

}  // namespace
}  // namespace bifsmn::training
