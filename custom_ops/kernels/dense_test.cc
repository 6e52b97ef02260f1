#include "custom_ops/kernels/dense.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::ValuesIn;

class DenseTest : public ::testing::TestWithParam<const DenseKernel*> {
 protected:
  void Check(const std::vector<int16_t>& values,
             const std::vector<int8_t>& weights) const {
    const DenseKernel& kernel = *GetParam();
    const int inputs = static_cast<int>(values.size());
    const int outputs = static_cast<int>(weights.size()) / inputs;
    AlignedVector<int8_t> packed(kernel.packed_bytes(inputs, outputs));
    kernel.pack(weights.data(), inputs, outputs, packed.data());
    std::vector<int32_t> sums(outputs + 1, 99);
    kernel.run(values.data(), packed.data(), inputs, outputs, sums.data());
    for (int o = 0; o < outputs; ++o) {
      int64_t expected = 0;
      for (int i = 0; i < inputs; ++i) {
        expected += values[i] * weights[o * inputs + i];
      }
      ASSERT_EQ(sums[o], expected)
          << inputs << " inputs, " << outputs << " outputs: output " << o;
    }
    ASSERT_EQ(sums[outputs], 99);
  }
};

TEST_P(DenseTest, ThousandShapes) {
  Random random(7);
  for (int i = 0; i < 1000; ++i) {
    const int inputs = i < 40 ? i + 1 : random.Integer(1, 500);
    const int outputs = random.Integer(1, 40);
    Check(random.Integers<int16_t>(inputs, -32768, 32767),
          random.Integers<int8_t>(inputs * outputs, -128, 127));
    if (HasFatalFailure()) return;
  }
}

TEST_P(DenseTest, HoldsTheLargestSum) {
  const std::vector<int8_t> weights(kMaxDenseWeights / 128, -128);
  Check(std::vector<int16_t>(weights.size(), -32768), weights);
  Check(std::vector<int16_t>(weights.size(), 32767), weights);
}

INSTANTIATE_TEST_SUITE_P(AllKernels, DenseTest,
                         ValuesIn(DenseKernels().begin(), DenseKernels().end()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bifsmn
