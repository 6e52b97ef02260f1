// How signs are packed for sign_product.cc, and the tiles that count them.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_SIGN_PRODUCT_WORDS_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_SIGN_PRODUCT_WORDS_H_

#include <cstdint>

namespace bifsmn::training {

// Signs to a word, the first one in the lowest bit; 1 is negative.
constexpr int64_t kWordBits = 32;

// Columns of y whose words lie side by side.
constexpr int64_t kGroup = 16;

constexpr int64_t WordsOf(int64_t signs) {
  return (signs + kWordBits - 1) / kWordBits;
}

// Rows of x that a tile has, or one.
constexpr int kTileRows = 4;

// Columns of y that a tile has, or fewer.
constexpr int64_t kTileUnits = 4 * kGroup;

// A tile of z: `x` are the packed rows, `y` groups of packed columns; z has
// `units` to a row, of which the tile computes `count`.
struct SignTile {
  int64_t words, columns;
  const uint32_t* x;
  const uint32_t* y;
  const float* alpha;
  int64_t units, count;
  float* z;
};

// How a processor packs a row of `columns` floats and computes tiles.
struct SignKernel {
  void (*pack)(int64_t columns, const float* x, uint32_t* words);
  void (*rows)(const SignTile& tile);  // Of kTileRows.
  void (*row)(const SignTile& tile);   // Of one.
};

#ifdef __x86_64__
extern const SignKernel kSignsAvx2;
extern const SignKernel kSignsVpopcntdq;
#endif

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_SIGN_PRODUCT_WORDS_H_
