#include "custom_ops/kernels/log_mel_decibel.h"

#include <cstring>

namespace bifsmn {
namespace {

struct AnyVectors {
  typedef float Floats __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  static constexpr int kCount = 4;

  static void Load(const float* from, Ints* bits) {
    std::memcpy(bits, from, kCount * sizeof(Ints));
  }
  static void Store(const Floats* values, float* to) {
    std::memcpy(to, values, kCount * sizeof(Floats));
  }
  static Floats ToFloats(Ints v) { return __builtin_convertvector(v, Floats); }
};

}  // namespace

void NormalizedDecibel(const float* power, int count,
                       const DecibelParameters& parameters, float* features) {
  DecibelOf<AnyVectors>(power, count, parameters, features);
}

}  // namespace bifsmn
