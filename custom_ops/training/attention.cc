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
template <class>
BIFSMN_BODY void HighFrequenciesBody(const float* plane, int64_t rows,
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

BIFSMN_FOR_LEVELS(void, HighFrequencies,
                  (const float* plane, int64_t rows, int64_t columns,
                   float* high),
                  (plane, rows, columns, high))

template <class T>
BIFSMN_BODY float Deviation(const float* x, int64_t size) {
  const float mean =
      Sum<T>(size, [&](auto t, int64_t i)
                       BIFSMN_TERM { return Load<decltype(t)>(x + i); }) /
      static_cast<float>(size);
  const float squares = Sum<T>(size, [&](auto t, int64_t i) BIFSMN_TERM {
    const auto apart = Load<decltype(t)>(x + i) - mean;
    return apart * apart;
  });
  return std::max(std::sqrt(squares / static_cast<float>(size)),
                  kSmallestDeviation);
}

template <class T>
BIFSMN_BODY float NormOfSquares(const float* x, int64_t size) {
  const float sum = Sum<T>(size, [&](auto t, int64_t i) BIFSMN_TERM {
    const auto value = Load<decltype(t)>(x + i);
    return value * value * value * value;
  });
  return std::max(std::sqrt(sum), kTiny);
}

// h of a plane, with `high` for its high frequencies.
template <class T>
BIFSMN_BODY void EmphasiseBody(const float* plane, const float* high,
                               int64_t size, float* h) {
  const float scale = 1 / Deviation<T>(plane, size);
  const float high_scale = 1 / Deviation<T>(high, size);
  for (int64_t i = 0; i < size; ++i) {
    h[i] = high[i] * high_scale + plane[i] * scale;
  }
}

BIFSMN_FOR_LEVELS(void, Emphasise,
                  (const float* plane, const float* high, int64_t size,
                   float* h),
                  (plane, high, size, h))

template <class T>
BIFSMN_BODY void MapBody(const float* h, int64_t size, float* map) {
  const float inverse = 1 / NormOfSquares<T>(h, size);
  for (int64_t i = 0; i < size; ++i) map[i] = h[i] * h[i] * inverse;
}

BIFSMN_FOR_LEVELS(void, Map, (const float* h, int64_t size, float* map),
                  (h, size, map))

// `inverse` of the norm of h^2.
struct Distance {
  float inverse, distance, along;
};

template <class T>
BIFSMN_BODY Distance DistanceOfBody(const float* h, const float* map,
                                    int64_t size) {
  const float inverse = 1 / NormOfSquares<T>(h, size);
  const float squares = Sum<T>(size, [&](auto t, int64_t i) BIFSMN_TERM {
    const auto value = Load<decltype(t)>(h + i);
    const auto apart = value * value * inverse - Load<decltype(t)>(map + i);
    return apart * apart;
  });
  const float along = Sum<T>(size, [&](auto t, int64_t i) BIFSMN_TERM {
    const auto value = Load<decltype(t)>(h + i);
    const auto found = value * value * inverse;
    return found * (found - Load<decltype(t)>(map + i));
  });
  return {inverse, std::sqrt(std::max(squares, kTiny)), along};
}

BIFSMN_FOR_LEVELS(Distance, DistanceOf,
                  (const float* h, const float* map, int64_t size),
                  (h, map, size))

// What changes the norm of h^2 alone does not change the map: `along`.
template <class>
BIFSMN_BODY void DistanceGradientBody(const float* h, const float* map,
                                      int64_t size, const Distance& distance,
                                      float ddistance, float* dh) {
  const float scale = 2 * ddistance / distance.distance * distance.inverse;
  for (int64_t i = 0; i < size; ++i) {
    const float found = h[i] * h[i] * distance.inverse;
    const float apart = found - map[i];
    dh[i] = h[i] * ((apart - found * distance.along) * scale);
  }
}

BIFSMN_FOR_LEVELS(void, DistanceGradient,
                  (const float* h, const float* map, int64_t size,
                   const Distance& distance, float ddistance, float* dh),
                  (h, map, size, distance, ddistance, dh))

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
