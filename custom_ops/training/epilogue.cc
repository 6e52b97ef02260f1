#include "custom_ops/training/epilogue.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "custom_ops/training/parallel.h"
#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// Rows whose sums are floats, before they are added up as doubles.
constexpr int64_t kPartRows = 1024;

// Columns of a task: rows of these stay in the first two caches.
constexpr int64_t kGroupColumns = 64;

template <class T>
BIFSMN_BODY T SurrogateSlope(T d, bool approx) {
  const T zero = Zero<T>(), one = zero + 1.0f;
  const T magnitude = Max<T>(d, -d);
  if (approx) return Max<T>(2.0f - 2.0f * magnitude, zero);
  return magnitude <= one ? one : zero;
}

struct Range {
  int64_t begin, end;
};

// One task of a matrix: some rows of a group of columns.
struct Tile {
  Range rows, columns;
  int64_t part;
};

int64_t Parts(int64_t rows) { return (rows + kPartRows - 1) / kPartRows; }

// Calls work(tile) for all of the matrix.
template <class Work>
void ForTiles(Shape shape, int threads, const Work& work) {
  const int64_t parts = Parts(shape.rows);
  const int64_t groups = (shape.columns + kGroupColumns - 1) / kGroupColumns;
  ParallelFor(threads, static_cast<int>(parts * groups), [&](int task) {
    const int64_t part = task / groups, group = task % groups;
    work(Tile{{part * kPartRows, std::min((part + 1) * kPartRows, shape.rows)},
              {group * kGroupColumns,
               std::min((group + 1) * kGroupColumns, shape.columns)},
              part});
  });
}

// Everything that the loops read and write; each uses a part of it.
struct Data {
  Shape shape;
  const float* z;
  const float* residual;
  const float* y;
  const float* dstream;
  const float* dsigns;
  Parameters parameters;
  const float* mean;
  const float* inverse;
  bool approx;
  float* stream;
  float* signs;
  float* dz;
  float* dresidual;
  // [part][kind][columns]
  double* sums;
};

constexpr int kMomentSums = 2;
constexpr int kGradientSums = 4;

BIFSMN_BODY double* SumsOf(const Data& data, const Tile& tile, int kinds,
                           int kind, int64_t column) {
  return data.sums + (tile.part * kinds + kind) * data.shape.columns + column;
}

template <class T>
BIFSMN_BODY void StoreSums(double* to, const T& value) {
  float lanes[sizeof(T) / sizeof(float)];
  __builtin_memcpy(lanes, &value, sizeof value);
  for (size_t i = 0; i < sizeof(T) / sizeof(float); ++i) to[i] = lanes[i];
}

// Sums of z and z^2, less the first row so that nothing cancels.
template <class T>
BIFSMN_BODY void Moments(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const T origin = Load<T>(data.z + column);
  T sum = Zero<T>(), squares = sum;
  const float* z = data.z + tile.rows.begin * stride + column;
  for (int64_t row = tile.rows.begin; row < tile.rows.end; ++row, z += stride) {
    const T x = Load<T>(z) - origin;
    sum += x;
    squares += x * x;
  }
  StoreSums(SumsOf(data, tile, kMomentSums, 0, column), sum);
  StoreSums(SumsOf(data, tile, kMomentSums, 1, column), squares);
}

template <class T>
struct Column {
  T mean, inverse, gamma, beta, slope, threshold;
};

template <class T>
BIFSMN_BODY Column<T> ColumnOf(const Data& data, int64_t column) {
  const Parameters& p = data.parameters;
  return {Load<T>(data.mean + column),
          Load<T>(data.inverse + column),
          Load<T>(p.gamma + column),
          Load<T>(p.beta + column),
          Load<T>(p.slope + column),
          p.threshold ? Load<T>(p.threshold + column) : Zero<T>()};
}

template <class T>
BIFSMN_BODY void Normalize(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const Column<T> c = ColumnOf<T>(data, column);
  const T zero = Zero<T>(), one = zero + 1.0f;
  int64_t at = tile.rows.begin * stride + column;
  for (int64_t row = tile.rows.begin; row < tile.rows.end;
       ++row, at += stride) {
    const T u = (Load<T>(data.z + at) - c.mean) * c.inverse * c.gamma + c.beta;
    T y = u >= zero ? u : u * c.slope;
    if (data.residual) y = Load<T>(data.residual + at) + y;
    if (data.stream) Store(data.stream + at, y);
    if (data.signs) Store(data.signs + at, y >= c.threshold ? one : -one);
  }
}

