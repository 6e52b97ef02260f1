// Which instructions this processor has, for kernels to say whether it runs
// them.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace bifsmn {

#ifdef __x86_64__
// What the processor and the system offer. Asked of the processor itself: what
// __builtin_cpu_supports reads the compiler's runtime library has to fill in,
// and not every compiler's does.
struct X86Features {
  bool avx2 = false;
  bool fma = false;
  bool avx512f = false;
  bool avx512dq = false;
  bool avx512bw = false;
  bool avx512vl = false;
  bool avx512vbmi = false;
  bool avx512vnni = false;
  bool avx512bitalg = false;

  X86Features() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool xsave = c >> 27 & 1, avx = c >> 28 & 1, has_fma = c >> 12 & 1;
    if (!xsave || !avx) return;
    // Which registers the system keeps: bits 1 and 2 up to AVX's, 5 to 7 those
    // of AVX-512.
    unsigned kept, upper;
    __asm__("xgetbv" : "=a"(kept), "=d"(upper) : "c"(0));
    if ((kept & 0x06) != 0x06) return;
    fma = has_fma;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = b >> 5 & 1;
    if ((kept & 0xe6) != 0xe6) return;
    avx512f = b >> 16 & 1;
    avx512dq = b >> 17 & 1;
    avx512bw = b >> 30 & 1;
    avx512vl = b >> 31 & 1;
    avx512vbmi = c >> 1 & 1;
    avx512vnni = c >> 11 & 1;
    avx512bitalg = c >> 12 & 1;
  }
};

inline const X86Features& Cpu() {
  static const X86Features features;
  return features;
}

inline bool HasAvx2() { return Cpu().avx2; }

// What every processor with AVX-512 has but the first, for many cores.
inline bool HasAvx512() {
  return Cpu().avx512f && Cpu().avx512bw && Cpu().avx512dq && Cpu().avx512vl;
}

inline bool HasAvx512Vnni() { return HasAvx512() && Cpu().avx512vnni; }
#endif

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_
