#include "custom_ops/training/scaled_sign.h"

#include <cmath>

#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

BIFSMN_CLONES void AddMagnitudes(int64_t columns, const float* w, float* sums) {
  for (int64_t i = 0; i < columns; ++i) sums[i] += std::fabs(w[i]);
}

BIFSMN_CLONES void Quantize(int64_t columns, const float* w, const float* alpha,
                            float* y) {
  for (int64_t i = 0; i < columns; ++i) {
    y[i] = w[i] >= 0 ? alpha[i] : -alpha[i];
  }
}

BIFSMN_CLONES void Pass(int64_t columns, const float* w, const float* alpha,
                        const float* dy, float* dw) {
  for (int64_t i = 0; i < columns; ++i) {
    dw[i] = std::fabs(w[i]) <= 1 ? dy[i] * alpha[i] : 0.0f;
  }
}

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
