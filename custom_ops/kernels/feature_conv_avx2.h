// What the AVX2 kernels of the first convolution share.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_FEATURE_CONV_AVX2_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_FEATURE_CONV_AVX2_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/quantize.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx2")

namespace bifsmn {
namespace {

inline void QuantizeAvx2(const float* values, size_t count, float inverse_scale,
                         int8_t* quantized) {
  const __m256 scale = _mm256_set1_ps(inverse_scale);
  const __m256 most = _mm256_set1_ps(127.0f);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(values + i), scale);
    const __m256 numbers = _mm256_cmp_ps(scaled, scaled, _CMP_ORD_Q);
    // What is too small becomes the smallest integer.
    const __m256i rounded =
        _mm256_cvtps_epi32(_mm256_and_ps(_mm256_min_ps(scaled, most), numbers));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(rounded),
                                          _mm256_extracti128_si256(rounded, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(quantized + i),
                     _mm_packs_epi16(words, words));
  }
  Quantize(values + i, count - i, inverse_scale, quantized + i);
}

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_FEATURE_CONV_AVX2_H_
