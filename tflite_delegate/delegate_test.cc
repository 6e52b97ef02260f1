#include "tflite_delegate/delegate.h"

#include <memory>
#include <string>

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"
#include "tflite_delegate/fake_runtime.h"

namespace bifsmn {
namespace {

using ::testing::HasSubstr;

constexpr int kChannels = 20;
constexpr int kSteps = 30;

// A memory block over tensors of the fake runtime.
class DelegateTest : public ::testing::Test {
 protected:
  int AddMemory(int bits, int residual, int next_residual, int next_bits,
                std::vector<int32_t> options = {kContractVersion, kChannels, 2,
                                                1, 1, 1, 0}) {
    return runtime_.AddNode("BifsmnMemory", options,
                            {bits, residual, weights_, parameters_},
                            {next_residual, next_bits});
  }

  int Bits() { return runtime_.AddTensor(kTfLiteInt16, {1, kSteps, 1, 2}); }
  int Residual() {
    return runtime_.AddTensor(kTfLiteFloat32, {1, kSteps, 1, kChannels});
  }

  // One step's dot of one channel.
  int Dot(const std::vector<Word>& bits, int step, int channel) const {
    int dot = 0;
    for (int tap = 0; tap < 4; ++tap) {
      const int source = step + tap - 2;
      if (source < 0 || source >= static_cast<int>(bits.size()) / 2) continue;
      dot += Sign(bits.data() + 2 * source, channel) *
             Sign(taps_.data() + 2 * tap, channel);
    }
    return dot;
  }

  // What the block makes of both of its inputs.
  void Block(std::vector<Word>* bits, std::vector<float>* residual) const {
    std::vector<Word> next(bits->size());
    for (size_t i = 0; i < residual->size(); ++i) {
      const int step = static_cast<int>(i) / kChannels;
      const int channel = static_cast<int>(i) % kChannels;
      (*residual)[i] += static_cast<float>(Dot(*bits, step, channel));
      const bool negative = (*residual)[i] < 0.0f;
      next[2 * step + channel / kWordBits] |=
          static_cast<Word>(negative << channel % kWordBits);
    }
    *bits = next;
  }

  // Scales and slopes of 1; offsets and thresholds of 0.
  static std::vector<float> Parameters() {
    std::vector<float> parameters(4 * kChannels);
    std::fill_n(parameters.begin(), kChannels, 1.0f);
    std::fill_n(parameters.begin() + 2 * kChannels, kChannels, 1.0f);
    return parameters;
  }

  FakeRuntime runtime_;
  std::unique_ptr<TfLiteDelegate> delegate_{MakeDelegate()};
  Random random_{1};
  const std::vector<Word> taps_ = random_.Bits(4, kChannels);
  const int weights_ = runtime_.AddConstant(kTfLiteInt16, {4, 2}, taps_);
  const int parameters_ =
      runtime_.AddConstant(kTfLiteFloat32, {4, kChannels}, Parameters());
};

TEST_F(DelegateTest, RunsPartitionsBetweenOtherOps) {
  const int bits[] = {Bits(), Bits(), Bits(), Bits(), Bits()};
  const int residuals[] = {Residual(), Residual(), Residual(), Residual(),
                           Residual()};
  AddMemory(bits[0], residuals[0], residuals[1], bits[1]);
  AddMemory(bits[1], residuals[1], residuals[2], bits[2]);
  runtime_.AddNode("Copy", {}, {residuals[2]}, {residuals[3]});
  AddMemory(bits[2], residuals[3], residuals[4], bits[4]);
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.partitions(), 2);

