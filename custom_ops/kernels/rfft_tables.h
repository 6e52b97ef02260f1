// What a Fourier transform of real samples (rfft.h) looks up.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_RFFT_TABLES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_RFFT_TABLES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bifsmn {

// Elements that start at a cache line.
template <typename T>
class AlignedTable {
 public:
  void Append(double value) {
    if (count_ % kPerLine == 0) lines_.emplace_back();
    lines_.back().values[count_++ % kPerLine] = static_cast<T>(value);
  }
  // Frees what was reserved for more.
  void Shrink() { lines_.shrink_to_fit(); }

  const T* data() const { return lines_.empty() ? nullptr : lines_[0].values; }
  size_t size() const { return count_; }

 private:
  static constexpr size_t kPerLine = 64 / sizeof(T);
  struct alignas(64) Line {
    T values[kPerLine] = {};
  };
  std::vector<Line> lines_;
  size_t count_ = 0;
};

// By which the powers of rfft.h are too large: twice the samples' amplitude
// comes out of the split into real sequences.
constexpr double kPowerFactor = 4.0;

// Of a transform of `size` samples in vectors of `lanes`, both powers of two.
template <typename T>
class RfftTables {
 public:
  // The smallest size there is for vectors of that many lanes.
  static constexpr int SmallestSize(int lanes) { return 4 * lanes * lanes; }

  RfftTables() = default;

  // A periodic Hann window of size * folds comes with it.
  RfftTables(int size, int folds, int lanes);

  // Windowed segments of `size` samples that are added up first.
  int folds() const { return folds_; }

  // Complex points of every lane's transform.
  int points() const { return points_; }

  // Radix of the pass that has no twiddles, and of the one that joins
  // transforms of `done` points.
  int first_radix() const { return RadixFor(points_); }
  int next_radix(int done) const { return RadixFor(points_ / done); }

  // In the order of the first pass: [points / first_radix][first_radix][folds]
  // [2 * lanes]; of two folds only the first.
  const T* window() const { return window_.data(); }

  // First points of the first pass's butterflies: [points / first_radix].
  const int32_t* order() const { return order_.data(); }

  // Of the other passes: [points of a transform][radix - 1][re, im].
  const T* twiddles() const { return twiddles_.data(); }

  // e^(-pi i k / points), [points / 2][re, im].
  const T* split() const { return split_.data(); }

  // For every vector of frequencies, those near 0 and those near `points`:
  // e^(-2 pi i l k / size), [lanes - 1][re, im][lanes], the latter conjugate.
  // Then the same for the frequency between them and those that are multiples
  // of 2 points apart from it: [lanes][re, im][lanes].
  const T* join() const { return join_.data(); }

 private:
  // Eights as long as what is left is then a product of fours and eights.
  static constexpr int RadixFor(int points) {
    return points % 8 == 0 && points != 16 ? 8 : 4;
  }

  int points_ = 0;
  int folds_ = 1;
  AlignedTable<T> window_;
  std::vector<int32_t> order_;
  AlignedTable<T> twiddles_;
  AlignedTable<T> split_;
  AlignedTable<T> join_;
};

extern template class RfftTables<float>;
extern template class RfftTables<double>;

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_RFFT_TABLES_H_
