#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/log_mel.h"

#ifdef __aarch64__

#include <arm_neon.h>

#include "custom_ops/kernels/log_mel_frame.h"

namespace bifsmn {
namespace {

struct NeonF32 {
  using T = float;
  using V = float32x4_t;
  static constexpr int kLanes = 4;

  static V Set(T value) { return vdupq_n_f32(value); }
  static V Load(const T* p) { return vld1q_f32(p); }
  static V LoadSamples(const float* p) { return vld1q_f32(p); }
  static void Store(T* p, V value) { vst1q_f32(p, value); }
  static V MulAdd(V a, V b, V c) { return vfmaq_f32(c, a, b); }
  static V NegMulAdd(V a, V b, V c) { return vfmsq_f32(c, a, b); }
  static V Reverse(V v) {
    v = vrev64q_f32(v);
    return vextq_f32(v, v, 2);
  }
  static T Sum(V v) { return vaddvq_f32(v); }
  static void StoreFourSums(V* rows, T* sums) {
    vst1q_f32(sums, vpaddq_f32(vpaddq_f32(rows[0], rows[1]),
                               vpaddq_f32(rows[2], rows[3])));
  }
  static void Transpose(V* rows) {
    const V a = vzip1q_f32(rows[0], rows[2]);
    const V b = vzip2q_f32(rows[0], rows[2]);
    const V c = vzip1q_f32(rows[1], rows[3]);
    const V d = vzip2q_f32(rows[1], rows[3]);
    rows[0] = vzip1q_f32(a, c);
    rows[1] = vzip2q_f32(a, c);
    rows[2] = vzip1q_f32(b, d);
    rows[3] = vzip2q_f32(b, d);
  }
};

struct NeonF64 {
  using T = double;
  using V = float64x2_t;
  static constexpr int kLanes = 2;

  static V Set(T value) { return vdupq_n_f64(value); }
  static V Load(const T* p) { return vld1q_f64(p); }
  static V LoadSamples(const float* p) { return vcvt_f64_f32(vld1_f32(p)); }
  static void Store(T* p, V value) { vst1q_f64(p, value); }
  static V MulAdd(V a, V b, V c) { return vfmaq_f64(c, a, b); }
  static V NegMulAdd(V a, V b, V c) { return vfmsq_f64(c, a, b); }
  static V Reverse(V v) { return vextq_f64(v, v, 1); }
  static T Sum(V v) { return vaddvq_f64(v); }
  static void StoreFourSums(V* rows, T* sums) {
    vst1q_f64(sums, vpaddq_f64(rows[0], rows[1]));
    vst1q_f64(sums + 2, vpaddq_f64(rows[2], rows[3]));
  }
  static void Transpose(V* rows) {
    const V first = rows[0];
    rows[0] = vzip1q_f64(first, rows[1]);
    rows[1] = vzip2q_f64(first, rows[1]);
  }
};

bool Supported() { return HasNeon(); }

}  // namespace

const MelKernel<float> kMelNeon4F32 = {"mel_neon_4_f32", 4,
                                       Supported,        MelFrame<NeonF32>,
                                       nullptr,          NormalizedDecibel};
const MelKernel<double> kMelNeon2F64 = {"mel_neon_2_f64", 2,
                                        Supported,        MelFrame<NeonF64>,
                                        nullptr,          NormalizedDecibel};

}  // namespace bifsmn

#endif  // __aarch64__
