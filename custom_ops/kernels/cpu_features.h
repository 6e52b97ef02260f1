// Which instructions this processor has, for kernels to say whether it runs
// them, and which of them BIFSMN_ISA allows.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_

#include <cstdlib>
#include <string>
#include <vector>

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace bifsmn {

#ifdef __x86_64__
// What the processor and the system offer. Asked of the processor itself: what
// __builtin_cpu_supports reads the compiler's runtime library has to fill in,
// and not every compiler's does.
struct CpuFeatures {
  bool avx2 = false;
  bool fma = false;
  bool avx512f = false;
  bool avx512dq = false;
  bool avx512bw = false;
  bool avx512vl = false;
  bool avx512vbmi = false;
  bool avx512vnni = false;
  bool avx512bitalg = false;
  bool avx512vpopcntdq = false;

  static CpuFeatures OfProcessor() {
    CpuFeatures has;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return has;
    const bool xsave = c >> 27 & 1, avx = c >> 28 & 1, fma = c >> 12 & 1;
    if (!xsave || !avx) return has;
    // Which registers the system keeps: bits 1 and 2 up to AVX's, 5 to 7 those
    // of AVX-512.
    unsigned kept, upper;
    __asm__("xgetbv" : "=a"(kept), "=d"(upper) : "c"(0));
    if ((kept & 0x06) != 0x06) return has;
    has.fma = fma;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return has;
    has.avx2 = b >> 5 & 1;
    if ((kept & 0xe6) != 0xe6) return has;
    has.avx512f = b >> 16 & 1;
    has.avx512dq = b >> 17 & 1;
    has.avx512bw = b >> 30 & 1;
    has.avx512vl = b >> 31 & 1;
    has.avx512vbmi = c >> 1 & 1;
    has.avx512vnni = c >> 11 & 1;
    has.avx512bitalg = c >> 12 & 1;
    has.avx512vpopcntdq = c >> 14 & 1;
    return has;
  }

  // What every processor with AVX-512 has but the first, for many cores.
  bool avx512() const { return avx512f && avx512bw && avx512dq && avx512vl; }

  // The levels below and including what is there, least first.
  std::vector<std::string> Levels() const {
    std::vector<std::string> levels = {"baseline"};
    if (avx2) levels.push_back("avx2");
    if (avx512()) levels.push_back("avx512");
    return levels;
  }

  // What a level allows of it.
  CpuFeatures Of(const std::string& level) const {
    CpuFeatures allowed;
    if (level == "baseline") return allowed;
    if (level == "avx512") return *this;
    allowed.avx2 = avx2;
    allowed.fma = fma;
    return allowed;
  }
};
#else
// Every processor of the architecture has NEON, and what runs WebAssembly that
// was compiled for simd128 has that.
struct CpuFeatures {
#ifdef __aarch64__
  bool neon = true;
#else
  bool neon = false;
#endif
#ifdef __wasm_simd128__
  bool simd128 = true;
#else
  bool simd128 = false;
#endif

  static CpuFeatures OfProcessor() { return {}; }

  std::vector<std::string> Levels() const {
    std::vector<std::string> levels = {"baseline"};
    if (neon) levels.push_back("neon");
    if (simd128) levels.push_back("simd128");
    return levels;
  }

  CpuFeatures Of(const std::string& level) const {
    CpuFeatures allowed;
    allowed.neon = level == "neon";
    allowed.simd128 = level == "simd128";
    return allowed;
  }
};
#endif

// The levels of instructions that this processor has, least first.
inline const std::vector<std::string>& IsaLevels() {
  static const auto* levels =
      new std::vector<std::string>(CpuFeatures::OfProcessor().Levels());
  return *levels;
}

// What is wrong with BIFSMN_ISA, or "".
inline std::string IsaFault() {
  const char* wanted = std::getenv("BIFSMN_ISA");
  if (wanted == nullptr || *wanted == '\0') return "";
  std::string known;
  for (const std::string& level : IsaLevels()) {
    if (level == wanted) return "";
    known += (known.empty() ? "" : ", ") + level;
  }
  return "BIFSMN_ISA is '" + std::string(wanted) +
         "': this processor has the levels " + known;
}

// The level that is in use: BIFSMN_ISA's as it was when the library was first
// used, or else the highest.
inline const std::string& Isa() {
  static const auto* level = [] {
    const char* wanted = std::getenv("BIFSMN_ISA");
    const bool chosen =
        wanted != nullptr && *wanted != '\0' && IsaFault().empty();
    return new std::string(chosen ? wanted : IsaLevels().back());
  }();
  return *level;
}

// What kernels may use.
inline const CpuFeatures& Cpu() {
  static const CpuFeatures features = CpuFeatures::OfProcessor().Of(Isa());
  return features;
}

#ifdef __x86_64__
inline bool HasAvx2() { return Cpu().avx2; }

inline bool HasAvx512() { return Cpu().avx512(); }

inline bool HasAvx512Vnni() { return HasAvx512() && Cpu().avx512vnni; }
#else
inline bool HasNeon() { return Cpu().neon; }

inline bool HasSimd128() { return Cpu().simd128; }
#endif

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_CPU_FEATURES_H_
