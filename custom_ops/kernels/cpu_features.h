// Which instructions this processor has, for kernels to say whether it runs
// them.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_

namespace bifsmn {

#ifdef __x86_64__
inline bool HasAvx2() { return __builtin_cpu_supports("avx2") != 0; }

// What every processor with AVX-512 has but the first, for many cores.
inline bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

inline bool HasAvx512Vnni() {
  return HasAvx512() && __builtin_cpu_supports("avx512vnni");
}
#endif

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_
