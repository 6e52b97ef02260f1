// Sixteen floats at a time, of which the compiler makes what a processor has.
//
// Functions on them are inlined into ones that are compiled for a processor, so
// that vectors wider than the baseline's are passed nowhere.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_VECTOR_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_VECTOR_H_

#define BIFSMN_BODY static inline __attribute__((always_inline))

// For a function that is compiled for several processors; the one that runs is
// chosen when the library is loaded.
#ifdef __x86_64__
#define BIFSMN_CLONES \
  __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BIFSMN_CLONES
#endif

namespace bifsmn::training {

constexpr int kLanes = 16;

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

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

BIFSMN_BODY float SumOfLanes(const Vector& vector) {
  float lanes[kLanes];
  Store(lanes, vector);
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += lanes[i];
  return sum;
}

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_VECTOR_H_
