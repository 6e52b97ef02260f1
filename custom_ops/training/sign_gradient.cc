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

// Floats side by side that have the same signs, in two halves.
constexpr int64_t kHalf = 16;
constexpr int64_t kWide = 2 * kHalf;

// Of whole lines of the cache, so that no vector lies on two.
struct alignas(kHalf * sizeof(float)) Wide {
  float values[kWide];
};

// Sets whose sums are in the nearest cache together: 16 KB.
constexpr int64_t kSets = 8;
constexpr int64_t kSigns = kSets * kSet;

// Results whose sets lie side by side.
constexpr int64_t kBlock = 8;

// Where a set's sum is among its sums, in bytes.
using Offset = uint16_t;

int64_t Blocks(int64_t size, int64_t block) {
  return (size + block - 1) / block;
}

// The offsets [block of kBlock results][set][kBlock] of kSigns signs, for each
// part of them and each of `places`.
class Offsets {
 public:
  Offsets(int64_t results, int64_t signs, int64_t places)
      : size_(Blocks(results, kBlock) * kSets * kBlock),
        places_(places),
        offsets_(Blocks(signs, kSigns) * places * size_) {}

  Offset* At(int64_t part, int64_t place) {
    return &offsets_[(part * places_ + place) * size_];
  }

 private:
  int64_t size_, places_;
  std::vector<Offset> offsets_;
};

Offset& Of(Offset* offsets, int64_t result, int64_t set) {
  return offsets[(result / kBlock * kSets + set) * kBlock + result % kBlock];
}

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Where the sum with these signs is: a bit for each float, 1 if it is negative.
BIFSMN_BODY Offset OffsetOf(uint32_t which) {
  return static_cast<Offset>(which * sizeof(Wide));
}

// The bits of a float's sign and, of two bits, of the second one's: negative
// where the level is -3 or 1.
struct Signs {
  uint32_t first, second;
};

BIFSMN_BODY Signs SignsOf(const float* x, uint32_t bound) {
  uint32_t bits;
  __builtin_memcpy(&bits, x, sizeof bits);
  const uint32_t first = bits >> 31;
  return {first, first ^ static_cast<uint32_t>((bits & 0x7fffffff) < bound)};
}

// The offsets of the signs of four rows, `stride` apart, of blocks of floats;
// and those of the second signs, unless `second` is null.
template <class>
BIFSMN_BODY void PackBody(int64_t blocks, const float* x, int64_t stride,
                          uint32_t bound, Offset* first, Offset* second) {
  for (int64_t block = 0; block < blocks; ++block) {
    uint32_t one[kBlock], two[kBlock];
    for (int64_t i = 0; i < kBlock; ++i) {
      const Signs a = SignsOf(x + i, bound);
      const Signs b = SignsOf(x + stride + i, bound);
      const Signs c = SignsOf(x + 2 * stride + i, bound);
      const Signs d = SignsOf(x + 3 * stride + i, bound);
      one[i] = a.first | b.first << 1 | c.first << 2 | d.first << 3;
      two[i] = a.second | b.second << 1 | c.second << 2 | d.second << 3;
    }
    for (int64_t i = 0; i < kBlock; ++i) first[i] = OffsetOf(one[i]);
    first += kSets * kBlock;
    x += kBlock;
    if (!second) continue;
    for (int64_t i = 0; i < kBlock; ++i) second[i] = OffsetOf(two[i]);
    second += kSets * kBlock;
  }
}

BIFSMN_FOR_LEVELS(void, Pack,
                  (int64_t blocks, const float* x, int64_t stride,
                   uint32_t bound, Offset* first, Offset* second),
                  (blocks, x, stride, bound, first, second))

// The sums of sets of four rows: [set][kSums]. Of `halves` of each.
template <class T>
BIFSMN_BODY void MakeSumsBody(int64_t sets, int64_t halves, const Wide* rows,
                              Wide* sums) {
  for (int64_t set = 0; set < sets; ++set) {
    for (int64_t i = 0; i < halves * kHalf; i += kLanes<T>) {
      const T a = Load<T>(rows[0].values + i), b = Load<T>(rows[1].values + i);
      const T c = Load<T>(rows[2].values + i), d = Load<T>(rows[3].values + i);
      const T low[] = {a + b, b - a, a - b, -a - b};
      const T high[] = {c + d, d - c, c - d, -c - d};
#pragma GCC unroll 16
      for (int which = 0; which < kSums; ++which) {
        Store(sums[which].values + i, low[which % 4] + high[which / 4]);
      }
    }
    rows += kSet;
    sums += kSums;
  }
}

