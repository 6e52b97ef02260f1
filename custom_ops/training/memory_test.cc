#include "custom_ops/training/memory.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace bifsmn::training {
namespace {

using Values = std::vector<float>;

Values Random(std::mt19937& random, int64_t size) {
  std::normal_distribution<float> normal;
  Values values(size);
  for (float& value : values) value = normal(random);
  return values;
}

void ExpectNear(const Values& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 1e-4) << i;
  }
}

// One product at a time, as Eq. 3 says it.
void Check(const States& s, const Taps& taps) {
  SCOPED_TRACE(testing::Message()
               << s.examples << " x " << s.rows << " x " << s.variants << " x "
               << s.columns << ", taps " << taps.count << " from "
               << -taps.look_back);
  std::mt19937 random(static_cast<unsigned>(s.rows * 131 + s.columns));
  const int64_t size = s.examples * s.rows * s.variants * s.columns;
  const int64_t kernel = taps.count * s.columns;
  const Values x = Random(random, size), dz = Random(random, size);
  const Values y = Random(random, kernel);
  std::vector<double> z(size), dx(size), dy(kernel);
  for (int64_t e = 0; e < s.examples; ++e) {
    for (int64_t t = 0; t < s.rows; ++t) {
      for (int64_t i = 0; i < taps.count; ++i) {
        const int64_t source = t + i - taps.look_back;
        if (source < 0 || source >= s.rows) continue;
        for (int64_t v = 0; v < s.variants; ++v) {
          for (int64_t c = 0; c < s.columns; ++c) {
            const int64_t to = ((e * s.rows + t) * s.variants + v) * s.columns;
            const int64_t from =
                ((e * s.rows + source) * s.variants + v) * s.columns;
            const double weight = y[i * s.columns + c];
            z[to + c] += weight * x[from + c];
            dx[from + c] += weight * dz[to + c];
            dy[i * s.columns + c] +=
                static_cast<double>(x[from + c]) * dz[to + c];
          }
        }
      }
    }
  }
  Values found(size, 7), found_dx(size, 7), found_dy(kernel, 7);
  MemoryForward(s, taps, x.data(), y.data(), found.data());
  MemoryBackward(s, taps, x.data(), y.data(), dz.data(), found_dx.data(),
                 found_dy.data());
  ExpectNear(found, z);
  ExpectNear(found_dx, dx);
  ExpectNear(found_dy, dy);
}

TEST(Memory, IsEq3AtEveryEdge) {
  // Clips shorter than the filter's reach, too.
  for (const int64_t rows : {1, 2, 3, 8}) {
    for (const int64_t columns : {1, 15, 16, 37}) {
      for (const Taps taps : {Taps{1, 0}, Taps{3, 2}, Taps{5, 2}, Taps{7, 0}}) {
        Check({2, rows, 3, columns}, taps);
      }
    }
  }
}

TEST(Memory, ScalesExactSumsOfSigns) {
  std::mt19937 random(7);
  for (const int64_t columns : {1, 15, 16, 37}) {
    const States s{2, 6, 3, columns};
    const Taps taps{4, 2};
    const int64_t size = s.examples * s.rows * s.variants * s.columns;
    Values x = Random(random, size), y = Random(random, taps.count * columns);
    Values scale = Random(random, columns);
    for (float& value : x) value = std::copysign(1.0f, value);
    for (float& value : scale) value = std::fabs(value);
    scale[0] = 0.1f;
    for (int64_t i = 0; i < taps.count * columns; ++i) {
      y[i] = std::copysign(scale[i % columns], y[i]);
    }
    Values found(size, 7);
    MemoryForward(s, taps, x.data(), y.data(), found.data());
    for (int64_t at = 0; at < size; ++at) {
      const int64_t c = at % columns, frame = s.variants * columns;
      const int64_t t = at / frame % s.rows;
      int sum = 0;
      for (int64_t i = 0; i < taps.count; ++i) {
        const int64_t source = t + i - taps.look_back;
        if (source < 0 || source >= s.rows) continue;
        const float product = x[at + (source - t) * frame] * y[i * columns + c];
        sum += product > 0 ? 1 : -1;
      }
      ASSERT_EQ(found[at], scale[c] * static_cast<float>(sum)) << at;
    }
  }
}

}  // namespace
}  // namespace bifsmn::training
