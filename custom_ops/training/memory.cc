#include "custom_ops/training/memory.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// One example; where `step` is -1, the taps are read backwards in time, which
// makes the gradient of the inputs.
struct Example {
  States shape;
  Taps taps;
  int64_t step;
  const float* from;
  const float* y;
  const float* scale;
  float* to;
};

// A kernel as a product of `factors` [taps][columns] and `scale` [columns]:
// signs and their magnitude where all taps of a column have the same, so that
// sums of signs are exact and the same at every level.
struct Factors {
  std::vector<float> factors, scale;
};

Factors Factorise(const Taps& taps, int64_t columns, const float* y) {
  Factors found{{y, y + taps.count * columns},
                std::vector<float>(columns, 1.0f)};
  for (int64_t column = 0; column < columns; ++column) {
    const float magnitude = std::fabs(y[column]);
    bool same = true;
    for (int64_t i = 1; i < taps.count; ++i) {
      same = same && std::fabs(y[i * columns + column]) == magnitude;
    }
    if (!same) continue;
    found.scale[column] = magnitude;
    for (int64_t i = 0; i < taps.count; ++i) {
      float& factor = found.factors[i * columns + column];
      factor = std::copysign(1.0f, factor);
    }
  }
  return found;
}

// Taps of frame t whose frame is in the clip: [begin, end).
struct Range {
  int64_t begin, end;
};

BIFSMN_BODY Range InClip(const Example& example, int64_t t) {
  const Taps& taps = example.taps;
  const int64_t rows = example.shape.rows;
  // t + step (i - look_back) is in [0, rows).
  const int64_t first =
      example.step > 0 ? taps.look_back - t : taps.look_back + t - rows + 1;
  const int64_t last =
      example.step > 0 ? taps.look_back - t + rows : taps.look_back + t + 1;
  const int64_t begin = first > 0 ? first : 0;
  return {begin, last < taps.count ? last : taps.count};
}

template <class T>
BIFSMN_BODY void Filter(const Example& example, int64_t t, int64_t variant,
                        int64_t column) {
  const States& s = example.shape;
  const int64_t frame = s.variants * s.columns;
  const Range range = InClip(example, t);
  const float* from = example.from + variant * s.columns + column;
  T sum = Zero<T>();
  for (int64_t i = range.begin; i < range.end; ++i) {
    const int64_t source = t + example.step * (i - example.taps.look_back);
    sum += Load<T>(example.y + i * s.columns + column) *
           Load<T>(from + source * frame);
  }
  Store<T>(example.to + t * frame + variant * s.columns + column,
           sum * Load<T>(example.scale + column));
}

template <class T>
BIFSMN_BODY void FilterExampleBody(const Example& example) {
  const States& s = example.shape;
  for (int64_t t = 0; t < s.rows; ++t) {
    for (int64_t variant = 0; variant < s.variants; ++variant) {
      int64_t column = 0;
      for (; column + kLanes<T> <= s.columns; column += kLanes<T>) {
        Filter<T>(example, t, variant, column);
      }
      for (; column < s.columns; ++column) {
        Filter<float>(example, t, variant, column);
      }
    }
  }
}

BIFSMN_FOR_LEVELS(void, FilterExample, (const Example& example), (example))

// Adds to dy what an example has: `from` is x, `to` dy.
template <class T>
BIFSMN_BODY void Correlate(const Example& example, const float* dz, int64_t tap,
                           int64_t column) {
  const States& s = example.shape;
  const int64_t frame = s.variants * s.columns;
  const int64_t offset = tap - example.taps.look_back;
  const int64_t begin = offset < 0 ? -offset : 0;
  const int64_t end = offset > 0 ? s.rows - offset : s.rows;
  T sum = Zero<T>();
  for (int64_t t = begin; t < end; ++t) {
    for (int64_t variant = 0; variant < s.variants; ++variant) {
      const int64_t at = variant * s.columns + column;
      sum += Load<T>(dz + t * frame + at) *
             Load<T>(example.from + (t + offset) * frame + at);
    }
  }
  float* to = example.to + tap * s.columns + column;
  Store<T>(to, Load<T>(to) + sum);
}

template <class T>
BIFSMN_BODY void CorrelateExampleBody(const Example& example, const float* dz) {
  const int64_t columns = example.shape.columns;
  for (int64_t tap = 0; tap < example.taps.count; ++tap) {
    int64_t column = 0;
    for (; column + kLanes<T> <= columns; column += kLanes<T>) {
      Correlate<T>(example, dz, tap, column);
    }
    for (; column < columns; ++column) {
      Correlate<float>(example, dz, tap, column);
    }
  }
}

BIFSMN_FOR_LEVELS(void, CorrelateExample,
                  (const Example& example, const float* dz), (example, dz))

int64_t SizeOf(const States& s) { return s.rows * s.variants * s.columns; }

}  // namespace

void MemoryForward(const States& shape, const Taps& taps, const float* x,
                   const float* y, float* z) {
  const int64_t size = SizeOf(shape);
  const Factors kernel = Factorise(taps, shape.columns, y);
  for (int64_t i = 0; i < shape.examples; ++i) {
    FilterExample({shape, taps, 1, x + i * size, kernel.factors.data(),
                   kernel.scale.data(), z + i * size});
  }
}

void MemoryBackward(const States& shape, const Taps& taps, const float* x,
                    const float* y, const float* dz, float* dx, float* dy) {
  const int64_t size = SizeOf(shape);
  const std::vector<float> ones(shape.columns, 1.0f);
  std::fill(dy, dy + taps.count * shape.columns, 0.0f);
  for (int64_t i = 0; i < shape.examples; ++i) {
    const float* gradient = dz + i * size;
    FilterExample({shape, taps, -1, gradient, y, ones.data(), dx + i * size});
    CorrelateExample({shape, taps, 1, x + i * size, y, ones.data(), dy},
                     gradient);
  }
}

}  // namespace bifsmn::training
