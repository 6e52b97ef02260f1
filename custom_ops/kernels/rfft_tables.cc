#include "custom_ops/kernels/rfft_tables.h"

#include <cmath>

namespace bifsmn {
namespace {

constexpr double kPi = 3.14159265358979323846;

// e^(-2 pi i turns / whole)
template <typename T>
void AppendRoot(double turns, double whole, AlignedTable<T>* roots) {
  roots->Append(std::cos(2 * kPi * turns / whole));
  roots->Append(-std::sin(2 * kPi * turns / whole));
}

}  // namespace

template <typename T>
RfftTables<T>::RfftTables(int size, int lanes) : points_(size / (2 * lanes)) {
  for (int i = 0; i < size; ++i) {
    window_.Append(0.25 - 0.25 * std::cos(2 * kPi * i / size));
  }

  order_ = {0};
  // From the last pass back to the first: a transform's points are those of
  // `radix` transforms, each of which takes every radix-th.
  std::vector<int> radices;
  for (int done = first_radix(); done < points_; done *= radices.back()) {
    radices.push_back(next_radix(done));
    for (int k = 0; k < done; ++k) {
      for (int j = 1; j < radices.back(); ++j) {
        AppendRoot(j * k, done * radices.back(), &twiddles_);
      }
    }
  }
  int stride = 1;
  for (; !radices.empty(); radices.pop_back()) {
    std::vector<int32_t> finer;
    for (const int32_t start : order_) {
      for (int j = 0; j < radices.back(); ++j) {
        finer.push_back(start + j * stride);
      }
    }
    order_ = finer;
    stride *= radices.back();
  }

  for (int k = 0; k < points_ / 2 + lanes; ++k) {
    AppendRoot(k, 2 * points_, &split_);
  }

  for (int k = 0; k <= points_ / 2; k += lanes) {
    for (const int first : {k, points_ - k - lanes + 1}) {
      for (int l = 1; l < lanes; ++l) {
        for (int i = 0; i < lanes; ++i) {
          join_.Append(std::cos(2 * kPi * l * (first + i) / size));
        }
        for (int i = 0; i < lanes; ++i) {
          join_.Append(-std::sin(2 * kPi * l * (first + i) / size));
        }
      }
    }
  }
}

template class RfftTables<float>;
template class RfftTables<double>;

}  // namespace bifsmn
