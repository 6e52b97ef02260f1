#include "custom_ops/kernels/log_mel.h"

#ifdef __x86_64__

#include <algorithm>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512vl,avx2,fma")

#include "custom_ops/kernels/log_mel_decibel.h"
#include "custom_ops/kernels/log_mel_frame.h"
#include "custom_ops/kernels/log_mel_x86.h"

namespace bifsmn {
namespace {

__m512 PairSums(__m512 a, __m512 b) {
  return _mm512_shuffle_ps(a, b, 0x88) + _mm512_shuffle_ps(a, b, 0xdd);
}

// Four sums of each half of vectors, in the order of Avx2F32's.
void StoreFourSums(const __m512* rows, float* first, float* second) {
  // Of each quarter.
  const __m512 quarters =
      PairSums(PairSums(rows[0], rows[1]), PairSums(rows[2], rows[3]));
  const __m512 halves =
      quarters + _mm512_shuffle_f32x4(quarters, quarters, 0xb1);
  _mm_storeu_ps(first, _mm512_castps512_ps128(halves));
  _mm_storeu_ps(second, _mm512_extractf32x4_ps(halves, 2));
}

// A vector of the same 256 bits twice.
__m512 LoadTwice(const float* p) {
  return _mm512_castpd_ps(
      _mm512_broadcast_f64x4(_mm256_castps_pd(_mm256_loadu_ps(p))));
}

// As SumSides, both sides in one vector.
BIFSMN_INLINE void SumSidesAtOnce(const MelFilters<float>& filters,
                                  const float* power, float* rises,
                                  float* falls) {
  constexpr int kBlock = MelFilters<float>::kBlock;
  const float* weights = filters.weights.data();
  for (const auto& block : filters.blocks) {
    __m512 sides[kBlock];
    for (int i = 0; i < kBlock; ++i, weights += 16) {
      sides[i] = LoadTwice(power + block.first[i]) * _mm512_loadu_ps(weights);
    }
    for (int v = 1; v < block.vectors; ++v) {
      for (int i = 0; i < kBlock; ++i, weights += 16) {
        sides[i] = _mm512_fmadd_ps(LoadTwice(power + block.first[i] + v * 8),
                                   _mm512_loadu_ps(weights), sides[i]);
      }
    }
    static_assert(kBlock == 4);
    StoreFourSums(sides, rises, falls);
    rises += kBlock;
    falls += kBlock;
  }
}

// Addresses in two frames.
template <typename E>
struct InTwo {
  E* first;
  E* second;

  InTwo operator+(ptrdiff_t n) const { return {first + n, second + n}; }
  InTwo operator-(ptrdiff_t n) const { return {first - n, second - n}; }
  InTwo& operator+=(ptrdiff_t n) { return *this = *this + n; }
};

// Eight lanes of one frame, then eight of another.
struct Avx512TwoFrames {
  using T = float;
  using V = __m512;
  static constexpr int kLanes = 8;
  static constexpr int kFrames = 2;
  using Samples = InTwo<const float>;
  using Results = InTwo<float>;

