#include "config/log_line.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace muster::log {
namespace {

// 2026-05-04T10:11:12.345Z
const std::chrono::system_clock::time_point noon{std::chrono::milliseconds{1777889472345}};
const std::string stamp = "2026-05-04T10:11:12.345Z";

std::string text(std::string_view message, Fields fields = {}, Level level = Level::info) {
  return format_line(Format::text, noon, level, message, fields);
}
std::string json(std::string_view message, Fields fields = {}, Level level = Level::info) {
  return format_line(Format::json, noon, level, message, fields);
}

TEST(TextLine, AsTheHeaderSays) {
  EXPECT_EQ(text("worker registered", {{"worker", "gpu7:8000"}, {"slots", 8}}),
            stamp + " INFO  worker registered worker=gpu7:8000 slots=8\n");
}

TEST(TextLine, EachLevelIsAsWide) {
  const std::vector<std::pair<Level, std::string>> columns = {
      {Level::trace, "TRACE"},   {Level::debug, "DEBUG"}, {Level::info, "INFO "},
      {Level::warning, "WARN "}, {Level::error, "ERROR"}, {Level::fatal, "FATAL"}};
  for (const auto& [level, column] : columns) {
    EXPECT_EQ(text("x", {}, level), stamp + " " + column + " x\n");
  }
}

TEST(TextLine, EachKindOfField) {
  EXPECT_EQ(text("m", {{"s", std::string("a")},
                       {"b", true},
                       {"i", std::int64_t{-5}},
                       {"u", UINT64_MAX},
                       {"d", 0.25}}),
            stamp + " INFO  m s=a b=true i=-5 u=18446744073709551615 d=0.25\n");
}

TEST(TextLine, WhatWouldReadAsSomethingElseIsQuoted) {
  EXPECT_EQ(text("m", {{"a", ""}, {"b", "x y"}, {"c", "x=y"}, {"d", "say \"x\""}, {"e", "\\"}}),
            stamp + R"( INFO  m a="" b="x y" c="x=y" d="say \"x\"" e="\\")" + "\n");
}

TEST(TextLine, NothingReceivedCanForgeALine) {
  const std::string forged = "x\n" + stamp + " FATAL all is lost\r\x1b[2K";
  for (const std::string& line : {text(forged), text("m", {{"f", forged}}), json(forged),
                                  json("m", {{"f", forged}}), text("m", {{forged, "v"}})}) {
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    EXPECT_EQ(line.find('\r'), std::string::npos) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
  }
  EXPECT_EQ(text("a\tb\x01"), stamp + " INFO  a\\tb\\u0001\n");
  EXPECT_EQ(text("\u0085\u2028\u202e\u2066"), stamp + " INFO  \\u0085\\u2028\\u202e\\u2066\n")
      << "what separates lines, and what turns the direction of text";
}

TEST(TextLine, BrokenUtf8IsReplaced) {
  EXPECT_EQ(text("gr\u00fc\u00df \U0001f600"), stamp + " INFO  gr\u00fc\u00df \U0001f600\n");
  EXPECT_EQ(text("a\xff"
                 "b"),
            stamp +
                " INFO  a\ufffd"
                "b\n");
  EXPECT_EQ(text("a\xc3"), stamp + " INFO  a\ufffd\n") << "cut off at the end";
  EXPECT_EQ(text("\xc0\xaf"), stamp + " INFO  \ufffd\ufffd\n") << "an overlong form";
  EXPECT_EQ(text("\xed\xa0\x80"), stamp + " INFO  \ufffd\ufffd\ufffd\n") << "a surrogate";
  EXPECT_EQ(text("\xf4\x90\x80\x80").size(), text("").size() + 4 * 3) << "above U+10FFFF";
  EXPECT_EQ(text("\xe2\x82X"), stamp + " INFO  \ufffd\ufffdX\n");
}

TEST(JsonLine, AsTheHeaderSays) {
  EXPECT_EQ(json("worker registered", {{"worker", "gpu7:8000"}, {"slots", 8}}, Level::warning),
            "{\"time\":\"" + stamp +
                R"(","level":"warning","message":"worker registered",)"
                R"("worker":"gpu7:8000","slots":8})"
                "\n");
}

TEST(JsonLine, AnyBytesGiveValidJsonOfOneLine) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += static_cast<char>(byte);
  const std::string line = json(all, {{"field", all}, {all, true}, {"n", -1.5e300}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed.at("n"), -1.5e300);
  const std::string ascii = parsed.at("message").get<std::string>().substr(0, 128);
  EXPECT_EQ(ascii.substr(0x20, 0x5f), all.substr(0x20, 0x5f)) << "what is printable stays";
  EXPECT_EQ(ascii.substr(0, 0x20), all.substr(0, 0x20)) << "and so does what was escaped";
  EXPECT_EQ(parsed.at("field"), parsed.at("message"));
}

TEST(JsonLine, ValuesKeepTheirTypes) {
  const auto parsed = nlohmann::json::parse(json("m", {{"text", "5"},
                                                       {"number", 5},
                                                       {"big", UINT64_MAX},
                                                       {"flag", false},
                                                       {"none", std::nan("")},
                                                       {"endless", HUGE_VAL}}));
  EXPECT_EQ(parsed.at("text"), "5");
  EXPECT_EQ(parsed.at("number"), 5);
  EXPECT_EQ(parsed.at("big"), UINT64_MAX);
  EXPECT_EQ(parsed.at("flag"), false);
  EXPECT_TRUE(parsed.at("none").is_null());
  EXPECT_TRUE(parsed.at("endless").is_null());
}

TEST(JsonLine, NoNameStandsTwice) {
  const auto parsed =
      nlohmann::json::parse(json("m", {{"message", "a"}, {"level", "b"}, {"time", "c"}}));
  EXPECT_EQ(parsed.at("message"), "m");
  EXPECT_EQ(parsed.at("message_"), "a");
  EXPECT_EQ(parsed.at("level_"), "b");
  EXPECT_EQ(parsed.at("time_"), "c");
}

}  // namespace
}  // namespace muster::log
