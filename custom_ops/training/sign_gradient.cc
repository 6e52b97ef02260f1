#include "custom_ops/training/sign_gradient.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "custom_ops/training/vector.h"

namespace bifsmn::training {
namespace {

// Signs whose sums are looked up together, and how many sums these are.
constexpr int64_t kSet = 4;
constexpr int64_t kSums = 1 << kSet;

// Floats side by side that have the same signs.
constexpr int64_t kWide = 32;

// Of a line of the cache, so that no vector lies on two.
struct alignas(kWide * sizeof(float)) Wide {
  float values[kWide];
};

// Sets whose sums are in the nearest cache together: 16 KB.
constexpr int64_t kSets = 8;
constexpr int64_t kSigns = kSets * kSet;

// Results whose sets lie side by side.
constexpr int64_t kBlock = 8;

// Where a set's sum is among its sums, in bytes.
using Offset = uint16_t;
constexpr int64_t kBytes = kWide * sizeof(float);

int64_t Blocks(int64_t size, int64_t block) {
  return (size + block - 1) / block;
}

uint32_t Negative(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits >> 31;
}

// The signs of a matrix [results][signs], as offsets
// [part of kSigns signs][block of kBlock results][set][kBlock].
class Offsets {
 public:
  Offsets(int64_t results, int64_t signs)
      : blocks_(Blocks(results, kBlock)),
        offsets_(Blocks(signs, kSigns) * blocks_ * kSets * kBlock) {}

  // Those of a set for the results of a block.
  Offset* At(int64_t block, int64_t set) {
    const int64_t place = set / kSets * blocks_ + block;
    return &offsets_[(place * kSets + set % kSets) * kBlock];
  }

  const Offset* Part(int64_t part) const {
    return &offsets_[part * blocks_ * kSets * kBlock];
  }

 private:
  int64_t blocks_;
  std::vector<Offset> offsets_;
};

// The offset of four floats' signs, `stride` apart.
BIFSMN_BODY Offset OffsetOf(const float* x, int64_t stride) {
  uint32_t which = 0;
  for (int64_t i = 0; i < kSet; ++i) which |= Negative(x[i * stride]) << i;
  return static_cast<Offset>(which * kBytes);
}

// Those of the signs of four rows of kBlock floats.
template <class>
BIFSMN_BODY void PackBlocksBody(int64_t blocks, const float* x, int64_t stride,
                                int64_t step, Offset* to) {
  for (int64_t block = 0; block < blocks; ++block) {
#pragma GCC unroll 1
    for (int64_t i = 0; i < kBlock; ++i) {
      to[i] = OffsetOf(x + block * kBlock + i, stride);
    }
    to += step;
  }
}

BIFSMN_FOR_LEVELS(void, PackBlocks,
                  (int64_t blocks, const float* x, int64_t stride, int64_t step,
                   Offset* to),
                  (blocks, x, stride, step, to))

// The sums of sets of four rows of kWide floats: [set][kSums][kWide].
template <class T>
BIFSMN_BODY void MakeSumsBody(int64_t sets, const float* rows, int64_t stride,
                              float* sums) {
  constexpr int64_t kLane = kLanes<T>;
  for (int64_t set = 0; set < sets; ++set) {
    for (int64_t i = 0; i < kWide; i += kLane) {
      const float* at = rows + set * kSet * stride + i;
      const T a = Load<T>(at), b = Load<T>(at + stride);
      const T c = Load<T>(at + 2 * stride), d = Load<T>(at + 3 * stride);
      const T low[] = {a + b, b - a, a - b, -a - b};
      const T high[] = {c + d, d - c, c - d, -c - d};
      float* to = sums + set * kSums * kWide + i;
#pragma GCC unroll 16
      for (int which = 0; which < kSums; ++which) {
        Store(to + which * kWide, low[which % 4] + high[which / 4]);
      }
    }
  }
}

BIFSMN_FOR_LEVELS(void, MakeSums,
                  (int64_t sets, const float* rows, int64_t stride,
                   float* sums),
                  (sets, rows, stride, sums))

// Adds the sums of sets to results [blocks of kBlock][kWide].
template <class T>
BIFSMN_BODY void AddSetsBody(int64_t blocks, int64_t sets, const float* sums,
                             const Offset* offsets, float* results) {
  constexpr int64_t kLane = kLanes<T>;
  constexpr int kVectors = kWide / kLane;
  // As many as hide an addition's latency and fit the registers.
  constexpr int kTogether = 8 / kVectors;
  for (int64_t block = 0; block < blocks; ++block) {
    for (int first = 0; first < kBlock; first += kTogether) {
      float* to = results + (block * kBlock + first) * kWide;
      T added[kTogether][kVectors];
#pragma GCC unroll 8
      for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          added[k][v] = Load<T>(to + k * kWide + v * kLane);
        }
      }
      const Offset* mine = offsets + block * kSets * kBlock + first;
      const auto* from = reinterpret_cast<const char*>(sums);
      for (int64_t set = 0; set < sets; ++set) {
#pragma GCC unroll 8
        for (int k = 0; k < kTogether; ++k) {
          const char* sum = from + mine[k];
#pragma GCC unroll 8
          for (int v = 0; v < kVectors; ++v) {
            T value;
            __builtin_memcpy(&value, sum + v * sizeof(T), sizeof value);
            added[k][v] += value;
          }
        }
        mine += kBlock;
        from += kSums * kBytes;
      }
#pragma GCC unroll 8
      for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          Store(to + k * kWide + v * kLane, added[k][v]);
        }
      }
    }
  }
}