// The gradient of y: of the stream, and through the sign.
template <class T>
BIFSMN_BODY T Upstream(const Data& data, int64_t at, T y, T threshold,
                       T* through) {
  T gradient = data.dstream ? Load<T>(data.dstream + at) : Zero<T>();
  *through = Zero<T>();
  if (data.dsigns) {
    *through = Load<T>(data.dsigns + at) *
               SurrogateSlope<T>(y - threshold, data.approx);
    gradient += *through;
  }
  return gradient;
}

// One element's way back to u.
template <class T>
struct Back {
  T gradient, through, normal, du, negative;
};

template <class T>
BIFSMN_BODY Back<T> BackAt(const Data& data, const Column<T>& c, int64_t at) {
  const T zero = Zero<T>();
  Back<T> back;
  back.normal = (Load<T>(data.z + at) - c.mean) * c.inverse;
  const T u = back.normal * c.gamma + c.beta;
  back.negative = Min<T>(u, zero);
  T y = zero;
  if (data.dsigns) {
    y = data.y ? Load<T>(data.y + at) : (u >= zero ? u : u * c.slope);
  }
  back.gradient = Upstream<T>(data, at, y, c.threshold, &back.through);
  back.du = u >= zero ? back.gradient : back.gradient * c.slope;
  return back;
}

template <class T>
BIFSMN_BODY void Reduce(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const Column<T> c = ColumnOf<T>(data, column);
  T beta = Zero<T>(), gamma = beta, slope = beta, threshold = beta;
  int64_t at = tile.rows.begin * stride + column;
  for (int64_t row = tile.rows.begin; row < tile.rows.end;
       ++row, at += stride) {
    const Back<T> back = BackAt<T>(data, c, at);
    if (data.dresidual) Store(data.dresidual + at, back.gradient);
    beta += back.du;
    gamma += back.du * back.normal;
    slope += back.gradient * back.negative;
    threshold += back.through;
  }
  const T sums[kGradientSums] = {beta, gamma, slope, threshold};
  for (int kind = 0; kind < kGradientSums; ++kind) {
    StoreSums(SumsOf(data, tile, kGradientSums, kind, column), sums[kind]);
  }
}

// Needs the sums of all parts, as floats, in the first part's place.
template <class T>
BIFSMN_BODY void Differentiate(const Data& data, const Tile& tile,
                               const float* means, int64_t column) {
  const int64_t stride = data.shape.columns;
  const Column<T> c = ColumnOf<T>(data, column);
  const T scale = c.gamma * c.inverse;
  const T beta = Load<T>(means + column);
  const T gamma = Load<T>(means + stride + column);
  int64_t at = tile.rows.begin * stride + column;
  for (int64_t row = tile.rows.begin; row < tile.rows.end;
       ++row, at += stride) {
    const Back<T> back = BackAt<T>(data, c, at);
    Store(data.dz + at, scale * (back.du - beta - back.normal * gamma));
  }
}

template <class T>
BIFSMN_BODY void Signs(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const T threshold = Load<T>(data.parameters.threshold + column);
  const T one = Zero<T>() + 1.0f;
  int64_t at = tile.rows.begin * stride + column;
  for (int64_t row = tile.rows.begin; row < tile.rows.end;
       ++row, at += stride) {
    const T y = Load<T>(data.y + at);
    Store(data.signs + at, y >= threshold ? one : -one);
  }
}

template <class T>
BIFSMN_BODY void SignGradients(const Data& data, const Tile& tile,
                               int64_t column) {
  const int64_t stride = data.shape.columns;
  const T threshold = Load<T>(data.parameters.threshold + column);
  T sum = Zero<T>();
  int64_t at = tile.rows.begin * stride + column;
  for (int64_t row = tile.rows.begin; row < tile.rows.end;
       ++row, at += stride) {
    T through;
    const T y = Load<T>(data.y + at);
    const T gradient = Upstream<T>(data, at, y, threshold, &through);
    Store(data.dresidual + at, gradient);
    sum += gradient;
  }
  StoreSums(SumsOf(data, tile, 1, 0, column), sum);
}

enum class Loop {
  kMoments,
  kNormalize,
  kReduce,
  kDifferentiate,
  kSigns,
  kSignGradients
};

template <class T>
BIFSMN_BODY void RunColumns(Loop loop, const Data& data, const Tile& tile,
                            const float* means, int64_t column) {
  switch (loop) {
    case Loop::kMoments:
      return Moments<T>(data, tile, column);
    case Loop::kNormalize:
      return Normalize<T>(data, tile, column);
    case Loop::kReduce:
      return Reduce<T>(data, tile, column);
    case Loop::kDifferentiate:
      return Differentiate<T>(data, tile, means, column);
    case Loop::kSigns:
      return Signs<T>(data, tile, column);
    case Loop::kSignGradients:
      return SignGradients<T>(data, tile, column);
  }
}

