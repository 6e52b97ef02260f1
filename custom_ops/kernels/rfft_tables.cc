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
RfftTables<T>::RfftTables(int size, int folds, int lanes)
    : points_(size / (2 * lanes)), folds_(folds) {
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

  // Two halves of a Hann window add up to 1: the first is enough.
  const int stored = folds == 2 ? 1 : folds;
  const int row = 2 * lanes;
  for (const int32_t start : order_) {
    for (int j = 0; j < first_radix(); ++j) {
      for (int fold = 0; fold < stored; ++fold) {
        const int first = fold * size + (start + j * stride) * row;
        for (int i = first; i < first + row; ++i) {
          window_.Append(0.5 - 0.5 * std::cos(2 * kPi * i / (size * folds)));
        }
      }
    }
  }

  for (int k = 0; k < points_ / 2; ++k) {
    AppendRoot(k, 2 * points_, &split_);
  }

  for (int k = 0; k < points_ / 2; k += lanes) {
    for (const int first : {k, points_ - k - lanes + 1}) {
      for (int l = 1; l < lanes; ++l) {
        for (int i = 0; i < lanes; ++i) {
          join_.Append(std::cos(2 * kPi * l * (first + i) / size));
        }
        for (int i = 0; i < lanes; ++i) {
          const double sine = std::sin(2 * kPi * l * (first + i) / size);
          join_.Append(first == k ? -sine : sine);
        }
      }
    }
  }

  for (int l = 0; l < lanes; ++l) {
    const auto turns = [&](int m) {
      return static_cast<double>(l) * (points_ / 2 + 2 * m * points_) / size;
    };
    for (int m = 0; m < lanes; ++m) {
      join_.Append(std::cos(2 * kPi * turns(m)));
    }
    for (int m = 0; m < lanes; ++m) {
      join_.Append(-std::sin(2 * kPi * turns(m)));
    }
  }
  for (auto* table : {&window_, &twiddles_, &split_, &join_}) table->Shrink();
}

template class RfftTables<float>;
template class RfftTables<double>;

}  // namespace bifsmn
