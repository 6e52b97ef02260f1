#include "custom_ops/training/adam.h"

#include <cmath>

#include "custom_ops/training/vector.h"

namespace bifsmn::training {

namespace {

template <class>
BIFSMN_BODY void UpdateBody(int64_t count, const AdamSettings& settings,
                            const float* gradient, float* weight, float* m,
                            float* v) {
  const float rest1 = 1.0f - settings.beta1, rest2 = 1.0f - settings.beta2;
  const float rate = settings.rate, epsilon = settings.epsilon;
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    m[i] += (g - m[i]) * rest1;
    v[i] += (g * g - v[i]) * rest2;
    weight[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

BIFSMN_FOR_LEVELS(void, Update,
                  (int64_t count, const AdamSettings& settings,
                   const float* gradient, float* weight, float* m, float* v),
                  (count, settings, gradient, weight, m, v))

}  // namespace

void AdamUpdate(int64_t count, const AdamSettings& settings,
                const float* gradient, float* weight, float* m, float* v) {
  Update(count, settings, gradient, weight, m, v);
}

}  // namespace bifsmn::training
