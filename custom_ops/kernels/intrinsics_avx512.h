// <immintrin.h> without the warnings that gcc 12 has about its own values of
// no meaning there (https://gcc.gnu.org/PR105593).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_INTRINSICS_AVX512_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_INTRINSICS_AVX512_H_

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_INTRINSICS_AVX512_H_
