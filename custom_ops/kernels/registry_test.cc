#include "custom_ops/kernels/registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace bifsmn {
namespace {

struct FakeKernel {
  const char* name;
  int most;
  bool (*supported)();
};

constexpr bool kHere = true;

template <bool kSupported>
bool Supported() {
  return kSupported;
}

const FakeKernel kFastest = {"fastest", 10, Supported<!kHere>};
const FakeKernel kFast = {"fast", 20, Supported<kHere>};
const FakeKernel kOther = {"other", 30, Supported<kHere>};
const FakeKernel kPortable = {"portable", 40, Supported<kHere>};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() { unsetenv("BIFSMN_KERNELS"); }
  ~RegistryTest() override { unsetenv("BIFSMN_KERNELS"); }

  std::string Selected(int wanted) const {
    return kernels_
        .Select([=](const FakeKernel& kernel) { return wanted <= kernel.most; })
        .name;
  }

  const KernelRegistry<FakeKernel> kernels_ = {&kFastest, &kFast, &kOther,
                                               &kPortable};
};

TEST_F(RegistryTest, HasWhatTheProcessorRuns) {
  std::vector<std::string> names;
  for (const FakeKernel* kernel : kernels_) names.push_back(kernel->name);
  EXPECT_EQ(names, (std::vector<std::string>{"fast", "other", "portable"}));
  EXPECT_EQ(kernels_.Find("fastest"), nullptr);
  EXPECT_EQ(kernels_.Find("other"), &kOther);
}

TEST_F(RegistryTest, SelectsTheFastestThatTakesIt) {
  EXPECT_EQ(Selected(20), "fast");
  EXPECT_EQ(Selected(21), "other");
  EXPECT_EQ(Selected(31), "portable");
}

TEST_F(RegistryTest, PrefersKernelsByName) {
  setenv("BIFSMN_KERNELS", "portable,other_family", 1);
  EXPECT_EQ(Selected(1), "portable");
  setenv("BIFSMN_KERNELS", "portable,other", 1);
  EXPECT_EQ(Selected(1), "other");
  // A name is a whole one.
  setenv("BIFSMN_KERNELS", "port,othe", 1);
  EXPECT_EQ(Selected(1), "fast");
}

TEST_F(RegistryTest, DoesNotInsistOnWhatDoesNotTakeIt) {
  setenv("BIFSMN_KERNELS", "fast", 1);
  EXPECT_EQ(Selected(25), "other");
  // Not on this processor.
  setenv("BIFSMN_KERNELS", "fastest", 1);
  EXPECT_EQ(Selected(1), "fast");
}

}  // namespace
}  // namespace bifsmn
