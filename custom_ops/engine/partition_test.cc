#include "custom_ops/engine/partition.h"

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

// Layers of 16 channels over a sequence; tensor 0 is the input.
constexpr int kChannels = 16;
constexpr int kSteps = 40;
constexpr int kWeights = 100;
constexpr int kThresholds = 101;
constexpr int kParameters = 102;

const int32_t kPointwise[] = {kContractVersion, kChannels, 1, 1, 0, 0, 0, 0};

Status AddPointwise(Partition* partition, int from, int to) {
  return partition->AddOp("BifsmnConv2D", kPointwise, sizeof(kPointwise),
                          {from, kWeights, kThresholds}, {to});
}

class PartitionTest : public ::testing::Test {
 protected:
  // Describes the inputs in the order in which the partition found them.
  std::vector<TensorInfo> Describe(const Partition& partition,
                                   int steps = kSteps) {
    std::vector<TensorInfo> infos;
    for (const int tensor : partition.inputs()) {
      switch (tensor) {
        case kWeights:
          infos.push_back({ElementType::kInt16,
                           {kChannels, 1, 1, 1},
                           weights_.data(),
                           weights_.size() * sizeof(Word)});
          break;
        case kThresholds:
          infos.push_back({ElementType::kInt16,
                           {kChannels},
                           thresholds_.data(),
                           thresholds_.size() * sizeof(int16_t)});
          break;
        case kParameters:
          infos.push_back({ElementType::kFloat32,
                           {4, kChannels},
                           parameters_.data(),
                           parameters_.size() * sizeof(float)});
          break;
        default:
          infos.push_back({ElementType::kInt16, {1, steps, 1, 1}});
      }
    }
    return infos;
  }

  std::vector<Word> Run(Partition* partition, const std::vector<Word>& bits) {
    std::vector<const void*> inputs;
    for (const int tensor : partition->inputs()) {
      inputs.push_back(tensor < kWeights ? bits.data() : nullptr);
    }
    std::vector<std::vector<Word>> results(partition->outputs().size(),
                                           std::vector<Word>(bits.size()));
    std::vector<void*> outputs;
    for (auto& result : results) outputs.push_back(result.data());
    partition->Run(inputs.data(), outputs.data());
    return results.back();
  }

  Word Layer(Word pixel) const {
    Word bits = 0;
    for (int o = 0; o < kChannels; ++o) {
      const int dot = kChannels - 2 * __builtin_popcount(pixel ^ weights_[o]);
      const bool flip = (thresholds_[o] & 1) != 0;
      bits |= static_cast<Word>((dot < thresholds_[o] >> 1) != flip) << o;
    }
    return bits;
  }

  Random random_{1};
  std::vector<Word> weights_ = random_.Bits(kChannels, kChannels);
  std::vector<int16_t> thresholds_ =
      random_.Integers<int16_t>(kChannels, -9, 9);
  std::vector<float> parameters_ = std::vector<float>(4 * kChannels);
};

TEST_F(PartitionTest, RunsOpsInOrder) {
  constexpr int kLayers = 7;
  Partition partition;
  for (int i = 0; i < kLayers; ++i) {
    ASSERT_THAT(AddPointwise(&partition, i, i + 1), Succeeds());
  }
  ASSERT_THAT(partition.SetOutputs({3, kLayers}), Succeeds());
  EXPECT_EQ(partition.inputs(), (std::vector<int>{0, kWeights, kThresholds}));
  EXPECT_EQ(partition.outputs(), (std::vector<int>{3, kLayers}));

  // Another shape each time.
  for (const int steps : {kSteps, 3, 2 * kSteps}) {
    std::vector<TensorInfo> outputs;
    EXPECT_THAT(partition.Plan(Describe(partition, steps), &outputs),
                Succeeds());
    ASSERT_EQ(outputs.size(), 2u);
    EXPECT_EQ(outputs[1].shape, (std::vector<int>{1, steps, 1, 1}));
    std::vector<Word> bits = random_.Bits(steps, kChannels);
    const std::vector<Word> result = Run(&partition, bits);
    for (int i = 0; i < kLayers; ++i) {
      for (Word& pixel : bits) pixel = Layer(pixel);
    }
    EXPECT_EQ(result, bits);
  }
}

TEST_F(PartitionTest, TellsWhichOpIsWrong) {
  Partition partition;
  EXPECT_THAT(
      partition.AddOp("BifsmnConv2D", kPointwise, 4, {0}, {1}),
      FailsWith("BifsmnConv2D: attributes are 32 bytes or four more, got 4"));
  ASSERT_THAT(AddPointwise(&partition, 0, 1), Succeeds());
  ASSERT_THAT(partition.SetOutputs({1}), Succeeds());
  std::vector<TensorInfo> inputs = Describe(partition);
  inputs[1].constant_bytes = 2;
  std::vector<TensorInfo> outputs;
  EXPECT_THAT(partition.Plan(inputs, &outputs),
              FailsWith("BifsmnConv2D: weights of shape [16, 1, 1, 1] takes"));
  EXPECT_FALSE(partition.planned());
}

