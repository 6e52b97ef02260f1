// Power spectrum of real samples, as a template over a type of vectors.
//
// The samples of a frame are rows of as many as a vector has lanes, L. Lane l
// holds a sequence of its own, every L-th sample from the l-th on, and all L
// sequences are transformed at once, each by the same instructions: pairs of
// rows are taken as complex numbers, their Fourier transform is computed in
// place by radices 8 and 4 (decimation in time, the order of the first reads
// makes that of the results natural), and then split into R_l, the transforms
// of the real sequences. No lane is moved up to here. The last step joins the
// lanes for a vector of frequencies k at a time,
//
//   X[k + m n/L] = sum_l e^(-2 pi i l k / n) R_l[k] e^(-2 pi i l m / L)
//
// and gives, with X[n - k] = conj X[k], all n / 2 + 1 frequencies from the
// first n / (2 L) + 1 of the R_l.
//
// A vector may hold as much of several frames, which share the tables: a type
// of vectors says of how many, and how a frame's samples are read and its
// powers are written.
//
// Include it where the instruction set has been chosen (target.h).

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_RFFT_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_RFFT_H_

#include <cstddef>
#include <cstdint>

#include "custom_ops/kernels/rfft_tables.h"
#include "custom_ops/kernels/target.h"

namespace bifsmn {
namespace {

// A vector of complex numbers.
template <typename Lanes>
struct Complex {
  using V = typename Lanes::V;
  V re, im;

  static constexpr int kRow = Lanes::kLanes * Lanes::kFrames;

  static Complex Load(const typename Lanes::T* p) {
    return {Lanes::Load(p), Lanes::Load(p + kRow)};
  }
  static Complex LoadTable(const typename Lanes::T* p) {
    return {Lanes::LoadTable(p), Lanes::LoadTable(p + Lanes::kLanes)};
  }
  void Store(typename Lanes::T* p) const {
    Lanes::Store(p, re);
    Lanes::Store(p + kRow, im);
  }
  Complex operator+(const Complex& other) const {
    return {re + other.re, im + other.im};
  }
  Complex operator-(const Complex& other) const {
    return {re - other.re, im - other.im};
  }
  // Times -i.
  Complex Turned() const { return {im, -re}; }
  Complex Times(V w_re, V w_im) const {
    return {Lanes::NegMulAdd(im, w_im, re * w_re),
            Lanes::MulAdd(re, w_im, im * w_re)};
  }
};

// Vectors of one frame, of a type that knows of no frames.
template <typename Lanes>
struct OneFrame : Lanes {
  using T = typename Lanes::T;
  using V = typename Lanes::V;
  static constexpr int kFrames = 1;

  // A frame's samples, and where its results are written.
  using Samples = const float*;
  using Results = T*;

  // The same lanes for every frame.
  static V LoadTable(const T* p) { return Lanes::Load(p); }

  // Every frame's lanes to a place of its own.
  static void StoreEach(Results p, V value) { Lanes::Store(p, value); }

  // Every frame's element, of values that are kLanes apart.
  static void StoreElements(Results p, ptrdiff_t at, const T* values) {
    p[at] = *values;
  }

  // In all lanes of a frame the first of its lanes that begin there.
  static V SetEach(const T* p) { return Lanes::Set(*p); }
};

template <typename Lanes>
struct Butterfly {
  using C = Complex<Lanes>;

  static void Two(C* x) {
    const C sum = x[0] + x[1];
    x[1] = x[0] - x[1];
    x[0] = sum;
  }

  // a + -i b and a - -i b, without a negation.
  static C PlusTurned(const C& a, const C& b) {
    return {a.re + b.im, a.im - b.re};
  }
  static C MinusTurned(const C& a, const C& b) {
    return {a.re - b.im, a.im + b.re};
  }

  static void Four(C* x) {
    const C sum = x[0] + x[2];
    const C difference = x[0] - x[2];
    const C odd_sum = x[1] + x[3];
    const C odd_difference = x[1] - x[3];
    x[0] = sum + odd_sum;
    x[2] = sum - odd_sum;
    x[1] = PlusTurned(difference, odd_difference);
    x[3] = MinusTurned(difference, odd_difference);
  }

  static void Eight(C* x) {
    using V = typename Lanes::V;
    C even[4] = {x[0], x[2], x[4], x[6]};
    C odd[4] = {x[1], x[3], x[5], x[7]};
    Four(even);
    Four(odd);
    x[0] = even[0] + odd[0];
    x[4] = even[0] - odd[0];
    x[2] = PlusTurned(even[2], odd[2]);
    x[6] = MinusTurned(even[2], odd[2]);
    // odd[1] (1 - i) / sqrt 2 and odd[3] (-1 - i) / sqrt 2.
    const V root = Lanes::Set(static_cast<typename Lanes::T>(kRootOfHalf));
    const V a = odd[1].re + odd[1].im;
    const V b = odd[1].im - odd[1].re;
    const V c = odd[3].im - odd[3].re;
    const V d = odd[3].re + odd[3].im;
    x[1] = {Lanes::MulAdd(a, root, even[1].re),
            Lanes::MulAdd(b, root, even[1].im)};
    x[5] = {Lanes::NegMulAdd(a, root, even[1].re),
            Lanes::NegMulAdd(b, root, even[1].im)};
    x[3] = {Lanes::MulAdd(c, root, even[3].re),
            Lanes::NegMulAdd(d, root, even[3].im)};
    x[7] = {Lanes::NegMulAdd(c, root, even[3].re),
            Lanes::MulAdd(d, root, even[3].im)};
  }

