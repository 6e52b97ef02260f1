#include "custom_ops/training/epilogue.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

namespace bifsmn::training {
namespace {

constexpr float kEpsilon = 1e-5f;
constexpr float kMomentum = 0.75f;

using Values = std::vector<float>;

Values Random(std::mt19937& random, int64_t size, float mean = 0,
              float deviation = 1) {
  std::normal_distribution<float> normal(mean, deviation);
  Values values(size);
  for (float& value : values) value = normal(random);
  return values;
}

struct Forward {
  Values mean, inverse, moved_mean, moved_variance, stream, signs;
};

struct Backward {
  Values dz, dresidual, gamma, beta, slope, threshold;
};

struct Case {
  Shape shape;
  Values z, residual, gamma, beta, slope, threshold, dstream, dsigns;
  Values moving_mean, moving_variance;

  Case(int64_t rows, int64_t columns) : shape{rows, columns} {
    std::mt19937 random(static_cast<unsigned>(rows * 1000 + columns));
    const int64_t size = rows * columns;
    z = Random(random, size, 3, 20);
    residual = Random(random, size);
    gamma = Random(random, columns);
    beta = Random(random, columns);
    slope = Random(random, columns, 0.25f, 0.1f);
    threshold = Random(random, columns, 0, 0.3f);
    dstream = Random(random, size);
    dsigns = Random(random, size);
    moving_mean = Random(random, columns, 3, 2);
    moving_variance = Random(random, columns, 300, 20);
  }

  Parameters parameters() const {
    return {gamma.data(), beta.data(), slope.data(), threshold.data()};
  }

  Forward RunForward(int threads) const {
    const size_t columns = shape.columns, size = z.size();
    Forward f{Values(columns), Values(columns), Values(columns),
              Values(columns), Values(size),    Values(size)};
    EpilogueForward(shape, z.data(), residual.data(), parameters(), kEpsilon,
                    {f.mean.data(), f.inverse.data()},
                    {moving_mean.data(), moving_variance.data(), kMomentum,
                     f.moved_mean.data(), f.moved_variance.data()},
                    f.stream.data(), f.signs.data(), threads);
    return f;
  }

  Backward RunBackward(const Forward& f, Surrogate surrogate,
                       int threads) const {
    const size_t columns = shape.columns, size = z.size();
    Backward b{Values(size),    Values(size),    Values(columns),
               Values(columns), Values(columns), Values(columns)};
    EpilogueBackward(
        shape, z.data(), f.stream.data(), parameters(), f.mean.data(),
        f.inverse.data(), dstream.data(), dsigns.data(), surrogate, b.dz.data(),
        b.dresidual.data(),
        {b.gamma.data(), b.beta.data(), b.slope.data(), b.threshold.data()},
        threads);
    return b;
  }
};

double Slope(double d, Surrogate surrogate) {
  if (surrogate == Surrogate::kApprox) {
    return std::max(0.0, 2 - 2 * std::abs(d));
  }
  return std::abs(d) <= 1 ? 1 : 0;
}

class EpilogueTest
    : public testing::TestWithParam<std::tuple<int64_t, int64_t, Surrogate>> {};

// Column by column, in double precision, as the equations are written.
TEST_P(EpilogueTest, IsItsDefinition) {
  const auto [rows, columns, surrogate] = GetParam();
  const Case c(rows, columns);
  const Forward f = c.RunForward(1);
  const Backward b = c.RunBackward(f, surrogate, 1);
  for (int64_t j = 0; j < columns; ++j) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < rows; ++i) mean += c.z[i * columns + j];
    mean /= rows;
    for (int64_t i = 0; i < rows; ++i) {
      variance += std::pow(c.z[i * columns + j] - mean, 2);
    }
    const double inverse = 1 / std::sqrt(variance / rows + kEpsilon);
    EXPECT_NEAR(f.mean[j], mean, 1e-4);
    EXPECT_NEAR(f.moved_mean[j],
                kMomentum * c.moving_mean[j] + (1 - kMomentum) * mean, 1e-4);
    const double unbiased = variance / std::max<int64_t>(rows - 1, 1);
    EXPECT_NEAR(f.moved_variance[j],
                kMomentum * c.moving_variance[j] + (1 - kMomentum) * unbiased,
                1e-4 * (300 + unbiased));
    double dbeta = 0, dgamma = 0, dslope = 0, dthreshold = 0;
    Values du(rows), normal(rows);
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t at = i * columns + j;
      normal[i] = static_cast<float>((c.z[at] - mean) * inverse);
      const double u = c.gamma[j] * normal[i] + c.beta[j];
      const double y = c.residual[at] + (u >= 0 ? u : u * c.slope[j]);
      EXPECT_NEAR(f.stream[at], y, 1e-3);
      EXPECT_EQ(f.signs[at], f.stream[at] >= c.threshold[j] ? 1 : -1);
      const double through =
          c.dsigns[at] * Slope(f.stream[at] - c.threshold[j], surrogate);
      const double dy = c.dstream[at] + through;
      EXPECT_NEAR(b.dresidual[at], dy, 1e-4);
      du[i] = static_cast<float>(u >= 0 ? dy : dy * c.slope[j]);
      dbeta += du[i];
      dgamma += du[i] * normal[i];
      dslope += dy * std::min(u, 0.0);
      dthreshold -= through;
    }
    const double near = 1e-4 * rows + 1e-3;
    EXPECT_NEAR(b.beta[j], dbeta, near);
    EXPECT_NEAR(b.gamma[j], dgamma, near);
    EXPECT_NEAR(b.slope[j], dslope, near);
    EXPECT_NEAR(b.threshold[j], dthreshold, near);
    for (int64_t i = 0; i < rows; ++i) {
      const double dz = c.gamma[j] * inverse *
                        (du[i] - dbeta / rows - normal[i] * dgamma / rows);
      EXPECT_NEAR(b.dz[i * columns + j], dz, 1e-4 * (1 + std::abs(dz)));
    }
  }
}

