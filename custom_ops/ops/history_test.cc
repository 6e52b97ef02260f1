#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

class HistoryOpTest : public ::testing::Test {
 protected:
  HistoryOpTest() {
    runner_.Add({1, 16}, state_);
    runner_.Add({1, 3, 1, 2}, std::vector<int16_t>{1, 2, 3, 4, 5, 6});
  }

  const std::vector<int8_t> state_ = {0, 1, 2,  3,  4,  5,  6,  7,
                                      8, 9, 10, 11, 12, 13, 14, 15};
  // Two frames from byte 4 on.
  OpRunner runner_{"BifsmnHistory", {4, 2}};
};

TEST_F(HistoryOpTest, PutsFramesOfTheStateBeforeTheNewOnes) {
  ASSERT_THAT(runner_.Plan(), Succeeds());
  EXPECT_EQ(runner_.output(0).shape, (std::vector<int>{1, 5, 1, 2}));
  EXPECT_EQ(runner_.output(0).type, ElementType::kInt16);
  runner_.Run();
  EXPECT_EQ(
      runner_.Result<int16_t>(0),
      (std::vector<int16_t>{0x0504, 0x0706, 0x0908, 0x0b0a, 1, 2, 3, 4, 5, 6}));
}

TEST_F(HistoryOpTest, AFrameMayBeASample) {
  OpRunner runner("BifsmnHistory", {0, 4});
  std::vector<float> kept = {1.0f, -2.0f, 0.5f, 3.0f};
  std::vector<int8_t> state(16);
  std::memcpy(state.data(), kept.data(), state.size());
  runner.Add({1, 16}, state);
  runner.Add({1, 1}, std::vector<float>{7.0f});
  ASSERT_THAT(runner.Plan(), Succeeds());
  runner.Run();
  kept.push_back(7.0f);
  EXPECT_EQ(runner.Result<float>(0), kept);
}

TEST_F(HistoryOpTest, RefusesStatesThatAreTooSmall) {
  runner_.input(0).shape = {1, 12};
  EXPECT_THAT(runner_.Plan(), Succeeds());
  runner_.input(0).shape = {1, 11};
  EXPECT_THAT(runner_.Plan(),
              FailsWith("2 frames of 4 bytes from byte 4 on are "
                        "not in a state of 11 bytes"));
  OpRunner many("BifsmnHistory", {0x7ffffffc, 0x7fffffff});
  many.Add({1, 16}, state_);
  many.Add({1, 1, 1 << 28}, std::vector<float>{});
  EXPECT_THAT(many.Plan(), FailsWith("are not in a state of 16 bytes"));
}

TEST_F(HistoryOpTest, RefusesOtherTensors) {
  runner_.input(0).shape = {2, 8};
  EXPECT_THAT(runner_.Plan(),
              FailsWith("state has to be of shape [1, T, ...]"));
  runner_.input(0).shape = {16};
  EXPECT_THAT(runner_.Plan(), FailsWith("state has to be of rank 2"));
  runner_.input(0) = {ElementType::kInt16, {1, 8}};
  EXPECT_THAT(runner_.Plan(), FailsWith("state has to be int8, is int16"));
  runner_.input(0) = {ElementType::kInt8, {1, 16}};
  runner_.input(1).shape = {3, 1, 1, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("new has to be of shape [1, T, ...]"));
  runner_.input(1).shape = {1};
  EXPECT_THAT(runner_.Plan(), FailsWith("new has to be of shape [1, T, ...]"));
  runner_.input(1).shape = {1, 0, 2};
  EXPECT_THAT(runner_.Plan(), FailsWith("new: shape [1, 0, 2]"));
  runner_.input(1) = {ElementType::kFloat16, {1, 3}};
  EXPECT_THAT(runner_.Plan(),
              FailsWith("new has to be float32, int32, int16 or "
                        "int8, is float16"));
  runner_.Remove(1);
  EXPECT_THAT(runner_.Plan(), FailsWith("input new is missing"));
}

}  // namespace
}  // namespace bifsmn
