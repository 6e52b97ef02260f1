#include "custom_ops/kernels/log_mel.h"

#ifdef __x86_64__

#include <algorithm>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx2,fma")

#include "custom_ops/kernels/log_mel_decibel.h"
#include "custom_ops/kernels/log_mel_frame.h"
#include "custom_ops/kernels/log_mel_x86.h"

namespace bifsmn {
namespace {

struct Avx2Vectors {
  typedef float Floats __attribute__((vector_size(32)));
  typedef int32_t Ints __attribute__((vector_size(32)));
  static constexpr int kCount = 4;

  // gcc 12 would copy less at once.
  static void Load(const float* from, Ints* bits) {
    BIFSMN_UNROLL(4)
    for (int v = 0; v < kCount; ++v, from += 8) {
      bits[v] = reinterpret_cast<Ints>(_mm256_loadu_ps(from));
    }
  }
  static void Store(const Floats* values, float* to) {
    BIFSMN_UNROLL(4)
    for (int v = 0; v < kCount; ++v, to += 8) {
      _mm256_storeu_ps(to, values[v]);
    }
  }
  static Floats ToFloats(Ints v) { return __builtin_convertvector(v, Floats); }
};

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {
namespace {

bool Supported() { return HasAvx2() && Cpu().fma; }

}  // namespace

const MelKernel<float> kMelAvx2Fma8F32 = {
    "mel_avx2fma_8_f32", 8,       Supported,
    MelFrame<Avx2F32>,   nullptr, DecibelOf<Avx2Vectors>};
const MelKernel<double> kMelAvx2Fma4F64 = {
    "mel_avx2fma_4_f64", 4,       Supported,
    MelFrame<Avx2F64>,   nullptr, DecibelOf<Avx2Vectors>};

}  // namespace bifsmn

#endif  // __x86_64__
