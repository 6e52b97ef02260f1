#include "custom_ops/training/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "custom_ops/training/parallel.h"
#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// As bifsmn_tf/distillation/losses.py has them.
constexpr float kTiny = 1e-12f;
constexpr float kSmallestDeviation = 1e-6f;

constexpr int64_t kPlanesOfATask = 8;

// Sums term(i) over [0, size): whole vectors first.
#define BIFSMN_SUM(total, size, term)               \
  do {                                              \
    Vector lanes = Zero<Vector>();                  \
    int64_t i = 0;                                  \
    for (; i + kLanes <= (size); i += kLanes) {     \
      lanes += term(Vector);                        \
    }                                               \
    (total) = SumOfLanes(lanes);                    \
    for (; i < (size); ++i) (total) += term(float); \
  } while (false)

// Calls work(first, last) for all of [0, planes) in tasks.
template <class Work>
void ForPlanes(int64_t planes, int64_t size, int threads, const Work& work) {
  if (planes * size < kWorthThreads) threads = 1;
  const int64_t tasks = (planes + kPlanesOfATask - 1) / kPlanesOfATask;
  ParallelFor(threads, static_cast<int>(tasks), [&](int task) {
    work(task * kPlanesOfATask, std::min((task + 1) * kPlanesOfATask, planes));
  });
}

// The high frequencies of a plane: what is left of it without the mean of each
// square of 2 x 2, of which those outside of the plane are 0.
BIFSMN_CLONES void HighFrequencies(const float* plane, int64_t rows,
                                   int64_t columns, float* high) {
  for (int64_t row = 0; row < rows; row += 2) {
    const float* first = plane + row * columns;
    const float* second = row + 1 < rows ? first + columns : nullptr;
    for (int64_t column = 0; column < columns; column += 2) {
      const bool wide = column + 1 < columns;
      float sum = first[column];
      if (second) sum += second[column];
      if (wide) sum += first[column + 1];
      if (wide && second) sum += second[column + 1];
      const float mean = 0.25f * sum;
      float* to = high + row * columns + column;
      to[0] = first[column] - mean;
      if (wide) to[1] = first[column + 1] - mean;
      if (second) {
        to[columns] = second[column] - mean;
        if (wide) to[columns + 1] = second[column + 1] - mean;
      }
    }
  }
}

BIFSMN_BODY float Deviation(const float* x, int64_t size) {
  float mean, variance;
#define TERM(T) Load<T>(x + i)
  BIFSMN_SUM(mean, size, TERM);
#undef TERM
  mean /= static_cast<float>(size);
#define TERM(T) (Load<T>(x + i) - mean) * (Load<T>(x + i) - mean)
  BIFSMN_SUM(variance, size, TERM);
#undef TERM
  return std::max(std::sqrt(variance / static_cast<float>(size)),
                  kSmallestDeviation);
}

BIFSMN_BODY float NormOfSquares(const float* x, int64_t size) {
  float sum;
#define TERM(T) \
  Load<T>(x + i) * Load<T>(x + i) * Load<T>(x + i) * Load<T>(x + i)
  BIFSMN_SUM(sum, size, TERM);
#undef TERM
  return std::max(std::sqrt(sum), kTiny);
}

// h of a plane, with `high` for its high frequencies.
BIFSMN_CLONES void Emphasise(const float* plane, const float* high,
                             int64_t size, float* h) {
  const float scale = 1 / Deviation(plane, size);
  const float high_scale = 1 / Deviation(high, size);
  for (int64_t i = 0; i < size; ++i) {
    h[i] = high[i] * high_scale + plane[i] * scale;
  }
}

BIFSMN_CLONES void Map(const float* h, int64_t size, float* map) {
  const float inverse = 1 / NormOfSquares(h, size);
  for (int64_t i = 0; i < size; ++i) map[i] = h[i] * h[i] * inverse;
}

// `inverse` of the norm of h^2.
struct Distance {
  float inverse, distance, along;
};

