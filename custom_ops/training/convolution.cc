#include "custom_ops/training/convolution.h"

#include <algorithm>

#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// Units whose sums are in registers together.
constexpr int64_t kUnits = 16;

template <class T>
BIFSMN_BODY void AddProductsBody(const Convolution& c, const float* x,
                                 const float* dz, float* dy) {
  constexpr int64_t kLane = kLanes<T>;
  constexpr int64_t kVectors = kUnits / kLane;
  const int64_t whole = c.units / kUnits * kUnits;
  for (int64_t out = 0; out < c.out_pixels(); ++out) {
    const float* from = dz + out * c.units;
    ForTaps(c, out, [&](int64_t tap, int64_t pixel) BIFSMN_TERM {
      for (int64_t channel = 0; channel < c.channels; ++channel) {
        const float value = x[pixel * c.channels + channel];
        float* to = dy + (tap * c.channels + channel) * c.units;
        for (int64_t unit = 0; unit < whole; unit += kUnits) {
#pragma GCC unroll 4
          for (int64_t v = 0; v < kVectors; ++v) {
            const int64_t i = unit + v * kLane;
            Store(to + i, Load<T>(to + i) + value * Load<T>(from + i));
          }
        }
        for (int64_t unit = whole; unit < c.units; ++unit) {
          to[unit] += value * from[unit];
        }
      }
    });
  }
}

// Adds what a clip gives.
BIFSMN_FOR_LEVELS(void, AddProducts,
                  (const Convolution& c, const float* x, const float* dz,
                   float* dy),
                  (c, x, dz, dy))

}  // namespace

void KernelGradientOfFloats(const Convolution& c, const float* x,
                            const float* dz, float* dy) {
  std::fill_n(dy, c.taps() * c.channels * c.units, 0.0f);
  for (int64_t clip = 0; clip < c.batch; ++clip) {
    AddProducts(c, x + clip * c.pixels() * c.channels,
                dz + clip * c.out_pixels() * c.units, dy);
  }
}

}  // namespace bifsmn::training