BIFSMN_FOR_LEVELS(void, AddSets,
                  (int64_t blocks, int64_t sets, const float* sums,
                   const Offset* offsets, float* results),
                  (blocks, sets, sums, offsets, results))

// What one stretch of kWide floats needs beside the signs.
struct Work {
  explicit Work(int64_t results)
      : blocks(Blocks(results, kBlock)),
        sums(kSets * kSums),
        results(blocks * kBlock) {}

  // Adds up what rows [signs][kWide], `stride` apart, give with their signs.
  void Add(int64_t signs, const float* rows, int64_t stride,
           const Offsets& offsets) {
    std::fill(results.begin(), results.end(), Wide{});
    for (int64_t first = 0; first < signs; first += kSigns) {
      const int64_t sets = Blocks(std::min(kSigns, signs - first), kSet);
      MakeSums(sets, rows + first * stride, stride, sums[0].values);
      AddSets(blocks, sets, sums[0].values, offsets.Part(first / kSigns),
              results[0].values);
    }
  }

  int64_t blocks;
  std::vector<Wide> sums, results;
};

// Writes the 4 x 4 floats at `from` the other way round.
BIFSMN_BODY void Turn(const float* from, int64_t stride, float* to,
                      int64_t to_stride) {
  typedef int Places __attribute__((vector_size(16)));
  const Vector4 a = Load<Vector4>(from), b = Load<Vector4>(from + stride);
  const Vector4 c = Load<Vector4>(from + 2 * stride);
  const Vector4 d = Load<Vector4>(from + 3 * stride);
  const Vector4 ab = __builtin_shuffle(a, b, Places{0, 4, 1, 5});
  const Vector4 cd = __builtin_shuffle(c, d, Places{0, 4, 1, 5});
  const Vector4 ab2 = __builtin_shuffle(a, b, Places{2, 6, 3, 7});
  const Vector4 cd2 = __builtin_shuffle(c, d, Places{2, 6, 3, 7});
  Store(to, __builtin_shuffle(ab, cd, Places{0, 1, 4, 5}));
  Store(to + to_stride, __builtin_shuffle(ab, cd, Places{2, 3, 6, 7}));
  Store(to + 2 * to_stride, __builtin_shuffle(ab2, cd2, Places{0, 1, 4, 5}));
  Store(to + 3 * to_stride, __builtin_shuffle(ab2, cd2, Places{2, 3, 6, 7}));
}