TEST_F(PartitionTest, WritesATensorOnceAndBeforeItIsRead) {
  Partition partition;
  ASSERT_THAT(AddPointwise(&partition, 0, 1), Succeeds());
  EXPECT_THAT(AddPointwise(&partition, 1, 1), FailsWith("tensor 1 cannot be"));
  EXPECT_THAT(AddPointwise(&partition, 1, 0), FailsWith("tensor 0 cannot be"));
  EXPECT_THAT(AddPointwise(&partition, 1, kWeights), FailsWith("cannot be"));
  EXPECT_THAT(AddPointwise(&partition, 1, -1), FailsWith("cannot be"));
}

TEST_F(PartitionTest, HasOnlyItsResultsAsOutputs) {
  Partition partition;
  ASSERT_THAT(AddPointwise(&partition, 0, 1), Succeeds());
  EXPECT_THAT(partition.SetOutputs({0}), FailsWith("tensor 0 is no result"));
  EXPECT_THAT(partition.SetOutputs({9}), FailsWith("tensor 9 is no result"));
  EXPECT_THAT(partition.SetOutputs({1}), Succeeds());
  EXPECT_THAT(partition.SetOutputs({1}), FailsWith("tensor 1 is no result"));
}

TEST_F(PartitionTest, ReadsConstantActivationsThatAreUnaligned) {
  Partition partition;
  ASSERT_THAT(AddPointwise(&partition, 0, 1), Succeeds());
  ASSERT_THAT(partition.SetOutputs({1}), Succeeds());
  const std::vector<Word> bits = random_.Bits(kSteps, kChannels);
  const size_t bytes = bits.size() * sizeof(Word);
  std::vector<char> file(bytes + 1);
  std::memcpy(file.data() + 1, bits.data(), bytes);

  std::vector<TensorInfo> inputs = Describe(partition);
  inputs[0].constant = file.data() + 1;
  inputs[0].constant_bytes = bytes;
  std::vector<TensorInfo> outputs;
  ASSERT_THAT(partition.Plan(inputs, &outputs), Succeeds());
  const std::vector<Word> result = Run(&partition, bits);
  for (int i = 0; i < kSteps; ++i) ASSERT_EQ(result[i], Layer(bits[i]));

  inputs[0].constant_bytes = bytes - 1;
  EXPECT_THAT(partition.Plan(inputs, &outputs),
              FailsWith("input 0 of shape [1, 40, 1, 1] takes 80 bytes, the "
                        "model has 79"));
}

TEST_F(PartitionTest, RefusesShapesThatTakeTooMuchMemory) {
  const int32_t pointwise[] = {
      kContractVersion, kChannels, 1, 1, 0, 0, 0, 0, 0};
  Partition partition;
  for (const int from : {0, 3}) {
    // Residuals that are read only after the last of them is written.
    for (int i = 1; i <= 3; ++i) {
      ASSERT_THAT(
          partition.AddOp("BifsmnConv2DAdd", pointwise, sizeof(pointwise),
                          {0, kWeights, kParameters, from == 0 ? -1 : i},
                          {from + i}),
          Succeeds());
    }
  }
  std::vector<TensorInfo> outputs;
  // One of them takes 1 GiB.
  EXPECT_THAT(partition.Plan(Describe(partition, 1 << 24), &outputs),
              FailsWith("to work in for these shapes, at most 2147483648"));
  EXPECT_FALSE(partition.planned());
  EXPECT_THAT(partition.Plan(Describe(partition, 3), &outputs), Succeeds());
}

TEST_F(PartitionTest, LeavesAbsentInputsToTheOp) {
  Partition partition;
  ASSERT_THAT(partition.AddOp("BifsmnConv2D", kPointwise, sizeof(kPointwise),
                              {0, kWeights, -1}, {1}),
              Succeeds());
  std::vector<TensorInfo> outputs;
  EXPECT_THAT(partition.Plan(Describe(partition), &outputs),
              FailsWith("input thresholds is missing"));
}

// The state's windows are inside the partition, the states are not.
TEST(StreamPartitionTest, GivesTheNextState) {
  Partition partition;
  const int32_t history[] = {kContractVersion, 0, 2};
  const int32_t keep[] = {kContractVersion, 2};
  ASSERT_THAT(
      partition.AddOp("BifsmnHistory", history, sizeof(history), {0, 1}, {2}),
      Succeeds());
  ASSERT_THAT(partition.AddOp("BifsmnState", keep, sizeof(keep), {2}, {3}),
              Succeeds());
  ASSERT_THAT(partition.SetOutputs({3}), Succeeds());
  std::vector<TensorInfo> outputs;
  const TensorInfo added = {ElementType::kInt16, {1, 1, 1}};
  EXPECT_THAT(partition.Plan({{ElementType::kInt8, {1, 3}}, added}, &outputs),
              FailsWith("BifsmnHistory: 2 frames of 2 bytes"));
  ASSERT_THAT(partition.Plan({{ElementType::kInt8, {1, 4}}, added}, &outputs),
              Succeeds());
  EXPECT_EQ(outputs[0].shape, (std::vector<int>{1, 4}));
  int16_t state[2] = {0, 0};
  for (int16_t sample = 1; sample < 6; ++sample) {
    int16_t next[2];
    const void* const inputs[] = {state, &sample};
    void* const results[] = {next};
    partition.Run(inputs, results);
    EXPECT_EQ(next[0], sample - 1);
    EXPECT_EQ(next[1], sample);
    std::copy_n(next, 2, state);
  }
}

}  // namespace
}  // namespace bifsmn