TEST_P(EpilogueTest, SignAloneIsTheEpiloguesSign) {
  const auto [rows, columns, surrogate] = GetParam();
  const Case c(rows, columns);
  Values signs(c.z.size()), dy(c.z.size()), dthreshold(columns);
  SignForward(c.shape, c.residual.data(), c.threshold.data(), signs.data(), 2);
  SignBackward(c.shape, c.residual.data(), c.threshold.data(), c.dsigns.data(),
               surrogate, dy.data(), dthreshold.data(), 2);
  Values sums(columns);
  for (size_t i = 0; i < signs.size(); ++i) {
    const size_t j = i % columns;
    const float d = c.residual[i] - c.threshold[j];
    EXPECT_EQ(signs[i], c.residual[i] >= c.threshold[j] ? 1 : -1);
    EXPECT_NEAR(dy[i], c.dsigns[i] * Slope(d, surrogate), 1e-5);
    sums[j] -= dy[i];
  }
  for (int64_t j = 0; j < columns; ++j) {
    EXPECT_NEAR(dthreshold[j], sums[j], 1e-4 * rows + 1e-4);
  }
}

// So many elements that the threads are taken.
TEST(EpilogueThreads, ChangeNothing) {
  const Case c(17000, 130);
  const Forward one = c.RunForward(1), three = c.RunForward(3);
  EXPECT_EQ(one.stream, three.stream);
  EXPECT_EQ(one.moved_mean, three.moved_mean);
  EXPECT_EQ(one.moved_variance, three.moved_variance);
  const Backward alone = c.RunBackward(one, Surrogate::kApprox, 1);
  const Backward together = c.RunBackward(one, Surrogate::kApprox, 3);
  EXPECT_EQ(alone.dz, together.dz);
  EXPECT_EQ(alone.gamma, together.gamma);
  EXPECT_EQ(alone.threshold, together.threshold);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, EpilogueTest,
    testing::Combine(testing::Values<int64_t>(1, 7, 768, 2500),
                     testing::Values<int64_t>(1, 16, 37, 130),
                     testing::Values(Surrogate::kStraightThrough,
                                     Surrogate::kApprox)));

}  // namespace
}  // namespace bifsmn::training
