#include "custom_ops/ops/attributes.h"

#include <cmath>
#include <string>

#include "custom_ops/kernels/bits.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

TEST(AttributesTest, ReadsWordsInOrder) {
  const int32_t words[] = {kContractVersion, 1, 2, 3, 4, 5, 6, BitsOf(0.25f)};
  Attributes attributes;
  ASSERT_THAT(
      Attributes::Parse(kQuantConv2DOp, words, sizeof(words), &attributes),
      Succeeds());
  EXPECT_EQ(attributes.Int("stride_h"), 1);
  EXPECT_EQ(attributes.Int("pad_right"), 6);
  EXPECT_EQ(attributes.Float("inverse_scale"), 0.25f);
}

TEST(AttributesTest, ReadsUnalignedBytes) {
  const int32_t words[] = {kContractVersion, 64, 1, 2, 3, 4, 5};
  char bytes[sizeof(words) + 1];
  std::memcpy(bytes + 1, words, sizeof(words));
  Attributes attributes;
  ASSERT_THAT(
      Attributes::Parse(kMemoryOp, bytes + 1, sizeof(words), &attributes),
      Succeeds());
  EXPECT_EQ(attributes.Int("channels"), 64);
  EXPECT_EQ(attributes.Int("shift"), 5);
}

TEST(AttributesTest, RefusesOtherLengths) {
  const int32_t words[10] = {kContractVersion};
  Attributes attributes;
  for (const size_t bytes : {0, 4, 24, 27, 29, 36, 40}) {
    EXPECT_THAT(Attributes::Parse(kMemoryOp, words, bytes, &attributes),
                FailsWith("attributes are 28 bytes or four more, got"));
  }
  EXPECT_THAT(Attributes::Parse(kMemoryOp, nullptr, 28, &attributes),
              FailsWith("attributes are 28 bytes or four more, got 0"));
}

TEST(AttributesTest, MayLackTheLastOne) {
  const int32_t words[] = {kContractVersion, 64, 1, 2, 3, 4, 5, 2};
  Attributes attributes;
  for (const int count : {7, 8}) {
    ASSERT_THAT(Attributes::Parse(kMemoryOp, words, count * sizeof(int32_t),
                                  &attributes),
                Succeeds());
    EXPECT_EQ(attributes.IntOr("activation_bits", 1), count == 8 ? 2 : 1);
  }
}

TEST(AttributesTest, ReadsAsManyWordsAsThereAre) {
  const int32_t words[] = {kContractVersion, 7, 8, 9};
  Attributes attributes;
  for (const size_t count : {2, 3, 4}) {
    ASSERT_THAT(Attributes::Parse(kStateOp, words, count * sizeof(int32_t),
                                  &attributes),
                Succeeds());
    EXPECT_EQ(attributes.Ints("frames"),
              std::vector<int>(words + 1, words + count));
  }
  for (const size_t bytes : {0, 4, 7, 9}) {
    EXPECT_THAT(Attributes::Parse(kStateOp, words, bytes, &attributes),
                FailsWith("attributes are 8 bytes or more, in words of four"));
  }
}

TEST(AttributesTest, RefusesOtherContracts) {
  const int32_t words[7] = {kContractVersion + 1};
  Attributes attributes;
  EXPECT_THAT(
      Attributes::Parse(kMemoryOp, words, sizeof(words), &attributes),
      FailsWith("contract version " + std::to_string(kContractVersion + 1)));
}

Status Create(const char* name, std::vector<int32_t> attributes) {
  attributes.insert(attributes.begin(), kContractVersion);
  std::unique_ptr<Op> op;
  return CreateOp(name, attributes.data(), attributes.size() * sizeof(int32_t),
                  &op);
}

TEST(CreateOpTest, RefusesUnknownNames) {
  EXPECT_THAT(Create("BifsmnNothing", {}),
              FailsWith("BifsmnNothing: this library has no such op"));
}

TEST(CreateOpTest, RefusesConvolutionsThatMakeNoSense) {
  const char* const kName = "BifsmnConv2D";
  EXPECT_THAT(Create(kName, {16, 1, 1, 0, 0, 0, 0}), Succeeds());
  EXPECT_THAT(Create(kName, {0, 1, 1, 0, 0, 0, 0}), FailsWith("in_channels"));
  EXPECT_THAT(Create(kName, {kMaxBinaryTerms + 1, 1, 1, 0, 0, 0, 0}),
              FailsWith("in_channels"));
  EXPECT_THAT(Create(kName, {16, 0, 1, 0, 0, 0, 0}), FailsWith("strides"));
  EXPECT_THAT(Create(kName, {16, 1, -1, 0, 0, 0, 0}), FailsWith("strides"));
  for (int pad = 3; pad < 7; ++pad) {
    std::vector<int32_t> attributes = {16, 1, 1, 0, 0, 0, 0};
    attributes[pad] = -1;
    EXPECT_THAT(Create(kName, attributes), FailsWith("padding"));
  }
}

TEST(CreateOpTest, RefusesScalesThatMakeNoSense) {
  for (const float scale : {0.0f, -1.0f, INFINITY, NAN}) {
    EXPECT_THAT(Create("BifsmnQuantConv2D", {1, 1, 0, 0, 0, 0, BitsOf(scale)}),
                FailsWith("inverse_scale"));
  }
}

TEST(CreateOpTest, RefusesHistoriesThatMakeNoSense) {
  EXPECT_THAT(Create("BifsmnHistory", {8, 1}), Succeeds());
  EXPECT_THAT(Create("BifsmnHistory", {-4, 1}), FailsWith("offset"));
  EXPECT_THAT(Create("BifsmnHistory", {6, 1}), FailsWith("multiple of 4"));
  EXPECT_THAT(Create("BifsmnHistory", {8, 0}), FailsWith("frames"));
  EXPECT_THAT(Create("BifsmnState", {1, 2}), Succeeds());
  EXPECT_THAT(Create("BifsmnState", {1, 0}), FailsWith("one is 0"));
  EXPECT_THAT(Create("BifsmnState", {-1, 1}), FailsWith("one is -1"));
}

TEST(CreateOpTest, RefusesMemoriesThatMakeNoSense) {
  const char* const kName = "BifsmnMemory";
  EXPECT_THAT(Create(kName, {64, 10, 10, 1, 1, 0}), Succeeds());
  EXPECT_THAT(Create(kName, {0, 10, 10, 1, 1, 0}), FailsWith("channels"));
  EXPECT_THAT(Create(kName, {64, -1, 10, 1, 1, 0}), FailsWith("look_back"));
  EXPECT_THAT(Create(kName, {64, 10, -1, 1, 1, 0}), FailsWith("look_ahead"));
  EXPECT_THAT(Create(kName, {64, 10, 10, 0, 1, 0}), FailsWith("strides"));
  EXPECT_THAT(Create(kName, {64, 10, 10, 1, -2, 0}), FailsWith("strides"));
  EXPECT_THAT(Create(kName, {64, 0x7fffffff, 0x7fffffff, 1, 1, 0}),
              FailsWith("taps"));
  EXPECT_THAT(Create(kName, {64, kMaxBinaryTerms - 1, 1, 1, 1, 0}),
              FailsWith("taps"));
}

}  // namespace
}  // namespace bifsmn
