#include "custom_ops/kernels/igemm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::ValuesIn;

constexpr int kGuards = 40;
constexpr int32_t kGuard = 0x5eed5eed;

class IgemmTest : public ::testing::TestWithParam<const IgemmKernel*> {
 protected:
  // values[pixels][terms], weights[outputs][terms]. Behind a patch's zeros are
  // `gap` more steps of other values.
  void Check(const std::vector<int8_t>& values,
             const std::vector<int8_t>& weights, int terms, int gap) const {
    const IgemmKernel& kernel = *GetParam();
    const int pixels = static_cast<int>(values.size()) / terms;
    const int outputs = static_cast<int>(weights.size()) / terms;
    const int whole = RoundUp(terms, kIgemmTermStep);
    const ptrdiff_t stride = whole + gap * kIgemmTermStep;
    // The last patch ends with its zeros, so that ASan sees what is read behind
    // them.
    AlignedVector<int8_t> patches((pixels - 1) * stride + whole, 77);
    for (int p = 0; p < pixels; ++p) {
      int8_t* patch = patches.data() + p * stride;
      std::fill_n(std::copy_n(values.data() + p * terms, terms, patch),
                  whole - terms, int8_t{0});
    }
    AlignedVector<uint8_t> packed(kernel.packed_bytes(outputs, terms));
    kernel.pack(weights.data(), outputs, terms, packed.data());
    std::vector<int32_t> sums(pixels * outputs + 2 * kGuards, kGuard);
    kernel.run({patches.data(), stride, pixels, packed.data(), outputs, terms},
               sums.data() + kGuards);
    for (int p = 0; p < pixels; ++p) {
      for (int o = 0; o < outputs; ++o) {
        int64_t expected = 0;
        for (int k = 0; k < terms; ++k) {
          expected += values[p * terms + k] * weights[o * terms + k];
        }
        ASSERT_EQ(sums[kGuards + p * outputs + o], expected)
            << pixels << " pixels, " << outputs << " outputs, " << terms
            << " terms: pixel " << p << ", output " << o;
      }
    }
    for (int i = 0; i < kGuards; ++i) {
      ASSERT_EQ(sums[i], kGuard);
      ASSERT_EQ(sums[sums.size() - 1 - i], kGuard);
    }
  }

  void CheckRandom(int pixels, int outputs, int terms, int largest,
                   unsigned seed) const {
    Random random(seed);
    auto weights = random.Integers<int8_t>(outputs * terms, -largest, largest);
    // A few large ones among small ones, as networks have them.
    for (size_t i = seed % 50; i < weights.size(); i += 50) weights[i] = 127;
    Check(random.Integers<int8_t>(pixels * terms, -128, 127), weights, terms,
          random.Integer(0, 2));
  }
};

TEST_P(IgemmTest, Edges) {
  unsigned seed = 0;
  for (const int pixels : {1, 2, 3, 4, 5, 8, 9}) {
    for (const int outputs : {1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 48}) {
      for (const int terms : {1, 2, 4, 15, 16, 17, 25, 32, 33, 48, 65, 400}) {
        CheckRandom(pixels, outputs, terms, seed % 2 != 0 ? 127 : 30, seed);
        if (HasFatalFailure()) return;
        ++seed;
      }
    }
  }
}

TEST_P(IgemmTest, ThousandsOfShapes) {
  Random random(7);
  for (unsigned seed = 0; seed < 3000; ++seed) {
    CheckRandom(random.Integer(1, 20), random.Integer(1, 50),
                random.Integer(1, seed % 10 == 0 ? 500 : 100),
                random.Integer(1, 127), seed);
    if (HasFatalFailure()) return;
  }
}

TEST_P(IgemmTest, MoreTermsThanAPart) {
  for (const int terms : {511, 512, 513, 528, 1024, 1025, 1500}) {
    CheckRandom(11, 35, terms, 127, terms);
    if (HasFatalFailure()) return;
  }
}

TEST_P(IgemmTest, ExtremeValues) {
  for (const int terms : {1, 2, 16, 31, 32, 400, 1000}) {
    for (const int value : {-128, 127}) {
      for (const int weight : {-127, 127}) {
        Check(std::vector<int8_t>(5 * terms, static_cast<int8_t>(value)),
              std::vector<int8_t>(18 * terms, static_cast<int8_t>(weight)),
              terms, 0);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Of four products in a lane up to 255 in all fit 16 bits.
TEST_P(IgemmTest, WeightsAtTheLimit) {
  constexpr int kTerms = 96;
  for (const int excess : {0, 1, 2}) {
    for (int at = 0; at < kTerms; ++at) {
      std::vector<int8_t> weights(3 * kTerms, -63);
      weights[kTerms + at] = static_cast<int8_t>(-66 - excess);
      Check(std::vector<int8_t>(2 * kTerms, -128), weights, kTerms, 0);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(IgemmTest, HoldsTheLargestSum) {
  const std::vector<int8_t> weights(kMaxQuantizedTerms, 127);
  Check(std::vector<int8_t>(weights.size(), -128), weights, kMaxQuantizedTerms,
        0);
  Check(std::vector<int8_t>(weights.size(), 127), weights, kMaxQuantizedTerms,
        0);
}

INSTANTIATE_TEST_SUITE_P(AllKernels, IgemmTest,
                         ValuesIn(IgemmKernels().begin(), IgemmKernels().end()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bifsmn