// Writes to[j][i] = from[i][j] for i < rows and j < columns.
void Transpose(int64_t rows, int64_t columns, const float* from, int64_t stride,
               float* to, int64_t to_stride) {
  const int64_t whole_rows = rows / 4 * 4, whole = columns / 4 * 4;
  for (int64_t i = 0; i < whole_rows; i += 4) {
    for (int64_t j = 0; j < whole; j += 4) {
      Turn(from + i * stride + j, stride, to + j * to_stride + i, to_stride);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < whole_rows ? whole : 0; j < columns; ++j) {
      to[j * to_stride + i] = from[i * stride + j];
    }
  }
}

}  // namespace

void SignInputGradient(Shape shape, int64_t units, const float* y,
                       const float* dz, float* dx) {
  Offsets offsets(shape.columns, units);
  const int64_t sets = units / kSet;
  for (int64_t column = 0; column < shape.columns; ++column) {
    const float* row = y + column * units;
    const int64_t block = column / kBlock, place = column % kBlock;
    for (int64_t set = 0; set < sets; ++set) {
      offsets.At(block, set)[place] = OffsetOf(row + set * kSet, 1);
    }
    for (int64_t unit = sets * kSet; unit < units; ++unit) {
      offsets.At(block, sets)[place] |=
          static_cast<Offset>(Negative(row[unit]) * kBytes << unit % kSet);
    }
  }
  // Units that are not there are zeros.
  const int64_t padded = Blocks(units, kSet) * kSet;
  std::vector<float> turned(padded * kWide);
  Work work(shape.columns);
  for (int64_t row = 0; row < shape.rows; row += kWide) {
    const int64_t rows = std::min(kWide, shape.rows - row);
    Transpose(rows, units, dz + row * units, units, turned.data(), kWide);
    for (int64_t unit = 0; unit < units; ++unit) {
      const float alpha = std::fabs(y[unit]);
      for (int64_t i = 0; i < kWide; ++i) turned[unit * kWide + i] *= alpha;
    }
    work.Add(padded, turned.data(), kWide, offsets);
    Transpose(shape.columns, rows, work.results[0].values, kWide,
              dx + row * shape.columns, shape.columns);
  }
}

void SignKernelGradient(Shape shape, int64_t units, const float* x,
                        const float* dz, float* dy) {
  Offsets offsets(shape.columns, shape.rows);
  const int64_t sets = shape.rows / kSet, blocks = shape.columns / kBlock;
  for (int64_t set = 0; set < sets; ++set) {
    const float* rows = x + set * kSet * shape.columns;
    PackBlocks(blocks, rows, shape.columns, kSets * kBlock, offsets.At(0, set));
    for (int64_t i = blocks * kBlock; i < shape.columns; ++i) {
      offsets.At(blocks, set)[i % kBlock] = OffsetOf(rows + i, shape.columns);
    }
  }
  for (int64_t row = sets * kSet; row < shape.rows; ++row) {
    for (int64_t i = 0; i < shape.columns; ++i) {
      offsets.At(i / kBlock, sets)[i % kBlock] |= static_cast<Offset>(
          Negative(x[row * shape.columns + i]) * kBytes << row % kSet);
    }
  }
  // Rows and units that are not there are zeros.
  const int64_t padded = Blocks(shape.rows, kSet) * kSet;
  std::vector<float> mine(padded * kWide);
  Work work(shape.columns);
  for (int64_t unit = 0; unit < units; unit += kWide) {
    const int64_t count = std::min(kWide, units - unit);
    for (int64_t row = 0; row < shape.rows; ++row) {
      std::copy_n(dz + row * units + unit, count, &mine[row * kWide]);
      std::fill_n(&mine[row * kWide + count], kWide - count, 0.0f);
    }
    work.Add(padded, mine.data(), kWide, offsets);
    for (int64_t column = 0; column < shape.columns; ++column) {
      std::copy_n(work.results[column].values, count,
                  dy + column * units + unit);
    }
  }
}

}  // namespace bifsmn::training
