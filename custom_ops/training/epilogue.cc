#include "custom_ops/training/epilogue.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "custom_ops/training/epilogue_loops.h"
#include "custom_ops/training/parallel.h"
#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// Rows whose sums are floats, before they are added up as doubles.
constexpr int64_t kPartRows = 1024;

int64_t Parts(int64_t rows) { return (rows + kPartRows - 1) / kPartRows; }

// Calls work(tile) for each part of the matrix.
template <class Work>
void ForParts(Shape shape, int threads, const Work& work) {
  if (shape.rows * shape.columns < kWorthThreads) threads = 1;
  ParallelFor(threads, static_cast<int>(Parts(shape.rows)), [&](int part) {
    const int64_t begin = part * kPartRows;
    work(Tile{begin, std::min(begin + kPartRows, shape.rows), part});
  });
}

BIFSMN_FOR_LEVELS(void, RunTile,
                  (Loop loop, const Data& data, const Tile& tile,
                   const float* means),
                  (loop, data, tile, means))

void Run(Loop loop, const Data& data, int threads,
         const float* means = nullptr) {
  ForParts(data.shape, threads,
           [&](const Tile& tile) { RunTile(loop, data, tile, means); });
}

// Adds up a kind of sums over the parts.
double Total(const std::vector<float>& sums, Shape shape, int kinds, int kind,
             int64_t column) {
  double total = 0;
  for (int64_t part = 0; part < Parts(shape.rows); ++part) {
    total += sums[(part * kinds + kind) * shape.columns + column];
  }
  return total;
}

void Move(float moving, float batch, float momentum, float* moved) {
  *moved = moving - (moving - batch) * (1.0f - momentum);
}

}  // namespace

void EpilogueForward(Shape shape, const float* z, const float* residual,
                     const Parameters& parameters, float epsilon,
                     const Statistics& statistics, const Moving& moving,
                     float* stream, float* signs, int threads) {
  std::vector<float> sums(Parts(shape.rows) * kMomentSums * shape.columns);
  Data data{};
  data.shape = shape;
  data.z = z;
  data.residual = residual;
  data.parameters = parameters;
  data.mean = statistics.mean;
  data.inverse = statistics.inverse;
  data.stream = stream;
  data.signs = signs;
  data.sums = sums.data();
  const double rows = static_cast<double>(shape.rows);
  Run(Loop::kMoments, data, threads);
  for (int64_t column = 0; column < shape.columns; ++column) {
    const double shift = Total(sums, shape, kMomentSums, 0, column) / rows;
    const double squares = Total(sums, shape, kMomentSums, 1, column);
    const double variance = std::max(0.0, squares / rows - shift * shift);
    statistics.mean[column] = static_cast<float>(z[column] + shift);
    Move(moving.mean[column], statistics.mean[column], moving.momentum,
         &moving.moved_mean[column]);
    Move(moving.variance[column],
         static_cast<float>(variance * rows / std::max(rows - 1, 1.0)),
         moving.momentum, &moving.moved_variance[column]);
    statistics.inverse[column] =
        static_cast<float>(1.0 / std::sqrt(variance + epsilon));
  }
  Run(Loop::kNormalize, data, threads);
}

void EpilogueBackward(Shape shape, const float* z, const float* stream,
                      const Parameters& parameters, const float* mean,
                      const float* inverse, const float* dstream,
                      const float* dsigns, Surrogate surrogate, float* dz,
                      float* dresidual, const ParameterGradients& gradients,
                      int threads) {
  std::vector<float> sums(Parts(shape.rows) * kGradientSums * shape.columns);
  std::vector<float> means(2 * shape.columns);
  Data data{};
  data.shape = shape;
  data.z = z;
  data.y = stream;
  data.parameters = parameters;
  data.mean = mean;
  data.inverse = inverse;
  data.dstream = dstream;
  data.dsigns = dsigns;
  data.approx = surrogate == Surrogate::kApprox;
  data.dz = dz;
  data.dresidual = dresidual;
  data.sums = sums.data();
  const double rows = static_cast<double>(shape.rows);
  Run(Loop::kReduce, data, threads);
  for (int64_t column = 0; column < shape.columns; ++column) {
    double totals[kGradientSums];
    for (int kind = 0; kind < kGradientSums; ++kind) {
      totals[kind] = Total(sums, shape, kGradientSums, kind, column);
    }
    gradients.beta[column] = static_cast<float>(totals[0]);
    gradients.gamma[column] = static_cast<float>(totals[1]);
    gradients.slope[column] = static_cast<float>(totals[2]);
    gradients.threshold[column] = static_cast<float>(-totals[3]);
    means[column] = static_cast<float>(totals[0] / rows);
    means[shape.columns + column] = static_cast<float>(totals[1] / rows);
  }
  Run(Loop::kDifferentiate, data, threads, means.data());
}

void SignForward(Shape shape, const float* y, const float* threshold,
                 float* signs, int threads) {
  Data data{};
  data.shape = shape;
  data.y = y;
  data.parameters.threshold = threshold;
  data.signs = signs;
  Run(Loop::kSigns, data, threads);
}

void SignBackward(Shape shape, const float* y, const float* threshold,
                  const float* dsigns, Surrogate surrogate, float* dy,
                  float* dthreshold, int threads) {
  std::vector<float> sums(Parts(shape.rows) * shape.columns);
  Data data{};
  data.shape = shape;
  data.y = y;
  data.parameters.threshold = threshold;
  data.dsigns = dsigns;
  data.approx = surrogate == Surrogate::kApprox;
  data.dresidual = dy;
  data.sums = sums.data();
  Run(Loop::kSignGradients, data, threads);
  for (int64_t column = 0; column < shape.columns; ++column) {
    dthreshold[column] = static_cast<float>(-Total(sums, shape, 1, 0, column));
  }
}

void AffineForward(Shape shape, const float* z, const float* residual,
                   const float* offset, const float* slope, float* y,
                   int threads) {
  Data data{};
  data.shape = shape;
  data.z = z;
  data.residual = residual;
  data.parameters.beta = offset;
  data.parameters.slope = slope;
  data.stream = y;
  Run(Loop::kAffine, data, threads);
}

}  // namespace bifsmn::training
