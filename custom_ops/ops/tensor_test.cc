#include "custom_ops/ops/tensor.h"

#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

TEST(TensorTest, CountsBytes) {
  const TensorInfo tensor = {ElementType::kInt16, {2, 3, 5}};
  EXPECT_EQ(tensor.elements(), 30);
  EXPECT_EQ(tensor.bytes(), 60u);
  EXPECT_EQ(TensorInfo{}.bytes(), 0u);
}

TEST(TensorTest, ShapesHavePositiveSizes) {
  EXPECT_THAT(CheckShape({}), Succeeds());
  EXPECT_THAT(CheckShape({1 << 14, 1 << 14}), Succeeds());
  EXPECT_THAT(CheckShape({3, 0, 2}), FailsWith("[3, 0, 2]"));
  EXPECT_THAT(CheckShape({-1}), FailsWith("below 1"));
}

TEST(TensorTest, ShapesDoNotOverflow) {
  EXPECT_THAT(CheckShape({1 << 15, 1 << 14}), FailsWith("more than"));
  EXPECT_THAT(CheckShape({1 << 30, 1 << 30, 1 << 30, 1 << 30}),
              FailsWith("more than"));
}

TEST(StatusTest, TellsWhere) {
  const Status status = Status::Error("%d is odd", 3).In("numbers");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.message(), "numbers: 3 is odd");
  EXPECT_TRUE(Status().In("numbers").ok());
}

}  // namespace
}  // namespace bifsmn
