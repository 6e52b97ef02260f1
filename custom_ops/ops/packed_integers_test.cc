#include "custom_ops/ops/packed_integers.h"

#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

using Bytes = std::vector<uint8_t>;

Status Unpack(const Bytes& bytes, int rows, int columns,
              std::vector<int16_t>* values) {
  return UnpackIntegers(bytes.data(), bytes.size(), rows, columns, values);
}

TEST(PackedIntegersTest, UnpacksDistancesFromABase) {
  std::vector<int16_t> values;
  // Distances 0, 0, 1, -1, 0 are 0, 0, 2, 1, 0: 1 1 001 01 1, and no low bits.
  ASSERT_THAT(Unpack({7, 0, 0, 0b11010011, 0b0}, 1, 5, &values),
              FailsWith("1 bytes behind"));
  values.clear();
  ASSERT_THAT(Unpack({7, 0, 0, 0b11010011}, 1, 5, &values), Succeeds());
  EXPECT_EQ(values, (std::vector<int16_t>{7, 7, 8, 6, 7}));
}

TEST(PackedIntegersTest, UnpacksRows) {
  std::vector<int16_t> values;
  // The least and the largest: 65,535 above the least is 131,070.
  ASSERT_THAT(Unpack({0x00, 0x80, 15, 0x01, 0x00, 0xe8, 0xff, 0x0f, 5, 0, 1,
                      0b00001001},
                     2, 2, &values),
              FailsWith("bits set beyond row 0"));
  values.clear();
  ASSERT_THAT(Unpack({0x00, 0x80, 15, 0x01, 0x00, 0xe8, 0xff, 0x07, 5, 0, 1,
                      0b00001001},
                     2, 2, &values),
              Succeeds());
  EXPECT_EQ(values, (std::vector<int16_t>{-32768, 32767, 5, 6}));
}

TEST(PackedIntegersTest, ChecksBytes) {
  std::vector<int16_t> values;
  EXPECT_THAT(Unpack({7, 0}, 1, 2, &values), FailsWith("row 0 of packed"));
  EXPECT_THAT(Unpack({7, 0, 16, 255}, 1, 2, &values), FailsWith("16 bits"));
  for (const Bytes& bytes :
       {Bytes{7, 0, 0}, Bytes{7, 0, 0, 0b1}, Bytes{7, 0, 9, 0b1},
        Bytes{0xff, 0x7f, 1, 0b010}, Bytes{0xff, 0x7f, 0, 0b10100}}) {
    EXPECT_THAT(Unpack(bytes, 1, 2, &values), FailsWith("no 16-bit value"));
  }
  EXPECT_THAT(Unpack({7, 0, 0, 0b111}, 1, 2, &values),
              FailsWith("bits set beyond row 0"));
  EXPECT_THAT(Unpack({7, 0, 0, 0b11}, 2, 2, &values),
              FailsWith("row 1 of packed integers is missing"));
  // A run of zeros that would exceed an int.
  EXPECT_THAT(Unpack(Bytes(1 << 16), 1, 1, &values),
              FailsWith("no 16-bit value"));
}

TEST(PackedIntegersTest, ReadsConstantsPackedOrNot) {
  const std::vector<int16_t> plain = {7, 8, 5, 6};
  const Bytes packed = {7, 0, 0, 0b1001, 5, 0, 0, 0b1001};
  TensorInfo tensor = {ElementType::kInt16, {2, 2}, plain.data(), 8};
  std::vector<int16_t> values;
  ASSERT_THAT(ReadIntegers(tensor, "x", {2, 2}, &values), Succeeds());
  EXPECT_EQ(values, plain);
  tensor = {ElementType::kInt8, {8}, packed.data(), 8};
  ASSERT_THAT(ReadIntegers(tensor, "x", {2, 2}, &values), Succeeds());
  EXPECT_EQ(values, plain);
  EXPECT_THAT(ReadIntegers(tensor, "x", {4}, &values),
              FailsWith("x: 3 bytes behind"));
  tensor.constant_bytes = 7;
  EXPECT_THAT(ReadIntegers(tensor, "x", {2, 2}, &values),
              FailsWith("x of shape [8] takes 8 bytes, the model has 7"));
  tensor.shape = {2, 4};
  EXPECT_THAT(ReadIntegers(tensor, "x", {2, 2}, &values),
              FailsWith("x has to be of rank 1"));
  tensor = {ElementType::kInt32, {2, 2}, plain.data(), 8};
  EXPECT_THAT(ReadIntegers(tensor, "x", {2, 2}, &values),
              FailsWith("x has to be int16, is int32"));
}

}  // namespace
}  // namespace bifsmn
