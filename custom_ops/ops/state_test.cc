#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

class StateOpTest : public ::testing::Test {
 protected:
  StateOpTest() {
    runner_.Add({1, 4, 3},
                std::vector<int8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    runner_.Add({1, 3}, std::vector<int16_t>{0x0201, 0x0403, 0x0605});
  }

  // The last three frames of one window, and one of another.
  OpRunner runner_{"BifsmnState", {3, 1}};
};

TEST_F(StateOpTest, KeepsTheLastFramesOfEveryWindow) {
  ASSERT_THAT(runner_.Plan(), Succeeds());
  EXPECT_EQ(runner_.output(0).shape, (std::vector<int>{1, 16}));
  EXPECT_EQ(runner_.output(0).type, ElementType::kInt8);
  runner_.Run();
  EXPECT_EQ(
      runner_.Result<int8_t>(0),
      (std::vector<int8_t>{4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 5, 6, 0, 0}));
}

TEST_F(StateOpTest, IsWhatHistoryReads) {
  ASSERT_THAT(runner_.Plan(), Succeeds());
  runner_.Run();
  OpRunner history("BifsmnHistory", {12, 1});
  history.Add({1, 16}, runner_.Result<int8_t>(0));
  history.Add({1, 2}, std::vector<int16_t>{7, 8});
  ASSERT_THAT(history.Plan(), Succeeds());
  history.Run();
  EXPECT_EQ(history.Result<int16_t>(0), (std::vector<int16_t>{0x0605, 7, 8}));
}

TEST_F(StateOpTest, RefusesOtherWindows) {
  runner_.input(0).shape = {1, 2, 6};
  EXPECT_THAT(runner_.Plan(),
              FailsWith("window 0 has no 3 frames, is of shape [1, 2, 6]"));
  runner_.input(0).shape = {2, 4, 3};
  EXPECT_THAT(runner_.Plan(), FailsWith("window 0 has to be of shape [1, T, "));
  runner_.input(0).shape = {1, 1 << 28};
  runner_.input(0).type = ElementType::kFloat32;
  EXPECT_THAT(runner_.Plan(), Succeeds());
  runner_.input(0).shape = {1, 4, 1 << 26};
  EXPECT_THAT(runner_.Plan(), FailsWith("a state of more than"));
  runner_.input(0).type = ElementType::kOther;
  EXPECT_THAT(runner_.Plan(), FailsWith("window 0 has to be float32, int32"));
}

TEST_F(StateOpTest, RefusesAnotherNumberOfWindows) {
  runner_.Remove(1);
  EXPECT_THAT(runner_.Plan(), FailsWith("input 1 is missing"));
  runner_.RemoveLast();
  EXPECT_THAT(runner_.Plan(), FailsWith("keeps frames of 2 windows, got 1"));
  runner_.RemoveLast();
  EXPECT_THAT(runner_.Plan(), FailsWith("takes at least 1 inputs, got 0"));
}

}  // namespace
}  // namespace bifsmn