  template <int kRadix>
  static void Run(C* x) {
    static_assert(kRadix == 2 || kRadix == 4 || kRadix == 8);
    if constexpr (kRadix == 2) Two(x);
    if constexpr (kRadix == 4) Four(x);
    if constexpr (kRadix == 8) Eight(x);
  }

 private:
  static constexpr double kRootOfHalf = 0.70710678118654752440;
};

template <typename Lanes>
class PowerSpectrum {
  using T = typename Lanes::T;
  using V = typename Lanes::V;
  using C = Complex<Lanes>;
  using Samples = typename Lanes::Samples;
  using Results = typename Lanes::Results;
  static constexpr int kLanes = Lanes::kLanes;
  static constexpr int kFrames = Lanes::kFrames;

 public:
  // Writes power[size / 2 + 1], times kPowerFactor, of samples[size * folds],
  // of each frame, and overwrites work[(size + 2 * lanes) * frames].
  static void Run(const RfftTables<T>& tables, Samples samples, T* work,
                  Results power) {
    if (tables.folds() == 1) {
      First<1>(tables, samples, work);
    } else if (tables.folds() == 2) {
      First<2>(tables, samples, work);
    } else {
      First<kAnyFolds>(tables, samples, work);
    }
    const T* twiddles = tables.twiddles();
    const int points = tables.points();
    for (int done = tables.first_radix(); done < points;) {
      const int radix = tables.next_radix(done);
      if (radix == 8) {
        Next<8>(twiddles, points, done, work);
      } else {
        Next<4>(twiddles, points, done, work);
      }
      twiddles += ptrdiff_t{done} * 2 * (radix - 1);
      done *= radix;
    }
    Join(tables, work, power);
  }

 private:
  // Of samples and tables, and of what is worked in.
  static constexpr int kPoint = 2 * kLanes;
  static constexpr int kWork = kPoint * kFrames;

  // As many as the tables say.
  static constexpr int kAnyFolds = 0;

  // Of the transform for boards, kBoardMel.
  static constexpr int kUsualPoints = 512 / kPoint;

  template <int kFolds>
  static void First(const RfftTables<T>& tables, Samples samples, T* work) {
    if (tables.first_radix() == 8) {
      // Where the samples of a butterfly are is then known to the compiler.
      if (tables.points() == kUsualPoints) {
        First<8, kFolds>(tables, kUsualPoints, samples, work);
      } else {
        First<8, kFolds>(tables, tables.points(), samples, work);
      }
    } else {
      First<4, kFolds>(tables, tables.points(), samples, work);
    }
  }

  static C LoadSamples(Samples row) {
    return {Lanes::LoadSamples(row), Lanes::LoadSamples(row + kLanes)};
  }

  // The window, and the butterflies that have no twiddles.
  template <int kRadix, int kFolds>
  static BIFSMN_INLINE void First(const RfftTables<T>& tables, int points,
                                  Samples samples, T* work) {
    const int folds = kFolds == kAnyFolds ? tables.folds() : kFolds;
    const ptrdiff_t size = ptrdiff_t{points} * kPoint;
    const int groups = points / kRadix;
    const ptrdiff_t stride = ptrdiff_t{groups} * kPoint;
    const T* window = tables.window();
    for (int g = 0; g < groups; ++g) {
      Samples row = samples + ptrdiff_t{tables.order()[g]} * kPoint;
      C x[kRadix];
      for (int j = 0; j < kRadix; ++j, row += stride) {
        const C w = C::LoadTable(window);
        window += kPoint;
        const C first = LoadSamples(row);
        if constexpr (kFolds == 2) {
          // A Hann window and itself, shifted by half of it, add up to 1, so
          // the tables have the first half only.
          const C second = LoadSamples(row + size);
          x[j] = {Lanes::MulAdd(first.re - second.re, w.re, second.re),
                  Lanes::MulAdd(first.im - second.im, w.im, second.im)};
          continue;
        }
        x[j] = {first.re * w.re, first.im * w.im};
        for (int fold = 1; fold < folds; ++fold) {
          const C next = LoadSamples(row + fold * size);
          const C weight = C::LoadTable(window);
          window += kPoint;
          x[j] = {Lanes::MulAdd(next.re, weight.re, x[j].re),
                  Lanes::MulAdd(next.im, weight.im, x[j].im)};
        }
      }
      Butterfly<Lanes>::template Run<kRadix>(x);
      for (int j = 0; j < kRadix; ++j) {
        x[j].Store(work + (ptrdiff_t{g} * kRadix + j) * kWork);
      }
    }
  }