BIFSMN_BODY void RunTile(Loop loop, const Data& data, const Tile& tile,
                         const float* means) {
  int64_t column = tile.columns.begin;
  for (; column + kLanes <= tile.columns.end; column += kLanes) {
    RunColumns<Vector>(loop, data, tile, means, column);
  }
  for (; column < tile.columns.end; ++column) {
    RunColumns<float>(loop, data, tile, means, column);
  }
}

using TileRunner = void (*)(Loop, const Data&, const Tile&, const float*);

void RunBaseline(Loop loop, const Data& data, const Tile& tile,
                 const float* means) {
  RunTile(loop, data, tile, means);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) void RunAvx2(Loop loop, const Data& data,
                                             const Tile& tile,
                                             const float* means) {
  RunTile(loop, data, tile, means);
}

__attribute__((target("avx512f,avx512dq,avx512vl"))) void RunAvx512(
    Loop loop, const Data& data, const Tile& tile, const float* means) {
  RunTile(loop, data, tile, means);
}
#endif

TileRunner ChooseRunner() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return RunAvx512;
  }
  if (__builtin_cpu_supports("avx2")) return RunAvx2;
#endif
  return RunBaseline;
}

TileRunner Runner() {
  static const TileRunner runner = ChooseRunner();
  return runner;
}

void Run(Loop loop, const Data& data, int threads) {
  ForTiles(data.shape, threads,
           [&](const Tile& tile) { Runner()(loop, data, tile, nullptr); });
}

// Runs `first`, which leaves sums, then `between(columns)`, which reads those
// of all rows, then `second`. Where the rows are one part, a group of columns
// goes through all three while it is in the cache.
template <class Between>
void RunTwice(Loop first, const Between& between, Loop second, const Data& data,
              const float* means, int threads) {
  const TileRunner runner = Runner();
  if (Parts(data.shape.rows) == 1) {
    ForTiles(data.shape, threads, [&](const Tile& tile) {
      runner(first, data, tile, means);
      between(tile.columns);
      runner(second, data, tile, means);
    });
    return;
  }
  Run(first, data, threads);
  between(Range{0, data.shape.columns});
  ForTiles(data.shape, threads,
           [&](const Tile& tile) { runner(second, data, tile, means); });
}

// Adds up a kind of sums over the parts.
double Total(const std::vector<double>& sums, Shape shape, int kinds, int kind,
             int64_t column) {
  double total = 0;
  for (int64_t part = 0; part < Parts(shape.rows); ++part) {
    total += sums[(part * kinds + kind) * shape.columns + column];
  }
  return total;
}

}  // namespace

void EpilogueForward(Shape shape, const float* z, const float* residual,
                     const Parameters& parameters, float epsilon,
                     const Statistics& statistics, float* stream, float* signs,
                     int threads) {
  std::vector<double> sums(Parts(shape.rows) * kMomentSums * shape.columns);
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
  const auto finish = [&](Range columns) {
    for (int64_t column = columns.begin; column < columns.end; ++column) {
      const double shift = Total(sums, shape, kMomentSums, 0, column) / rows;
      const double squares = Total(sums, shape, kMomentSums, 1, column);
      const double variance = std::max(0.0, squares / rows - shift * shift);
      statistics.mean[column] = static_cast<float>(z[column] + shift);
      statistics.variance[column] =
          static_cast<float>(variance * rows / std::max(rows - 1, 1.0));
      statistics.inverse[column] =
          static_cast<float>(1.0 / std::sqrt(variance + epsilon));
    }
  };
  RunTwice(Loop::kMoments, finish, Loop::kNormalize, data, nullptr, threads);
}

void EpilogueBackward(Shape shape, const float* z, const float* stream,
                      const Parameters& parameters, const float* mean,
                      const float* inverse, const float* dstream,
                      const float* dsigns, Surrogate surrogate, float* dz,
                      float* dresidual, const ParameterGradients& gradients,
                      int threads) {
  std::vector<double> sums(Parts(shape.rows) * kGradientSums * shape.columns);
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
  const auto finish = [&](Range columns) {
    for (int64_t column = columns.begin; column < columns.end; ++column) {
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
  };
  RunTwice(Loop::kReduce, finish, Loop::kDifferentiate, data, means.data(),
           threads);
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
  std::vector<double> sums(Parts(shape.rows) * shape.columns);
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

}  // namespace bifsmn::training
