#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"
#include "tflite_delegate/fake_runtime.h"
#include "tflite_delegate/plugin.h"

namespace bifsmn {
namespace {

using ::testing::HasSubstr;

TEST(RegistrationTest, CarriesNamesAndVersions) {
#define BIFSMN_REGISTRATION(op) BifsmnRegister_##op(),
  TfLiteRegistration* const registrations[] = {BIFSMN_OPS(BIFSMN_REGISTRATION)};
#undef BIFSMN_REGISTRATION
#define BIFSMN_NAME(op) "Bifsmn" #op,
  const char* const names[] = {BIFSMN_OPS(BIFSMN_NAME)};
#undef BIFSMN_NAME
  ASSERT_EQ(std::size(registrations), OpDefinitions().size());
  for (size_t i = 0; i < OpDefinitions().size(); ++i) {
    EXPECT_STREQ(registrations[i]->custom_name, names[i]);
    EXPECT_STREQ(OpDefinitions()[i]->name, names[i]);
    EXPECT_EQ(registrations[i]->version, OpDefinitions()[i]->version);
  }
}

class ConvolutionTest : public ::testing::Test {
 protected:
  void AddNode(std::vector<int32_t> options) {
    runtime_.AddNode("BifsmnConv2D", options, {bits_, weights_, thresholds_},
                     {result_});
    runtime_.Register(BifsmnRegister_Conv2D());
  }

  FakeRuntime runtime_;
  const int bits_ = runtime_.AddTensor(kTfLiteInt16, {1, 4, 1, 1});
  const int weights_ =
      runtime_.AddConstant(kTfLiteInt16, {1, 1, 1, 1}, std::vector<Word>{0});
  // A threshold of 1 that is not flipped.
  const int thresholds_ =
      runtime_.AddConstant(kTfLiteInt16, {1}, std::vector<int16_t>{2});
  const int result_ = runtime_.AddTensor(kTfLiteInt16, {});
};

TEST_F(ConvolutionTest, RunsInAnInterpreterOfOnesOwn) {
  AddNode({kContractVersion, 16, 1, 1, 0, 0, 0, 0});
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(runtime_.Allocate(), kTfLiteOk) << runtime_.errors();
    runtime_.Set<Word>(bits_, {0x0000, 0xffff, 0x007f, 0x00ff});
    ASSERT_EQ(runtime_.Invoke(), kTfLiteOk) << runtime_.errors();
    // The dots are 16, -16, 2 and 0.
    EXPECT_EQ(runtime_.Get<Word>(result_), (std::vector<Word>{0, 1, 0, 1}));
  }
}

TEST_F(ConvolutionTest, TellsWhatIsWrong) {
  AddNode({});
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(),
              HasSubstr("BifsmnConv2D: attributes are 32 bytes or "
                        "four more, got 0"));
}

}  // namespace
}  // namespace bifsmn
