// The loops of epilogue.cc over a tile of a matrix, for a vector of columns or
// one, inlined into functions that are compiled for a processor.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_EPILOGUE_LOOPS_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_EPILOGUE_LOOPS_H_

#include <algorithm>
#include <cstdint>

#include "custom_ops/training/epilogue.h"
#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// Rows that are read side by side, each of them straight on: so many streams a
// processor fetches ahead of time.
constexpr int64_t kStreams = 8;

template <class T>
BIFSMN_BODY T SurrogateSlope(T d, bool approx) {
  const T zero = Zero<T>(), one = zero + 1.0f;
  const T magnitude = Magnitude<T>(d);
  if (approx) return Max<T>(2.0f - 2.0f * magnitude, zero);
  return magnitude <= one ? one : zero;
}

// One task of a matrix: a part of its rows, or those of it that are read side
// by side.
struct Tile {
  int64_t begin, end;
  int64_t part;
};

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
  // [part][kind][columns], from 0.
  float* sums;
};

constexpr int kMomentSums = 2;
constexpr int kGradientSums = 4;

template <class T>
BIFSMN_BODY void AddSums(const Data& data, const Tile& tile, int kinds,
                         int kind, int64_t column, const T& value) {
  float* to =
      data.sums + (tile.part * kinds + kind) * data.shape.columns + column;
  Store<T>(to, Load<T>(to) + value);
}

// Sums of z and z^2, less the first row so that nothing cancels.
template <class T>
BIFSMN_BODY void Moments(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const T origin = Load<T>(data.z + column);
  T sum = Zero<T>(), squares = sum;
  const float* z = data.z + tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, z += stride) {
    const T x = Load<T>(z) - origin;
    sum += x;
    squares += x * x;
  }
  AddSums<T>(data, tile, kMomentSums, 0, column, sum);
  AddSums<T>(data, tile, kMomentSums, 1, column, squares);
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
  int64_t at = tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, at += stride) {
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
  int64_t at = tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, at += stride) {
    const Back<T> back = BackAt<T>(data, c, at);
    if (data.dresidual) Store(data.dresidual + at, back.gradient);
    Store(data.dz + at, back.du);
    beta += back.du;
    gamma += back.du * back.normal;
    slope += back.gradient * back.negative;
    threshold += back.through;
  }
  const T sums[kGradientSums] = {beta, gamma, slope, threshold};
  for (int kind = 0; kind < kGradientSums; ++kind) {
    AddSums<T>(data, tile, kGradientSums, kind, column, sums[kind]);
  }
}

// From the gradient of u, which Reduce left in its place, to that of z. `means`
// are [2][columns]: of the gradient of u, and of that times the normalized z,
// over all rows.
template <class T>
BIFSMN_BODY void Differentiate(const Data& data, const Tile& tile,
                               const float* means, int64_t column) {
  const int64_t stride = data.shape.columns;
  const T mean = Load<T>(data.mean + column);
  const T inverse = Load<T>(data.inverse + column);
  const T scale = Load<T>(data.parameters.gamma + column) * inverse;
  const T beta = Load<T>(means + column);
  const T gamma = Load<T>(means + stride + column);
  int64_t at = tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, at += stride) {
    const T normal = (Load<T>(data.z + at) - mean) * inverse;
    const T du = Load<T>(data.dz + at);
    Store(data.dz + at, scale * (du - beta - normal * gamma));
  }
}

template <class T>
BIFSMN_BODY void Signs(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const T threshold = Load<T>(data.parameters.threshold + column);
  const T one = Zero<T>() + 1.0f;
  int64_t at = tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, at += stride) {
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
  int64_t at = tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, at += stride) {
    T through;
    const T y = Load<T>(data.y + at);
    const T gradient = Upstream<T>(data, at, y, threshold, &through);
    Store(data.dresidual + at, gradient);
    sum += gradient;
  }
  AddSums<T>(data, tile, 1, 0, column, sum);
}

template <class T>
BIFSMN_BODY void Affine(const Data& data, const Tile& tile, int64_t column) {
  const int64_t stride = data.shape.columns;
  const T offset = Load<T>(data.parameters.beta + column);
  const T slope = Load<T>(data.parameters.slope + column);
  const T zero = Zero<T>();
  int64_t at = tile.begin * stride + column;
  for (int64_t row = tile.begin; row < tile.end; ++row, at += stride) {
    const T u = Load<T>(data.z + at) + offset;
    T y = u >= zero ? u : u * slope;
    if (data.residual) y = Load<T>(data.residual + at) + y;
    Store<T>(data.stream + at, y);
  }
}

enum class Loop {
  kAffine,
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
    case Loop::kAffine:
      return Affine<T>(data, tile, column);
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

template <class T>
BIFSMN_BODY void RunTileBody(Loop loop, const Data& shared, const Tile& tile,
                             const float* means) {
  // A copy, which no store can change: else all is read again at every row.
  const Data data = shared;
  const int64_t columns = data.shape.columns;
  for (int64_t begin = tile.begin; begin < tile.end; begin += kStreams) {
    const Tile rows{begin, std::min(begin + kStreams, tile.end), tile.part};
    int64_t column = 0;
    for (; column + kLanes<T> <= columns; column += kLanes<T>) {
      RunColumns<T>(loop, data, rows, means, column);
    }
    for (; column < columns; ++column) {
      RunColumns<float>(loop, data, rows, means, column);
    }
  }
}

}  // namespace
}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_EPILOGUE_LOOPS_H_
