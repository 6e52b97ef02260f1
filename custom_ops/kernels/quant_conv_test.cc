#include "custom_ops/kernels/quant_conv.h"

#include <gtest/gtest.h>

#include <tuple>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

// The kernel's rows, the values of a run, and the values between pixels.
using Patch = std::tuple<int, int, int>;

class QuantConvTest : public ::testing::TestWithParam<
                          std::tuple<const QuantConvKernel*, int, Patch, int>> {
};

TEST_P(QuantConvTest, SumsProducts) {
  const auto [kernel, pixels, patch, outputs] = GetParam();
  const auto [rows, run, step] = patch;
  const int terms = rows * run;
  if (terms > kernel->max_depth) return;
  const ptrdiff_t run_stride = step * (pixels - 1) + run + 3;
  Random random(terms + outputs);
  const auto image = random.Integers<int8_t>(run_stride * rows, -128, 127);
  const auto weights = random.Integers<int8_t>(outputs * terms, -128, 127);

  std::vector<int8_t> packed(QuantConvPackedSize(*kernel, outputs, terms));
  kernel->pack(weights.data(), outputs, terms, packed.data());
  std::vector<int32_t> sums(pixels * QuantConvRowStride(outputs));
  kernel->run({image.data(), rows, run, run_stride, step, pixels},
              packed.data(), outputs, sums.data());

  for (int p = 0; p < pixels; ++p) {
    for (int o = 0; o < outputs; ++o) {
      int expected = 0;
      for (int r = 0; r < rows; ++r) {
        for (int k = 0; k < run; ++k) {
          expected += image[r * run_stride + p * step + k] *
                      weights[o * terms + r * run + k];
        }
      }
      ASSERT_EQ(sums[p * QuantConvRowStride(outputs) + o], expected)
          << "pixel " << p << ", output " << o;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllKernels, QuantConvTest,
                         Combine(ValuesIn(QuantConvKernels().begin(),
                                          QuantConvKernels().end()),
                                 Values(1, 7, 16, 33),  // pixels
                                 Values(Patch{1, 1, 1}, Patch{5, 5, 2},
                                        Patch{3, 12, 4}, Patch{2, 100, 1}),
                                 Values(1, 12, 16, 33)));  // outputs

TEST(QuantConvTest, HoldsTheLargestSum) {
  for (const QuantConvKernel* kernel : QuantConvKernels()) {
    const std::vector<int8_t> lowest(kernel->max_depth, -128);
    const int terms = kernel->max_depth;
    std::vector<int8_t> packed(QuantConvPackedSize(*kernel, 1, terms));
    kernel->pack(lowest.data(), 1, terms, packed.data());
    std::vector<int32_t> sums(QuantConvRowStride(1));
    kernel->run({lowest.data(), 1, terms, terms, 1, 1}, packed.data(), 1,
                sums.data());
    EXPECT_EQ(sums[0], 128 * 128 * terms) << kernel->name;
  }
}

}  // namespace
}  // namespace bifsmn
