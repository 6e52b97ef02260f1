// Vectors of no processor's own, which compilers make of what there is.

#include <cstring>

#include "custom_ops/kernels/log_mel_frame.h"

namespace bifsmn {
namespace {

template <typename Element>
struct PortableLanes {
  using T = Element;
  static constexpr int kLanes = 16 / sizeof(T);
  typedef T V __attribute__((vector_size(16)));

  static V Set(T value) { return V{} + value; }
  static V Load(const T* p) {
    V value;
    std::memcpy(&value, p, sizeof(value));
    return value;
  }
  static V LoadSamples(const float* p) {
    V value = {};
    for (int i = 0; i < kLanes; ++i) value[i] = static_cast<T>(p[i]);
    return value;
  }
  static void Store(T* p, V value) { std::memcpy(p, &value, sizeof(value)); }
  static V MulAdd(V a, V b, V c) { return a * b + c; }
  static V NegMulAdd(V a, V b, V c) { return c - a * b; }
  static V Reverse(V v) {
    V reversed = {};
    for (int i = 0; i < kLanes; ++i) reversed[i] = v[kLanes - 1 - i];
    return reversed;
  }
  static T Sum(V v) {
    T sum = 0;
    for (int i = 0; i < kLanes; ++i) sum += v[i];
    return sum;
  }
  static void StoreFourSums(V* rows, T* sums) {
    for (int i = 0; i < 4; i += kLanes) {
      Transpose(rows + i);
      V sum = rows[i];
      for (int j = 1; j < kLanes; ++j) sum += rows[i + j];
      Store(sums + i, sum);
    }
  }
  static void Transpose(V* rows) {
    for (int i = 0; i < kLanes; ++i) {
      for (int j = 0; j < i; ++j) {
        const T other = rows[i][j];
        rows[i][j] = rows[j][i];
        rows[j][i] = other;
      }
    }
  }
};

bool Supported() { return true; }

}  // namespace

const MelKernel<float> kMelPortable4F32 = {
    "mel_portable_4_f32",           4,       Supported,
    MelFrame<PortableLanes<float>>, nullptr, NormalizedDecibel};
const MelKernel<double> kMelPortable2F64 = {"mel_portable_2_f64",
                                            2,
                                            Supported,
                                            MelFrame<PortableLanes<double>>,
                                            nullptr,
                                            NormalizedDecibel};

}  // namespace bifsmn