  for (const int steps : {kSteps, 7}) {
    runtime_.Resize(bits[0], {1, steps, 1, 2});
    runtime_.Resize(residuals[0], {1, steps, 1, kChannels});
    ASSERT_EQ(runtime_.Allocate(), kTfLiteOk) << runtime_.errors();
    // Inside a partition, the runtime gives no memory.
    EXPECT_EQ(runtime_.tensor(bits[1]).data, nullptr);
    auto expected_bits = random_.Bits(steps, kChannels);
    auto expected = random_.Floats(steps * kChannels, 3.0f);
    runtime_.Set(bits[0], expected_bits);
    runtime_.Set(residuals[0], expected);
    ASSERT_EQ(runtime_.Invoke(), kTfLiteOk) << runtime_.errors();
    for (int i = 0; i < 3; ++i) Block(&expected_bits, &expected);
    EXPECT_EQ(runtime_.Get<float>(residuals[4]), expected);
    EXPECT_EQ(runtime_.Get<Word>(bits[4]), expected_bits);
  }
}

TEST_F(DelegateTest, LeavesOtherModelsAlone) {
  runtime_.AddNode("Copy", {}, {Residual()}, {Residual()});
  runtime_.AddNode("Other", {}, {Residual()}, {Residual()});
  EXPECT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.partitions(), 0);
}

TEST_F(DelegateTest, RefusesOpsItDoesNotKnow) {
  runtime_.AddNode("BifsmnNew", {kContractVersion}, {Residual()}, {Residual()});
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("BifsmnNew: this library has no"));
}

TEST_F(DelegateTest, RefusesOtherContracts) {
  AddMemory(Bits(), Residual(), Residual(), Bits(),
            {9, kChannels, 2, 1, 1, 1, 0});
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("contract version 9 is not " +
                                           std::to_string(kContractVersion)));
}

TEST_F(DelegateTest, RefusesResultsOfOtherTypes) {
  AddMemory(Bits(), Residual(), Residual(), Residual());
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("has to be int16, is float32"));
}

TEST_F(DelegateTest, RefusesConstantsAsResults) {
  const std::vector<float> values(kSteps * kChannels);
  const int constant =
      runtime_.AddConstant(kTfLiteFloat32, {1, kSteps, 1, kChannels}, values);
  AddMemory(Bits(), Residual(), constant, Bits());
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("a constant of the model"));
}

TEST_F(DelegateTest, RefusesTensorsThatDoNotExist) {
  AddMemory(999, Residual(), Residual(), Bits());
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("tensor 999 does not exist"));
}

TEST_F(DelegateTest, RefusesWeightsThatAreNoConstants) {
  const int weights = runtime_.AddTensor(kTfLiteInt16, {4, 2});
  runtime_.AddNode("BifsmnMemory", {kContractVersion, kChannels, 2, 1, 1, 1, 0},
                   {Bits(), Residual(), weights, parameters_}, {Residual()});
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("weights has to be a constant"));
}

TEST_F(DelegateTest, NoticesTensorsThatChangedSincePlanning) {
  const int bits = Bits();
  const int residual = Residual();
  AddMemory(bits, residual, Residual(), Bits());
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  ASSERT_EQ(runtime_.Allocate(), kTfLiteOk);
  runtime_.tensor(bits).bytes -= 2;
  EXPECT_EQ(runtime_.Invoke(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("has 118 bytes"));
  runtime_.tensor(bits).bytes += 2;
  void* data = runtime_.tensor(residual).data;
  runtime_.tensor(residual).data = nullptr;
  EXPECT_EQ(runtime_.Invoke(), kTfLiteError);
  runtime_.tensor(residual).data = static_cast<char*>(data) + 1;
  EXPECT_EQ(runtime_.Invoke(), kTfLiteError);
}

TEST_F(DelegateTest, DoesNotRunWhatCouldNotBePlanned) {
  const int bits = Bits();
  AddMemory(bits, Residual(), Residual(), Bits());
  ASSERT_EQ(runtime_.Apply(delegate_.get()), kTfLiteOk);
  EXPECT_EQ(runtime_.Invoke(), kTfLiteError);
  ASSERT_EQ(runtime_.Allocate(), kTfLiteOk);
  EXPECT_EQ(runtime_.Invoke(), kTfLiteOk);
  runtime_.Resize(bits, {1, kSteps, 1, 3});
  EXPECT_EQ(runtime_.Allocate(), kTfLiteError);
  EXPECT_EQ(runtime_.Invoke(), kTfLiteError);
  EXPECT_THAT(runtime_.errors(), HasSubstr("before it was prepared"));
}

}  // namespace
}  // namespace bifsmn