  static V Set(T value) { return _mm512_set1_ps(value); }
  static V SetEach(const T* p) {
    return _mm512_mask_broadcastss_ps(_mm512_set1_ps(*p), 0xff00,
                                      _mm_load_ss(p + kLanes));
  }
  static V Load(const T* p) { return _mm512_loadu_ps(p); }
  static V LoadTable(const T* p) { return LoadTwice(p); }
  static V LoadSamples(Samples p) {
    const __m256d first = _mm256_castps_pd(_mm256_loadu_ps(p.first));
    const __m256d second = _mm256_castps_pd(_mm256_loadu_ps(p.second));
    return _mm512_castpd_ps(
        _mm512_insertf64x4(_mm512_castpd256_pd512(first), second, 1));
  }
  static void Store(T* p, V value) { _mm512_storeu_ps(p, value); }
  static void StoreEach(Results p, V value) {
    _mm256_storeu_ps(p.first, _mm512_castps512_ps256(value));
    _mm256_storeu_ps(p.second, _mm256_castpd_ps(_mm512_extractf64x4_pd(
                                   _mm512_castps_pd(value), 1)));
  }
  static void StoreElements(Results p, ptrdiff_t at, const T* values) {
    p.first[at] = values[0];
    p.second[at] = values[kLanes];
  }
  static V MulAdd(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static V NegMulAdd(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
  static V Reverse(V v) {
    return _mm512_permutexvar_ps(
        _mm512_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8),
        v);
  }
  static void Transpose(V* rows) {
    V quads[8];
    for (int i = 0; i < 8; i += 4) {
      const V a = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
      const V b = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
      const V c = _mm512_unpacklo_ps(rows[i + 2], rows[i + 3]);
      const V d = _mm512_unpackhi_ps(rows[i + 2], rows[i + 3]);
      quads[i] = _mm512_shuffle_ps(a, c, 0x44);
      quads[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
      quads[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
      quads[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    const __m512i lower = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i upper = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    for (int i = 0; i < 4; ++i) {
      const __m512d a = _mm512_castps_pd(quads[i]);
      const __m512d b = _mm512_castps_pd(quads[i + 4]);
      rows[i] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, lower, b));
      rows[i + 4] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, upper, b));
    }
  }
};

void MelTwoFrames(const LogMelTables<float>& tables,
                  const float* const* samples, float* work, float* mels,
                  float* totals) {
  using Lanes = Avx2F32;
  const MelParameters& p = tables.parameters;
  const ptrdiff_t bins = p.n_fft / 2 + 1;
  const ptrdiff_t intervals = tables.filters.intervals();
  const ptrdiff_t part = bins + Lanes::kLanes + 2 * intervals;
  float* power = work + 2 * ptrdiff_t{p.n_fft + 2 * Lanes::kLanes};
  PowerSpectrum<Avx512TwoFrames>::Run(tables.rfft, {samples[0], samples[1]},
                                      work, {power, power + part});
  for (int f = 0; f < 2; ++f, power += part, mels += p.n_mels) {
    // Read with weights of 0.
    Lanes::Store(power + bins, Lanes::Set(0));
    float* rises = power + bins + Lanes::kLanes;
    float* falls = rises + intervals;
    SumSidesAtOnce(tables.filters, power, rises, falls);
    totals[f] = JoinSides<Lanes>(tables, power, rises, falls, mels);
  }
}

struct Avx512Vectors {
  typedef float Floats __attribute__((vector_size(64)));
  typedef int32_t Ints __attribute__((vector_size(64)));
  static constexpr int kCount = 2;

  // gcc 12 would copy less at once.
  static void Load(const float* from, Ints* bits) {
    BIFSMN_UNROLL(4)
    for (int v = 0; v < kCount; ++v, from += 16) {
      bits[v] = reinterpret_cast<Ints>(_mm512_loadu_ps(from));
    }
  }
  static void Store(const Floats* values, float* to) {
    BIFSMN_UNROLL(4)
    for (int v = 0; v < kCount; ++v, to += 16) {
      _mm512_storeu_ps(to, values[v]);
    }
  }
  static Floats ToFloats(Ints v) { return __builtin_convertvector(v, Floats); }
};

}  // namespace
}  // namespace bifsmn

BIFSMN_TARGET_END

namespace bifsmn {
namespace {

bool Supported() { return Cpu().avx512f && Cpu().avx512vl; }

}  // namespace

const MelKernel<float> kMelAvx512vl8F32 = {"mel_avx512vl_8_f32",
                                           8,
                                           Supported,
                                           MelFrame<Avx2F32, SumSidesAtOnce>,
                                           MelTwoFrames,
                                           DecibelOf<Avx512Vectors>};
const MelKernel<double> kMelAvx512vl4F64 = {
    "mel_avx512vl_4_f64", 4,       Supported,
    MelFrame<Avx2F64>,    nullptr, DecibelOf<Avx512Vectors>};

}  // namespace bifsmn

#endif  // __x86_64__