BIFSMN_FOR_LEVELS(void, MakeSums,
                  (int64_t sets, int64_t halves, const Wide* rows, Wide* sums),
                  (sets, halves, rows, sums))

template <class T, int kHalves>
BIFSMN_BODY void AddSetsOf(int64_t blocks, int64_t sets, const Wide* sums,
                           const Offset* offsets, Wide* results) {
  constexpr int kVectors = kHalves * kHalf / kLanes<T>;
  // As many as hide an addition's latency and fit the registers.
  constexpr int kTogether = 8 / kVectors;
  for (int64_t block = 0; block < blocks; ++block) {
    for (int first = 0; first < kBlock; first += kTogether) {
      T added[kTogether][kVectors];
#pragma GCC unroll 8
      for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          added[k][v] = Load<T>(results[first + k].values + v * kLanes<T>);
        }
      }
      const Offset* mine = offsets + first;
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
        from += kSums * sizeof(Wide);
      }
#pragma GCC unroll 8
      for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          Store(results[first + k].values + v * kLanes<T>, added[k][v]);
        }
      }
    }
    offsets += kSets * kBlock;
    results += kBlock;
  }
}

// Adds to results [blocks of kBlock] the sums of sets. Of `halves` of each.
template <class T>
BIFSMN_BODY void AddSetsBody(int64_t blocks, int64_t sets, int64_t halves,
                             const Wide* sums, const Offset* offsets,
                             Wide* results) {
  if (halves == 1) {
    AddSetsOf<T, 1>(blocks, sets, sums, offsets, results);
  } else {
    AddSetsOf<T, 2>(blocks, sets, sums, offsets, results);
  }
}

BIFSMN_FOR_LEVELS(void, AddSets,
                  (int64_t blocks, int64_t sets, int64_t halves,
                   const Wide* sums, const Offset* offsets, Wide* results),
                  (blocks, sets, halves, sums, offsets, results))

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

int64_t HalvesOf(int64_t count) { return count > kHalf ? 2 : 1; }

}  // namespace

void SignInputGradient(const Convolution& c, const float* y, const float* dz,
                       float* dx) {
  // The signs of a channel's units, at each tap.
  Offsets offsets(c.channels, c.units, c.taps());
  for (int64_t tap = 0; tap < c.taps(); ++tap) {
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      const float* units = y + (tap * c.channels + channel) * c.units;
      for (int64_t unit = 0; unit < c.units; unit += kSet) {
        uint32_t which = 0;
        const int64_t count = std::min(kSet, c.units - unit);
        for (int64_t i = 0; i < count; ++i) {
          which |= Bits(units[unit + i]) >> 31 << i;
        }
        Of(offsets.At(unit / kSigns, tap), channel, unit % kSigns / kSet) =
            OffsetOf(which);
      }
    }
  }
  const int64_t blocks = Blocks(c.channels, kBlock);
  std::vector<float> alpha(c.units);
  for (int64_t i = 0; i < c.units; ++i) alpha[i] = std::fabs(y[i]);
  // Units that are not there stay zeros.
  std::vector<Wide> turned(Blocks(c.units, kSet) * kSet);
  std::vector<Wide> sums(kSets * kSums);
  std::vector<Wide> results(c.pixels() * blocks * kBlock);
  for (int64_t begin = 0; begin < c.batch; begin += kWide) {
    const int64_t clips = std::min(kWide, c.batch - begin);
    const int64_t halves = HalvesOf(clips);
    std::fill(results.begin(), results.end(), Wide{});
    for (int64_t out = 0; out < c.out_pixels(); ++out) {
      const int64_t stride = c.out_pixels() * c.units;
      Transpose(clips, c.units, dz + begin * stride + out * c.units, stride,
                turned[0].values, kWide);
      for (int64_t unit = 0; unit < c.units; ++unit) {
        for (float& value : turned[unit].values) value *= alpha[unit];
      }
      for (int64_t unit = 0; unit < c.units; unit += kSigns) {
        const int64_t sets = Blocks(std::min(kSigns, c.units - unit), kSet);
        MakeSums(sets, halves, &turned[unit], sums.data());
        ForTaps(c, out, [&](int64_t tap, int64_t pixel) {
          AddSets(blocks, sets, halves, sums.data(),
                  offsets.At(unit / kSigns, tap),
                  &results[pixel * blocks * kBlock]);
        });
      }
    }
    for (int64_t pixel = 0; pixel < c.pixels(); ++pixel) {
      Transpose(c.channels, clips, results[pixel * blocks * kBlock].values,
                kWide, dx + (begin * c.pixels() + pixel) * c.channels,
                c.pixels() * c.channels);
    }
  }
}

