// Floats side by side, as many as the processor's registers hold.
//
// A function that computes with them is a template of the vector, inlined into
// one that is compiled for each level, so that vectors wider than the
// baseline's are passed nowhere. Vectors as wide as the registers, and no
// wider: gcc takes a comparison of wider ones apart, float by float.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_VECTOR_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_VECTOR_H_

#include <cstdint>

#include "custom_ops/kernels/cpu_features.h"

#define BIFSMN_BODY static inline __attribute__((always_inline))

// Of a lambda that is a term of Sum.
#define BIFSMN_TERM __attribute__((always_inline))

// Defines `Return Name Parameters`, which is Name##Body<Vector> Arguments, with
// the vectors of the level that is chosen when it is first called.
#ifdef __x86_64__
#define BIFSMN_FOR_LEVELS(Return, Name, Parameters, Arguments)               \
  Return Name##Baseline Parameters { return Name##Body<Vector4> Arguments; } \
  __attribute__((target("avx2"))) Return Name##Avx2 Parameters {             \
    return Name##Body<Vector8> Arguments;                                    \
  }                                                                          \
  __attribute__((                                                            \
      target("avx512f,avx512dq,avx512vl"))) Return Name##Avx512 Parameters { \
    return Name##Body<Vector16> Arguments;                                   \
  }                                                                          \
  Return Name Parameters {                                                   \
    static const auto chosen =                                               \
        OfLevel(Name##Baseline, Name##Avx2, Name##Avx512);                   \
    return chosen Arguments;                                                 \
  }
#else
#define BIFSMN_FOR_LEVELS(Return, Name, Parameters, Arguments) \
  Return Name Parameters { return Name##Body<Vector4> Arguments; }
#endif

namespace bifsmn::training {

typedef float Vector4 __attribute__((vector_size(16)));
typedef float Vector8 __attribute__((vector_size(32)));
typedef float Vector16 __attribute__((vector_size(64)));

template <class T>
constexpr int kLanes = sizeof(T) / sizeof(float);

#ifdef __x86_64__
template <class Function>
Function* OfLevel(Function* baseline, Function* avx2, Function* avx512) {
  return HasAvx512() ? avx512 : HasAvx2() ? avx2 : baseline;
}
#endif

template <class T>
BIFSMN_BODY T Load(const float* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

template <class T>
BIFSMN_BODY void Store(float* p, const T& value) {
  __builtin_memcpy(p, &value, sizeof value);
}

template <class T>
BIFSMN_BODY T Zero() {
  return T{} * 0.0f;
}

template <class T>
BIFSMN_BODY T Min(T a, T b) {
  return a < b ? a : b;
}

template <class T>
BIFSMN_BODY T Max(T a, T b) {
  return a > b ? a : b;
}

template <class T>
BIFSMN_BODY T Magnitude(T a) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return __builtin_fabsf(a);
  } else {
    typedef int Bits __attribute__((vector_size(sizeof(T))));
    return reinterpret_cast<T>(reinterpret_cast<Bits>(a) & 0x7fffffff);
  }
}

// Sums are taken in so many lanes at every level, so that they are the same.
constexpr int kSumLanes = 16;

// The sum of term(T{}, i), a T, over [0, size): whole vectors first.
template <class T, class Term>
BIFSMN_BODY float Sum(int64_t size, const Term& term) {
  constexpr int kVectors = kSumLanes / kLanes<T>;
  T sums[kVectors];
#pragma GCC unroll 4
  for (int k = 0; k < kVectors; ++k) sums[k] = Zero<T>();
  int64_t i = 0;
  for (; i + kSumLanes <= size; i += kSumLanes) {
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) sums[k] += term(T{}, i + k * kLanes<T>);
  }
  float lanes[kSumLanes];
#pragma GCC unroll 4
  for (int k = 0; k < kVectors; ++k) Store(lanes + k * kLanes<T>, sums[k]);
  float sum = 0;
  for (int lane = 0; lane < kSumLanes; ++lane) sum += lanes[lane];
  for (; i < size; ++i) sum += term(float{}, i);
  return sum;
}

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_VECTOR_H_
