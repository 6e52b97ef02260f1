#include "custom_ops/kernels/bits.h"

#include <gtest/gtest.h>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/memory.h"

namespace bifsmn {
namespace {

TEST(BitsTest, WordsHoldSixteenChannels) {
  EXPECT_EQ(WordsFor(1), 1);
  EXPECT_EQ(WordsFor(16), 1);
  EXPECT_EQ(WordsFor(17), 2);
  EXPECT_EQ(WordsFor(0x7fffffff), 0x8000000);
}

TEST(BitsTest, UnusedBitsAreTheHighOnesOfTheLastWord) {
  EXPECT_EQ(UnusedBits(1), 0xfffe);
  EXPECT_EQ(UnusedBits(15), 0x8000);
  EXPECT_EQ(UnusedBits(16), 0);
  EXPECT_EQ(UnusedBits(20), 0xfff0);
}

template <typename Registry, typename Takes>
void ExpectSound(const Registry& registry, const Takes& takes_the_most) {
  for (const auto* kernel : registry) {
    EXPECT_EQ(registry.Find(kernel->name), kernel);
  }
  EXPECT_EQ(registry.Find("no such kernel"), nullptr);
  EXPECT_TRUE(takes_the_most(registry.Select(takes_the_most)));
}

TEST(FamiliesTest, HaveAKernelForEverySize) {
  ExpectSound(FeatureConvKernels(), [](const FeatureConvKernel& kernel) {
    return kernel.max_sum >= kMaxQuantizedTerms * 128 * 128;
  });
  ExpectSound(BgemmKernels(), [](const BgemmKernel& kernel) {
    return kernel.max_depth >= WordsFor(kMaxBinaryTerms) &&
           kernel.add_outputs == 1;
  });
  ExpectSound(MemoryKernels(), [](const MemoryKernel& kernel) {
    return kernel.max_taps >= kMaxBinaryTerms && kernel.add_channels == 1;
  });
}

}  // namespace
}  // namespace bifsmn