  // Joins transforms of `done` points by kRadix.
  template <int kRadix>
  static void Next(const T* twiddles, int points, int done, T* work) {
    const ptrdiff_t stride = ptrdiff_t{done} * kWork;
    for (T* group = work; group < work + ptrdiff_t{points} * kWork;
         group += kRadix * stride) {
      const T* w = twiddles;
      for (int k = 0; k < done; ++k, w += 2 * (kRadix - 1)) {
        T* p = group + k * kWork;
        C x[kRadix];
        x[0] = C::Load(p);
        for (int j = 1; j < kRadix; ++j) {
          x[j] = C::Load(p + j * stride)
                     .Times(Lanes::Set(w[2 * j - 2]), Lanes::Set(w[2 * j - 1]));
        }
        Butterfly<Lanes>::template Run<kRadix>(x);
        for (int j = 0; j < kRadix; ++j) x[j].Store(p + j * stride);
      }
    }
  }

  static void Join(const RfftTables<T>& tables, T* work, Results power) {
    const int points = tables.points();
    C::Load(work).Store(work + ptrdiff_t{points} * kWork);
    const T* split = tables.split();
    const T* join = tables.join();
    const T* up = work;
    const T* down = work + ptrdiff_t{points} * kWork;
    for (int k = 0; k < points / 2; k += kLanes) {
      C low[kLanes], high[kLanes];
      for (int i = 0; i < kLanes; ++i, split += 2) {
        const C a = C::Load(up + i * kWork);
        const C b = C::Load(down - i * kWork);
        const C even = {a.re + b.re, a.im - b.im};
        const C odd = C{a.im + b.im, b.re - a.re}.Times(Lanes::Set(split[0]),
                                                        Lanes::Set(split[1]));
        low[i] = even + odd;
        high[kLanes - 1 - i] = even - odd;
      }
      up += kLanes * kWork;
      down -= kLanes * kWork;
      JoinLanes<false>(low, join, k, points, power);
      join += ptrdiff_t{kLanes - 1} * kPoint;
      JoinLanes<true>(high, join, points - k - kLanes + 1, points, power);
      join += ptrdiff_t{kLanes - 1} * kPoint;
    }
    JoinMiddle(C::Load(work + ptrdiff_t{points / 2} * kWork), join, points,
               power);
  }

  // The same of the frequency points / 2, which is alone: a lane is an m.
  static void JoinMiddle(const C& a, const T* roots, int points,
                         Results power) {
    T r[kWork];
    // Split, this is twice its conjugate.
    C{a.re + a.re, a.im + a.im}.Store(r);
    C x = {Lanes::Set(0), Lanes::Set(0)};
    for (int l = 0; l < kLanes; ++l, roots += kPoint) {
      const C root = C::LoadTable(roots);
      const V re = Lanes::SetEach(r + l);
      const V im = Lanes::SetEach(r + C::kRow + l);
      x.re = Lanes::MulAdd(im, root.im, Lanes::MulAdd(re, root.re, x.re));
      x.im = Lanes::NegMulAdd(im, root.re, Lanes::MulAdd(re, root.im, x.im));
    }
    const V value = Lanes::MulAdd(x.re, x.re, x.im * x.im);
    T values[kLanes * kFrames];
    Lanes::Store(values, value);
    for (int m = 0; m < kLanes; ++m) {
      const ptrdiff_t k = points / 2 + ptrdiff_t{m} * 2 * points;
      Lanes::StoreElements(
          power, m < kLanes / 2 ? k : ptrdiff_t{kLanes} * 2 * points - k,
          values + m);
    }
  }

  // From R_l of the kLanes frequencies from k on to the power at all
  // k + m points * 2 or at n - k - m points * 2, which is the same. Of numbers
  // and twiddles that are `conjugate` come the powers in the reverse order.
  template <bool conjugate>
  static void JoinLanes(const C* r, const T* twiddles, int k, int points,
                        Results power) {
    V re[kLanes], im[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      re[i] = r[i].re;
      im[i] = r[i].im;
    }
    Lanes::Transpose(re);
    Lanes::Transpose(im);
    C x[kLanes];
    x[0] = {re[0], im[0]};
    for (int l = 1; l < kLanes; ++l, twiddles += kPoint) {
      x[l] = C{re[l], im[l]}.Times(Lanes::LoadTable(twiddles),
                                   Lanes::LoadTable(twiddles + kLanes));
    }
    Butterfly<Lanes>::template Run<kLanes>(x);
    for (int m = 0; m < kLanes; ++m) {
      const C& y = x[conjugate ? (kLanes - m) % kLanes : m];
      const V value = Lanes::MulAdd(y.re, y.re, y.im * y.im);
      if (m < kLanes / 2) {
        Lanes::StoreEach(power + k + ptrdiff_t{m} * 2 * points, value);
      } else {
        Lanes::StoreEach(
            power + ptrdiff_t{kLanes - m} * 2 * points - k - (kLanes - 1),
            Lanes::Reverse(value));
      }
    }
  }
};

}  // namespace
}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_RFFT_H_