void SignKernelGradient(const Convolution& c, float step, const float* x,
                        const float* dz, float* dy) {
  // The signs of a channel's clips, at each pixel.
  const bool two = step != 0;
  Offsets first(c.channels, c.batch, c.pixels());
  Offsets second(two ? c.channels : 0, c.batch, c.pixels());
  const int64_t blocks = Blocks(c.channels, kBlock);
  const int64_t stride = c.pixels() * c.channels;
  const uint32_t bound = Bits(2 * step);
  for (int64_t clip = 0; clip < c.batch; clip += kSet) {
    const int64_t part = clip / kSigns, set = clip % kSigns / kSet;
    const int64_t clips = std::min(kSet, c.batch - clip);
    for (int64_t pixel = 0; pixel < c.pixels(); ++pixel) {
      const float* from = x + clip * stride + pixel * c.channels;
      Offset* one = first.At(part, pixel);
      Offset* other = two ? second.At(part, pixel) : nullptr;
      const int64_t whole = clips == kSet ? c.channels / kBlock : 0;
      Pack(whole, from, stride, bound, &Of(one, 0, set),
           two ? &Of(other, 0, set) : nullptr);
      for (int64_t channel = whole * kBlock; channel < c.channels; ++channel) {
        Signs which{0, 0};
        for (int64_t i = 0; i < clips; ++i) {
          const Signs its = SignsOf(from + i * stride + channel, bound);
          which.first |= its.first << i;
          which.second |= its.second << i;
        }
        Of(one, channel, set) = OffsetOf(which.first);
        if (two) Of(other, channel, set) = OffsetOf(which.second);
      }
    }
  }
  std::vector<Wide> mine(kSigns), sums(kSets * kSums);
  std::vector<Wide> results(c.taps() * blocks * kBlock);
  std::vector<Wide> others(two ? results.size() : 0);
  for (int64_t unit = 0; unit < c.units; unit += kWide) {
    const int64_t count = std::min(kWide, c.units - unit);
    const int64_t halves = HalvesOf(count);
    std::fill(results.begin(), results.end(), Wide{});
    std::fill(others.begin(), others.end(), Wide{});
    for (int64_t begin = 0; begin < c.batch; begin += kSigns) {
      const int64_t clips = std::min(kSigns, c.batch - begin);
      const int64_t sets = Blocks(clips, kSet), part = begin / kSigns;
      for (int64_t out = 0; out < c.out_pixels(); ++out) {
        // Clips and units that are not there are zeros.
        if (count < kWide || clips < kSigns) {
          std::fill(mine.begin(), mine.end(), Wide{});
        }
        for (int64_t clip = 0; clip < clips; ++clip) {
          const int64_t row = (begin + clip) * c.out_pixels() + out;
          std::copy_n(dz + row * c.units + unit, count, mine[clip].values);
        }
        MakeSums(sets, halves, mine.data(), sums.data());
        ForTaps(c, out, [&](int64_t tap, int64_t pixel) {
          const int64_t at = tap * blocks * kBlock;
          AddSets(blocks, sets, halves, sums.data(), first.At(part, pixel),
                  &results[at]);
          if (!two) return;
          AddSets(blocks, sets, halves, sums.data(), second.At(part, pixel),
                  &others[at]);
        });
      }
    }
    for (int64_t tap = 0; tap < c.taps(); ++tap) {
      for (int64_t channel = 0; channel < c.channels; ++channel) {
        const int64_t at = tap * blocks * kBlock + channel;
        float* to = dy + (tap * c.channels + channel) * c.units + unit;
        if (two) {
          for (int64_t i = 0; i < count; ++i) {
            to[i] = step * (2 * results[at].values[i] + others[at].values[i]);
          }
        } else {
          std::copy_n(results[at].values, count, to);
        }
      }
    }
  }
}

}  // namespace bifsmn::training
