#include "custom_ops/training/scaled_sign.h"

#include <cmath>

#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

template <class>
BIFSMN_BODY void AddMagnitudesBody(int64_t columns, const float* w,
                                   float* sums) {
  for (int64_t i = 0; i < columns; ++i) sums[i] += std::fabs(w[i]);
}

BIFSMN_FOR_LEVELS(void, AddMagnitudes,
                  (int64_t columns, const float* w, float* sums),
                  (columns, w, sums))

template <class>
BIFSMN_BODY void QuantizeBody(int64_t columns, const float* w,
                              const float* alpha, float* y) {
  for (int64_t i = 0; i < columns; ++i) {
    y[i] = w[i] >= 0 ? alpha[i] : -alpha[i];
  }
}

BIFSMN_FOR_LEVELS(void, Quantize,
                  (int64_t columns, const float* w, const float* alpha,
                   float* y),
                  (columns, w, alpha, y))

template <class>
BIFSMN_BODY void PassBody(int64_t columns, const float* w, const float* alpha,
                          const float* dy, float* dw) {
  for (int64_t i = 0; i < columns; ++i) {
    dw[i] = std::fabs(w[i]) <= 1 ? dy[i] * alpha[i] : 0.0f;
  }
}

BIFSMN_FOR_LEVELS(void, Pass,
                  (int64_t columns, const float* w, const float* alpha,
                   const float* dy, float* dw),
                  (columns, w, alpha, dy, dw))

}  // namespace

void ScaledSignForward(Shape shape, const float* w, float* y, float* alpha) {
  const int64_t columns = shape.columns;
  for (int64_t i = 0; i < columns; ++i) alpha[i] = 0;
  for (int64_t row = 0; row < shape.rows; ++row) {
    AddMagnitudes(columns, w + row * columns, alpha);
  }
  for (int64_t i = 0; i < columns; ++i) {
    alpha[i] /= static_cast<float>(shape.rows);
  }
  for (int64_t row = 0; row < shape.rows; ++row) {
    Quantize(columns, w + row * columns, alpha, y + row * columns);
  }
}

void ScaledSignBackward(Shape shape, const float* w, const float* alpha,
                        const float* dy, float* dw) {
  const int64_t columns = shape.columns;
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t at = row * columns;
    Pass(columns, w + at, alpha, dy + at, dw + at);
  }
}

}  // namespace bifsmn::training