BIFSMN_CLONES Distance DistanceOf(const float* h, const float* map,
                                  int64_t size) {
  const float inverse = 1 / NormOfSquares(h, size);
  float squares, along;
#define FOUND(T) (Load<T>(h + i) * Load<T>(h + i) * inverse)
#define APART(T) (FOUND(T) - Load<T>(map + i))
#define TERM(T) APART(T) * APART(T)
  BIFSMN_SUM(squares, size, TERM);
#undef TERM
#define TERM(T) FOUND(T) * APART(T)
  BIFSMN_SUM(along, size, TERM);
#undef TERM
#undef APART
#undef FOUND
  return {inverse, std::sqrt(std::max(squares, kTiny)), along};
}

// What changes the norm of h^2 alone does not change the map: `along`.
BIFSMN_CLONES void DistanceGradient(const float* h, const float* map,
                                    int64_t size, const Distance& distance,
                                    float ddistance, float* dh) {
  const float scale = 2 * ddistance / distance.distance * distance.inverse;
  for (int64_t i = 0; i < size; ++i) {
    const float found = h[i] * h[i] * distance.inverse;
    const float apart = found - map[i];
    dh[i] = h[i] * ((apart - found * distance.along) * scale);
  }
}

// A plane of states with other variants between its rows.
struct Plane {
  int64_t offset, stride;
};

Plane PlaneOf(const States& shape, int64_t index) {
  const int64_t stride = shape.variants * shape.columns;
  const int64_t example = index / shape.variants;
  return {
      example * shape.rows * stride + index % shape.variants * shape.columns,
      stride};
}

void Gather(const States& shape, const Plane& plane, const float* states,
            float* to) {
  for (int64_t row = 0; row < shape.rows; ++row) {
    std::copy_n(states + plane.offset + row * plane.stride, shape.columns,
                to + row * shape.columns);
  }
}

}  // namespace

void AttentionMaps(int64_t planes, int64_t rows, int64_t columns,
                   const float* states, bool emphasise, float* maps,
                   int threads) {
  const int64_t size = rows * columns;
  ForPlanes(planes, size, threads, [&](int64_t first, int64_t last) {
    std::vector<float> high(size), h(size);
    for (int64_t plane = first; plane < last; ++plane) {
      const float* state = states + plane * size;
      if (emphasise) {
        HighFrequencies(state, rows, columns, high.data());
        Emphasise(state, high.data(), size, h.data());
      }
      Map(emphasise ? h.data() : state, size, maps + plane * size);
    }
  });
}

void AttentionDistance(const States& shape, const float* states,
                       const float* maps, float* distances, int threads) {
  const int64_t size = shape.rows * shape.columns;
  ForPlanes(shape.examples * shape.variants, size, threads,
            [&](int64_t first, int64_t last) {
              std::vector<float> h(size);
              for (int64_t index = first; index < last; ++index) {
                const float* map = maps + index / shape.variants * size;
                Gather(shape, PlaneOf(shape, index), states, h.data());
                distances[index] = DistanceOf(h.data(), map, size).distance;
              }
            });
}

void AttentionDistanceGradient(const States& shape, const float* states,
                               const float* maps, const float* ddistances,
                               float* dstates, int threads) {
  const int64_t size = shape.rows * shape.columns;
  ForPlanes(shape.examples * shape.variants, size, threads,
            [&](int64_t first, int64_t last) {
              std::vector<float> h(size), dh(size);
              for (int64_t index = first; index < last; ++index) {
                const float* map = maps + index / shape.variants * size;
                const Plane plane = PlaneOf(shape, index);
                Gather(shape, plane, states, h.data());
                DistanceGradient(h.data(), map, size,
                                 DistanceOf(h.data(), map, size),
                                 ddistances[index], dh.data());
                for (int64_t row = 0; row < shape.rows; ++row) {
                  std::copy_n(dh.data() + row * shape.columns, shape.columns,
                              dstates + plane.offset + row * plane.stride);
                }
              }
            });
}

}  // namespace bifsmn::training
