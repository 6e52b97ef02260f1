#include "custom_ops/kernels/igemm_neon_pack.h"

#ifdef __aarch64__

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "custom_ops/kernels/pack_tiles.h"

namespace bifsmn::igemm_neon {
namespace {

// Blocks among which another one is looked for.
constexpr int kReach = 64;

// Products of values in [-128, 127] with weights of that sum fit 16 bits.
constexpr int kMaxLaneWeights = 255;

// What a loop loads behind its last weights, and does not use.
constexpr size_t kSlack = 2 * kBlockTerms;

// The outputs [first, first + kTile) as blocks.
class TileWeights {
 public:
  TileWeights(const WeightMatrix<int8_t>& matrix, int first)
      : matrix_(matrix), first_(first) {}

  int8_t At(int output, int term) const {
    return matrix_.At(first_ + output, term);
  }

  // The blocks, those of pairs next to each other and before all others.
  std::vector<int> Order(int* pairs) const {
    const int blocks = CeilDiv(matrix_.terms, kBlockTerms);
    std::vector<bool> taken(blocks);
    std::vector<int> paired;
    std::vector<int> single;
    for (int a = 0; a < blocks; ++a) {
      if (taken[a]) continue;
      int b = a + 1;
      const int end = std::min(blocks, a + kReach);
      while (b < end && (taken[b] || !Fit(a, b))) ++b;
      if (b < end) {
        taken[b] = true;
        paired.insert(paired.end(), {a, b});
      } else {
        single.push_back(a);
      }
    }
    *pairs = static_cast<int>(paired.size()) / 2;
    paired.insert(paired.end(), single.begin(), single.end());
    return paired;
  }

 private:
  // Whether products of both blocks may share lanes.
  bool Fit(int a, int b) const {
    for (int o = 0; o < kTile; ++o) {
      for (int lane = 0; lane < 8; ++lane) {
        int sum = 0;
        for (const int block : {a, b}) {
          const int term = block * kBlockTerms + lane;
          sum += std::abs(At(o, term)) + std::abs(At(o, term + 8));
        }
        if (sum > kMaxLaneWeights) return false;
      }
    }
    return true;
  }

  const WeightMatrix<int8_t> matrix_;
  const int first_;
};

}  // namespace

size_t PackedBytes(int outputs, int terms) {
  return CeilDiv(outputs, kTile) * TileBytes(CeilDiv(terms, kBlockTerms)) +
         kSlack;
}

void Pack(const int8_t* weights, int outputs, int terms, void* packed) {
  const int blocks = CeilDiv(terms, kBlockTerms);
  auto* to = static_cast<int8_t*>(packed);
  std::fill_n(to, PackedBytes(outputs, terms), int8_t{0});
  for (int first = 0; first < outputs; first += kTile) {
    const TileWeights tile({weights, outputs, terms}, first);
    int pairs;
    const std::vector<int> order = tile.Order(&pairs);
    auto* header = reinterpret_cast<int32_t*>(to);
    header[0] = pairs;
    header[1] = blocks - 2 * pairs;
    for (int i = 0; i < blocks; ++i) {
      header[kCounts + i] = order[i] * kBlockTerms;
    }
    to += HeaderBytes(blocks);
    for (int i = 0; i < blocks;) {
      const int together = i < 2 * pairs ? 2 : 1;
      for (int o = 0; o < kTile; ++o) {
        for (int j = i; j < i + together; ++j) {
          for (int k = 0; k < kBlockTerms; ++k) {
            *to++ = tile.At(o, order[j] * kBlockTerms + k);
          }
        }
      }
      i += together;
    }
  }
}

}  // namespace bifsmn::igemm_neon

#endif  // __aarch64__
