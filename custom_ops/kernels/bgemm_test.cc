#include "custom_ops/kernels/bgemm.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

class BgemmTest : public ::testing::TestWithParam<
                      std::tuple<const BgemmKernel*, int, int, int>> {};

std::string NameOfCase(
    const ::testing::TestParamInfo<BgemmTest::ParamType>& info) {
  const auto [kernel, pixels, words, outputs] = info.param;
  return std::string(kernel->name) + "_" + std::to_string(pixels) + "x" +
         std::to_string(words) + "x" + std::to_string(outputs);
}

TEST_P(BgemmTest, CountsDisagreements) {
  const auto [kernel, pixels, words, outputs] = GetParam();
  if (words > kernel->max_depth) return;
  Random random(pixels * 1000 + words * 10 + outputs);
  const int bits = words * kWordBits;
  std::vector<Word> patches = random.Bits(pixels, bits);
  const std::vector<Word> weights = random.Bits(outputs, bits);
  // The largest count there can be.
  for (int k = 0; k < words; ++k) patches[k] = ~weights[k];

  std::vector<Word> packed(BgemmPackedWords(*kernel, outputs, words));
  kernel->pack(weights.data(), outputs, words, packed.data());
  std::vector<uint16_t> counts(size_t{1} * pixels * BgemmRowStride(outputs));
  kernel->run(patches.data(), pixels, words, packed.data(), outputs,
              counts.data());

  for (int p = 0; p < pixels; ++p) {
    for (int o = 0; o < outputs; ++o) {
      int expected = 0;
      for (int k = 0; k < words; ++k) {
        expected +=
            __builtin_popcount(patches[p * words + k] ^ weights[o * words + k]);
      }
      ASSERT_EQ(counts[p * BgemmRowStride(outputs) + o], expected)
          << "pixel " << p << ", output " << o;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    AllKernels, BgemmTest,
    Combine(ValuesIn(BgemmKernels().begin(), BgemmKernels().end()),
            Values(1, 3, 4, 5, 33),             // pixels
            Values(1, 2, 25, 31, 32, 63, 200),  // words of a patch
            Values(1, 3, 4, 12, 16, 17, 33)),   // outputs
    NameOfCase);

}  // namespace
}  // namespace bifsmn
