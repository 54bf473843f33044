#include "worker_agent/model_server/usage.hpp"

#include <gtest/gtest.h>

#include <string>

#include "worker_agent/model_server/json_text.hpp"

namespace muster::agent {
namespace {

std::uint64_t number(const Value& usage, std::string_view key) {
  const Value* value = usage.find(key);
  return value == nullptr ? 0 : value->uint_or(0);
}

TEST(UsageOf, FindsTheObjectInAnAnswer) {
  const Value usage = usage_of(
      R"({"choices":[],"usage": {"prompt_tokens":3,"cost":0.5,"cached":true,"tier":"x",
          "none":null,"prompt_tokens_details":{"cached_tokens":2,"deep":{"deeper":1}},"list":[1]},
          "timings":{}})");
  ASSERT_NE(usage.map(), nullptr);
  EXPECT_EQ(number(usage, "prompt_tokens"), 3u);
  EXPECT_EQ(usage.find("cost")->number_or(0), 0.5);
  EXPECT_TRUE(usage.find("cached")->bool_or(false));
  EXPECT_EQ(usage.find("tier")->string_or(""), "x");
  EXPECT_EQ(usage.find("none"), nullptr);
  EXPECT_EQ(usage.find("list"), nullptr);
  const Value* details = usage.find("prompt_tokens_details");
  ASSERT_NE(details, nullptr);
  EXPECT_EQ(number(*details, "cached_tokens"), 2u);
  EXPECT_EQ(details->find("deep"), nullptr);
}

TEST(UsageOf, TakesTheLastOfAStream) {
  EXPECT_EQ(number(usage_of("data: {\"usage\":{\"total_tokens\":1}}\n\n"
                            "data: {\"usage\":{\"total_tokens\":2}}\n\n"
                            "data: {\"choices\":[1],\"usage\":null}\n\ndata: [DONE]\n\n"),
                   "total_tokens"),
            2u);
}

TEST(UsageOf, IsNilWhereThereIsNone) {
  for (const std::string answer :
       {"", "{}", "\"usage\"", "{\"usage\":null}", "{\"usage\":[1]}", "{\"usage\":{\"a\":1",
        "{\"usage\":{\"a\":}}", "{\"say\":\"\\\"usage\\\":{\\\"a\\\":1}\"}",
        "{\"x\":\"usage\",\"y\":{}}"})
    EXPECT_TRUE(usage_of(answer).is_nil()) << answer;
}

TEST(UsageOf, LooksAtTheEndOnlyAndAtABoundedObject) {
  const std::string usage = R"("usage":{"total_tokens":2})";
  EXPECT_EQ(number(usage_of(usage + std::string(10'000, ' ')), "total_tokens"), 2u);
  EXPECT_TRUE(usage_of(usage + std::string(usage_tail_bytes, ' ')).is_nil());
  EXPECT_TRUE(usage_of(R"("usage":{"a":")" + std::string(8000, 'x') + "\"}").is_nil());
  EXPECT_TRUE(usage_of(R"("usage":{"a":)" + std::string(1000, '[') + std::string(1000, ']') + "}")
                  .is_nil());
}

TEST(JsonText, CountsNestingOutsideOfStrings) {
  EXPECT_TRUE(json_nests_within("[[1],{\"a\":[]}]", 3));
  EXPECT_FALSE(json_nests_within("[[1],{\"a\":[]}]", 2));
  EXPECT_TRUE(json_nests_within(R"(["[[[[[[\"[[["])", 1));
  EXPECT_TRUE(json_nests_within("]]]][", 1));
}

TEST(JsonText, FindsWhereAnObjectEnds) {
  EXPECT_EQ(json_extent(R"({"a":"}"} rest)"), 9u);
  EXPECT_EQ(json_extent("[{}] "), 4u);
  EXPECT_EQ(json_extent("{\"a\":1"), 0u);
}

TEST(JsonText, EscapesWhatMustBe) {
  std::string out;
  append_json_string(out, std::string{"a\"\\\n\r\t\x01\0\xc3\xa9/", 11});
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\r\\t\\u0001\\u0000\xc3\xa9/\"");
}

}  // namespace
}  // namespace muster::agent
