#include "custom_ops/kernels/bit_im2col.h"

#include <gtest/gtest.h>

#include <tuple>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

class BitIm2colTest
    : public ::testing::TestWithParam<std::tuple<ConvGeometry, int, int>> {};

TEST_P(BitIm2colTest, GathersPatches) {
  const auto [g, words, planes] = GetParam();
  const int pixel_words = planes * words;
  const std::vector<Word> image =
      Random(words).Bits(g.height * g.width, pixel_words * kWordBits);
  const int pixels = g.output_h * g.output_w;
  const int depth = g.kernel_h * g.kernel_w * pixel_words;

  std::vector<Word> expected;
  for (int at = 0; at < pixels * planes; ++at) {
    const int y = at / planes / g.output_w;
    const int x = at / planes % g.output_w;
    for (int ky = 0; ky < g.kernel_h; ++ky) {
      for (int kx = 0; kx < g.kernel_w; ++kx) {
        const int row = y * g.stride_h - g.pad_top + ky;
        const int column = x * g.stride_w - g.pad_left + kx;
        const bool inside =
            row >= 0 && row < g.height && column >= 0 && column < g.width;
        const int first =
            (row * g.width + column) * pixel_words + at % planes * words;
        for (int w = 0; w < words; ++w) {
          expected.push_back(inside ? image[first + w] : Word{0});
        }
      }
    }
  }

  std::vector<Word> patches(expected.size());
  BitIm2col(image.data(), g, words, planes, 0, pixels, patches.data());
  EXPECT_EQ(patches, expected);
  EXPECT_TRUE(planes == 2 || !PatchesAreImage(g) || patches == image);

  // In blocks whose borders fall within rows.
  std::fill(patches.begin(), patches.end(), Word{0xffff});
  for (int first = 0; first < pixels; first += 3) {
    BitIm2col(image.data(), g, words, planes, first,
              std::min(3, pixels - first), patches.data() + first * depth);
  }
  EXPECT_EQ(patches, expected);
}

INSTANTIATE_TEST_SUITE_P(Geometries, BitIm2colTest,
                         Combine(ValuesIn(TestGeometries()), Values(1, 3),
                                 Values(1, 2)));

TEST(PatchesAreImageTest, OnlyWhereNothingMoves) {
  EXPECT_TRUE(PatchesAreImage({9, 1, 1, 1, 1, 1, 0, 0, 9, 1}));
  EXPECT_TRUE(PatchesAreImage({9, 4, 1, 1, 1, 1, 0, 0, 9, 4}));
  EXPECT_TRUE(PatchesAreImage({9, 4, 1, 4, 1, 1, 0, 0, 9, 1}));
  EXPECT_FALSE(PatchesAreImage({9, 4, 1, 1, 2, 1, 0, 0, 5, 4}));
  EXPECT_FALSE(PatchesAreImage({9, 4, 1, 1, 1, 2, 0, 0, 9, 2}));
  EXPECT_FALSE(PatchesAreImage({9, 4, 1, 4, 1, 9, 0, 1, 9, 1}));
  EXPECT_FALSE(PatchesAreImage({9, 4, 9, 4, 1, 1, 0, 0, 1, 1}));
}

}  // namespace
}  // namespace bifsmn
