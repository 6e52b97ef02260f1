#include "custom_ops/engine/json.h"

#include <gtest/gtest.h>

namespace bifsmn {
namespace {

Json Read(std::string_view text) {
  Json value;
  const Status status = Json::Parse(text, &value);
  EXPECT_TRUE(status.ok()) << status.message();
  return value;
}

TEST(JsonTest, MembersAreFoundByName) {
  const Json value =
      Read(R"( {"a": [1, -2.5e1, true], "b": {"c": null}, "d": "x"} )");
  ASSERT_NE(value.Find("a"), nullptr);
  const std::vector<Json>& list = value.Find("a")->list();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].number(), 1);
  EXPECT_EQ(list[1].number(), -25);
  EXPECT_TRUE(list[2].boolean());
  EXPECT_EQ(value.Find("b")->Find("c")->type(), Json::Type::kNull);
  EXPECT_EQ(value.Find("d")->text(), "x");
  EXPECT_EQ(value.Find("e"), nullptr);
  EXPECT_EQ(value.Find("d")->Find("e"), nullptr);
}

TEST(JsonTest, TextIsUtf8) {
  EXPECT_EQ(Read(R"("\u0041\u00e4\u20ac\ud83d\ude00\n\"")").text(),
            "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\"");
}

TEST(JsonTest, NumbersAreThoseThatWereWritten) {
  EXPECT_EQ(Read("0.1").number(), 0.1);
  EXPECT_EQ(Read("2.2250738585072014e-308").number(), 2.2250738585072014e-308);
}

TEST(JsonTest, WhatIsNoneIsRefused) {
  for (const char* text : {"", "{", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}",
                           "{a: 1}", "1 2", "nul", "\"", "\"\\x\"", "\"\\u12\"",
                           "\"\\ud800\"", "NaN", "1e999", "--1", "."}) {
    Json value;
    EXPECT_FALSE(Json::Parse(text, &value).ok()) << text;
  }
  Json value;
  EXPECT_FALSE(Json::Parse(std::string(100000, '['), &value).ok());
}

}  // namespace
}  // namespace bifsmn
