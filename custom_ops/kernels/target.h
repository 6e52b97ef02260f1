// Compiles the functions of a file for more than the baseline of a processor:
//
//   BIFSMN_TARGET_BEGIN("avx2")
//   ...
//   BIFSMN_TARGET_END
//
// Put it behind the #includes: an inline function of the standard library that
// is compiled for more could be linked into the rest of the program.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_TARGET_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_TARGET_H_

#define BIFSMN_PRAGMA(text) _Pragma(#text)

#ifdef __clang__
#define BIFSMN_TARGET_BEGIN(features)                                   \
  BIFSMN_PRAGMA(clang attribute push(__attribute__((target(features))), \
                                     apply_to = function))
#define BIFSMN_TARGET_END _Pragma("clang attribute pop")
#define BIFSMN_UNROLL(times) BIFSMN_PRAGMA(clang loop unroll_count(times))
#else
#define BIFSMN_TARGET_BEGIN(features) \
  _Pragma("GCC push_options") BIFSMN_PRAGMA(GCC target(features))
#define BIFSMN_TARGET_END _Pragma("GCC pop_options")
#define BIFSMN_UNROLL(times) BIFSMN_PRAGMA(GCC unroll times)
#endif

#define BIFSMN_INLINE inline __attribute__((always_inline))

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_TARGET_H_
