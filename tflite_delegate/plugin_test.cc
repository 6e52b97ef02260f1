#include "tflite_delegate/plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tflite_delegate/tflite_abi.h"

namespace {

using ::testing::HasSubstr;

std::string* reported = new std::string;

void Report(const char* message) { *reported = message; }

TEST(PluginTest, MakesDelegates) {
  TfLiteDelegate* delegate =
      tflite_plugin_create_delegate(nullptr, nullptr, 0, Report);
  ASSERT_NE(delegate, nullptr);
  EXPECT_NE(delegate->Prepare, nullptr);
  tflite_plugin_destroy_delegate(delegate);
  tflite_plugin_destroy_delegate(nullptr);
}

TEST(PluginTest, RefusesOptions) {
  const char* const keys[] = {"num_threads"};
  const char* const values[] = {"4"};
  EXPECT_EQ(tflite_plugin_create_delegate(keys, values, 1, Report), nullptr);
  EXPECT_THAT(*reported, HasSubstr("no option 'num_threads'"));
  EXPECT_EQ(tflite_plugin_create_delegate(keys, values, 1, nullptr), nullptr);
}

TEST(PluginTest, RefusesKernelsThatAreNot) {
  setenv("BIFSMN_KERNELS", "bgemm_portable_4x4_u16,bgemm_fast", 1);
  EXPECT_EQ(tflite_plugin_create_delegate(nullptr, nullptr, 0, Report),
            nullptr);
  EXPECT_THAT(*reported, HasSubstr("no kernel 'bgemm_fast'"));
  setenv("BIFSMN_KERNELS", "bgemm_portable_4x4_u16", 1);
  TfLiteDelegate* delegate =
      tflite_plugin_create_delegate(nullptr, nullptr, 0, Report);
  EXPECT_NE(delegate, nullptr);
  tflite_plugin_destroy_delegate(delegate);
  unsetenv("BIFSMN_KERNELS");
}

TEST(PluginTest, TellsItsVersionContractAndKernels) {
  EXPECT_THAT(bifsmn_version(), HasSubstr("."));
  EXPECT_THAT(bifsmn_contract(), HasSubstr("BifsmnQuantConv2D"));
  EXPECT_THAT(bifsmn_kernels(), HasSubstr("bgemm_portable_4x4_u16"));
}

}  // namespace
