// Vectors of 256 bits.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_X86_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_X86_H_

namespace bifsmn {
namespace {

struct Avx2F32 {
  using T = float;
  using V = __m256;
  static constexpr int kLanes = 8;

  static V Set(T value) { return _mm256_set1_ps(value); }
  static V Load(const T* p) { return _mm256_loadu_ps(p); }
  static V LoadSamples(const float* p) { return _mm256_loadu_ps(p); }
  static void Store(T* p, V value) { _mm256_storeu_ps(p, value); }
  static V MulAdd(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static V NegMulAdd(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
  static V Reverse(V v) {
    return _mm256_permutevar8x32_ps(v,
                                    _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
  }
  static T Sum(V v) {
    __m128 half =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static void StoreFourSums(V* rows, T* sums) {
    // Of each half of 128 bits.
    const V halves = _mm256_hadd_ps(_mm256_hadd_ps(rows[0], rows[1]),
                                    _mm256_hadd_ps(rows[2], rows[3]));
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(halves),
                                   _mm256_extractf128_ps(halves, 1)));
  }
  static void Transpose(V* rows) {
    V quads[8];
    for (int i = 0; i < 8; i += 4) {
      const V a = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
      const V b = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
      const V c = _mm256_unpacklo_ps(rows[i + 2], rows[i + 3]);
      const V d = _mm256_unpackhi_ps(rows[i + 2], rows[i + 3]);
      quads[i] = _mm256_shuffle_ps(a, c, 0x44);
      quads[i + 1] = _mm256_shuffle_ps(a, c, 0xee);
      quads[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
      quads[i + 3] = _mm256_shuffle_ps(b, d, 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      rows[i] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x20);
      rows[i + 4] = _mm256_permute2f128_ps(quads[i], quads[i + 4], 0x31);
    }
  }
};

struct Avx2F64 {
  using T = double;
  using V = __m256d;
  static constexpr int kLanes = 4;

  static V Set(T value) { return _mm256_set1_pd(value); }
  static V Load(const T* p) { return _mm256_loadu_pd(p); }
  static V LoadSamples(const float* p) {
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
  }
  static void Store(T* p, V value) { _mm256_storeu_pd(p, value); }
  static V MulAdd(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
  static V NegMulAdd(V a, V b, V c) { return _mm256_fnmadd_pd(a, b, c); }
  static V Reverse(V v) { return _mm256_permute4x64_pd(v, 0x1b); }
  static T Sum(V v) {
    const __m128d half =
        _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
  }
  static void StoreFourSums(V* rows, T* sums) {
    Transpose(rows);
    Store(sums, (rows[0] + rows[1]) + (rows[2] + rows[3]));
  }
  static void Transpose(V* rows) {
    const V a = _mm256_unpacklo_pd(rows[0], rows[1]);
    const V b = _mm256_unpackhi_pd(rows[0], rows[1]);
    const V c = _mm256_unpacklo_pd(rows[2], rows[3]);
    const V d = _mm256_unpackhi_pd(rows[2], rows[3]);
    rows[0] = _mm256_permute2f128_pd(a, c, 0x20);
    rows[1] = _mm256_permute2f128_pd(b, d, 0x20);
    rows[2] = _mm256_permute2f128_pd(a, c, 0x31);
    rows[3] = _mm256_permute2f128_pd(b, d, 0x31);
  }
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_LOG_MEL_X86_H_
