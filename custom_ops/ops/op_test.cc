#include "custom_ops/ops/op.h"

#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

using ::testing::HasSubstr;

TEST(OpDefinitionTest, IsFoundByName) {
  for (const OpDefinition* definition : OpDefinitions()) {
    EXPECT_EQ(FindOp(definition->name), definition);
  }
  EXPECT_EQ(FindOp("BifsmnConv2"), nullptr);
  EXPECT_EQ(FindOp(""), nullptr);
}

TEST(OpDefinitionTest, TellsWhatMayBeAbsent) {
  EXPECT_EQ(kConv2DAddOp.required_inputs(), 3);
  EXPECT_EQ(kConv2DAddOp.inputs.size(), 4u);
  EXPECT_EQ(kConv2DAddOp.required_outputs(), 1);
  EXPECT_EQ(kMemoryOp.required_inputs(), 4);
  EXPECT_EQ(kStateOp.required_inputs(), 1);
}

TEST(OpDefinitionTest, TellsWhatIsRepeated) {
  EXPECT_TRUE(kStateOp.repeats_last_input());
  EXPECT_TRUE(kStateOp.repeats_last_attribute());
  EXPECT_FALSE(kMemoryOp.repeats_last_input());
  EXPECT_FALSE(kMemoryOp.repeats_last_attribute());
  EXPECT_FALSE(kDenseOp.repeats_last_attribute());
}

TEST(ContractJsonTest, HasEveryOp) {
  const std::string json = ContractJson();
  for (const OpDefinition* definition : OpDefinitions()) {
    EXPECT_THAT(json, HasSubstr(definition->name));
  }
  EXPECT_THAT(json, HasSubstr("[[\"version\", \"int32\"], [\"channels\", "
                              "\"int32\"], [\"look_back\", \"int32\"]"));
  EXPECT_THAT(json, HasSubstr("\"outputs\": [\"stream\", \"bits?\"]"));
  EXPECT_THAT(json, HasSubstr("[\"frames\", \"int32+\"]], \"inputs\": "
                              "[\"windows+\"]"));
}

}  // namespace
}  // namespace bifsmn
