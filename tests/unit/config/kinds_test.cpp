// Every kind of value, by a schema of the test's own: what it takes, what it refuses with which
// words, and that what it shows reads to the same.

#include "config/kinds.hpp"

#include <gtest/gtest.h>

#include "config/rules.hpp"
#include "config/toml_text.hpp"
#include "tests/unit/config/config_bench.hpp"

namespace muster::config {
namespace {

using test::Lines;

enum class Colour : std::uint8_t { red, green };

struct Options {
  std::string name = "n";
  bool flag = false;
  std::uint64_t count = 3;
  std::optional<std::uint64_t> slots;
  double speed = 1.0;
  Duration pause = std::chrono::seconds{1};
  std::uint64_t room = 1024;
  Colour colour = Colour::red;
  std::vector<std::string> list;
  StringMap map;
  std::vector<ModelDescription> models;
};

class Kinds : public testing::Test {
 protected:
  Options options;

  KindPtr kind(const std::string& key) {
    if (key == "name") return text_kind(options.name, name_rule);
    if (key == "flag") return flag_kind(options.flag);
    if (key == "count") return integer_kind(options.count, 1, 10);
    if (key == "slots") return auto_or_integer_kind(options.slots, 1, 10);
    if (key == "speed") return number_kind(options.speed, 0.5, 2.0);
    if (key == "pause") {
      return duration_kind(options.pause, std::chrono::milliseconds{10}, std::chrono::minutes{1});
    }
    if (key == "room") return size_kind(options.room, 512, 2048);
    if (key == "colour") {
      return choice_kind<Colour>(options.colour, {{"red", Colour::red}, {"green", Colour::green}});
    }
    if (key == "list") return text_list_kind(options.list, 1, 3, name_rule);
    if (key == "map") return text_map_kind(options.map, 2);
    return models_kind(options.models, 3);
  }

  // Reads `toml` as the value of `key`: the faults, each as "column: key: what".
  Lines read(const std::string& key, const std::string& toml) {
    const auto node = read_toml_value(toml);
    if (!node) return {"no TOML: " + node.error()};
    ConfigFaults faults;
    Reading reading({Origin::Kind::file, "f", 0, 0}, key, faults);
    kind(key)->read(node.value(), reading);
    Lines lines;
    for (const ConfigFault& fault : faults)
      lines.push_back(fault.key + ": " + fault.what);
    return lines;
  }
};

const Lines fine = {};

TEST_F(Kinds, Text) {
  EXPECT_EQ(read("name", "\"gpu7\""), fine);
  EXPECT_EQ(options.name, "gpu7");
  EXPECT_EQ(read("name", "7"), Lines{"name: found the number 7; allowed is a text in quotes"});
  EXPECT_EQ(
      read("name", "\"\""),
      Lines{"name: found \"\"; allowed is a name of 1 to 128 bytes without control characters"});
  EXPECT_EQ(read("name", "\"a\\nb\"").size(), 1u);
  EXPECT_EQ(read("name", "\"" + std::string(128, 'x') + "\""), fine);
  EXPECT_EQ(read("name", "\"" + std::string(129, 'x') + "\"").size(), 1u);
}

TEST_F(Kinds, Flag) {
  EXPECT_EQ(read("flag", "true"), fine);
  EXPECT_TRUE(options.flag);
  EXPECT_EQ(read("flag", "1"), Lines{"flag: found the number 1; allowed is true or false"});
  EXPECT_EQ(read("flag", "\"true\""), Lines{"flag: found \"true\"; allowed is true or false"});
}

TEST_F(Kinds, IntegerWithinBounds) {
  EXPECT_EQ(read("count", "1"), fine);
  EXPECT_EQ(read("count", "10"), fine);
  EXPECT_EQ(options.count, 10u);
  const std::string allowed = "; allowed is a whole number, 1 to 10";
  EXPECT_EQ(read("count", "0"), Lines{"count: found the number 0" + allowed});
  EXPECT_EQ(read("count", "11"), Lines{"count: found the number 11" + allowed});
  EXPECT_EQ(read("count", "-1"), Lines{"count: found the number -1" + allowed});
  EXPECT_EQ(read("count", "9223372036854775807"),
            Lines{"count: found the number 9223372036854775807" + allowed});
  EXPECT_EQ(read("count", "2.0"), Lines{"count: found the number 2.0" + allowed});
  EXPECT_EQ(read("count", "\"2\""), Lines{"count: found \"2\"" + allowed});
  EXPECT_EQ(read("count", "[2]"), Lines{"count: found an array" + allowed});
  EXPECT_EQ(read("count", "{ a = 2 }"), Lines{"count: found a table" + allowed});
  EXPECT_EQ(read("count", "2020-01-01"), Lines{"count: found a date or time" + allowed});
  EXPECT_EQ(options.count, 10u) << "what is at fault changes nothing";
}

TEST_F(Kinds, AutoOrInteger) {
  EXPECT_EQ(read("slots", "7"), fine);
  EXPECT_EQ(options.slots, 7u);
  EXPECT_EQ(read("slots", "\"auto\""), fine);
  EXPECT_EQ(options.slots, std::nullopt);
  EXPECT_EQ(read("slots", "\"many\""),
            Lines{"slots: found \"many\"; allowed is \"auto\" or a whole number, 1 to 10"});
  EXPECT_EQ(read("slots", "0").size(), 1u);
}

TEST_F(Kinds, Number) {
  EXPECT_EQ(read("speed", "0.5"), fine);
  EXPECT_EQ(read("speed", "2"), fine);
  EXPECT_EQ(options.speed, 2.0);
  const std::string allowed = "; allowed is a number, 0.5 to 2.0";
  EXPECT_EQ(read("speed", "0.49"), Lines{"speed: found the number 0.49" + allowed});
  EXPECT_EQ(read("speed", "nan"), Lines{"speed: found the number nan" + allowed});
  EXPECT_EQ(read("speed", "inf"), Lines{"speed: found the number inf" + allowed});
  EXPECT_EQ(read("speed", "\"1\""), Lines{"speed: found \"1\"" + allowed});
}

TEST_F(Kinds, DurationWantsItsUnit) {
  EXPECT_EQ(read("pause", "\"1.5s\""), fine);
  EXPECT_EQ(options.pause, std::chrono::milliseconds{1500});
  EXPECT_EQ(read("pause", "5"),
            Lines{"pause: found the number 5 without a unit; write \"5s\" or what else is meant: a "
                  "text like \"250ms\", \"3s\", \"5m\" or \"1h\""});
  EXPECT_EQ(read("pause", "\"5\"").front().substr(0, 38),
            "pause: found \"5\" without a unit; write");
  EXPECT_EQ(
      read("pause", "\"soon\""),
      Lines{"pause: found \"soon\"; allowed is a text like \"250ms\", \"3s\", \"5m\" or \"1h\""});
  EXPECT_EQ(read("pause", "\"9ms\""), Lines{"pause: found \"9ms\"; allowed is \"10ms\" to \"1m\""});
  EXPECT_EQ(read("pause", "true").size(), 1u);
}

TEST_F(Kinds, SizeWantsItsUnit) {
  EXPECT_EQ(read("room", "\"2KiB\""), fine);
  EXPECT_EQ(options.room, 2048u);
  EXPECT_EQ(read("room", "\"2KB\""), fine);
  EXPECT_EQ(options.room, 2000u);
  EXPECT_EQ(read("room", "1024").front().substr(0, 42),
            "room: found the number 1024 without a unit");
  EXPECT_EQ(read("room", "\"3KiB\""),
            Lines{"room: found \"3KiB\"; allowed is \"512B\" to \"2KiB\""});
}

TEST_F(Kinds, Choice) {
  EXPECT_EQ(read("colour", "\"green\""), fine);
  EXPECT_EQ(options.colour, Colour::green);
  EXPECT_EQ(read("colour", "\"Green\""),
            Lines{"colour: found \"Green\"; allowed is one of \"red\" \"green\""});
  EXPECT_EQ(read("colour", "1").size(), 1u);
}

TEST_F(Kinds, ListNamesEveryBadElement) {
  EXPECT_EQ(read("list", R"(["a", "b"])"), fine);
  EXPECT_EQ(options.list, (Lines{"a", "b"}));
  EXPECT_EQ(read("list", R"(["a", 1, "b", "c"])").size(), 1u) << "one too many";
  EXPECT_EQ(read("list", R"([1, "b", ""])"),
            (Lines{"list[0]: found the number 1; allowed is a text in quotes",
                   "list[2]: found \"\"; allowed is a name of 1 to 128 bytes without control "
                   "characters"}));
  EXPECT_EQ(read("list", "[]"), Lines{"list: found an array of 0; allowed are 1 to 3 texts"});
  EXPECT_EQ(read("list", "\"a\""),
            Lines{"list: found \"a\"; allowed is an array of texts, [\"a\", \"b\"]"});
  EXPECT_EQ(read("list", R"(["a", "a"])"), Lines{"list[1]: found \"a\" a second time"});
  EXPECT_EQ(options.list, (Lines{"a", "b"}));
}

TEST_F(Kinds, Map) {
  EXPECT_EQ(read("map", R"({ gpu = "h100", "a zone" = "" })"), fine);
  EXPECT_EQ(options.map, (StringMap{{"a zone", ""}, {"gpu", "h100"}}));
  EXPECT_EQ(read("map", R"({ gpu = 1 })"),
            Lines{"map.gpu: found the number 1; allowed is a text in quotes"});
  EXPECT_EQ(read("map", R"({ "" = "x" })").size(), 1u);
  EXPECT_EQ(read("map", R"({ a = "1", b = "2", c = "3" })"),
            Lines{"map: found a table of 3; allowed are at most 2 entries"});
  EXPECT_EQ(read("map", "7"),
            Lines{"map: found the number 7; allowed is a table of texts, { a = \"x\" }"});
}

TEST_F(Kinds, ModelsAsNamesAndAsTables) {
  EXPECT_EQ(read("models", R"(["llama", { name = "qwen", aliases = ["q"], context_length = 4096, )"
                           R"(modalities = ["text"], operations = ["/v1/embeddings"] }])"),
            fine);
  ASSERT_EQ(options.models.size(), 2u);
  EXPECT_EQ(options.models[0].name, "llama");
  const ModelDescription& qwen = options.models[1];
  EXPECT_EQ(qwen.name, "qwen");
  EXPECT_EQ(qwen.aliases, Lines{"q"});
  EXPECT_EQ(qwen.context_length, 4096u);
  EXPECT_EQ(qwen.modalities, Lines{"text"});
  EXPECT_EQ(qwen.operations, Lines{"/v1/embeddings"});
}

TEST_F(Kinds, ModelFaults) {
  EXPECT_EQ(read("models", R"([{ nam = "a" }])"),
            (Lines{"models[0].nam: a model has no such key; it has name, aliases, context_length, "
                   "modalities and operations",
                   "models[0]: a model's table needs a name, { name = \"llama\" }"}));
  EXPECT_EQ(read("models", R"([{ name = "a", aliases = "b", context_length = 0 }, 5])").size(), 3u);
  EXPECT_EQ(read("models", R"(["a", { name = "b", aliases = ["a"] }])").size(), 1u)
      << "a request for \"a\" could mean either";
  EXPECT_EQ(read("models", R"(["a", "b", "c", "d"])").size(), 1u);
  EXPECT_EQ(read("models", R"("a")").size(), 1u);
  EXPECT_TRUE(options.models.empty());
}

TEST_F(Kinds, WhatIsShownReadsToTheSame) {
  for (const auto& [key, toml] : std::vector<std::pair<std::string, std::string>>{
           {"name", R"("a \"b\" \\c é")"},
           {"flag", "true"},
           {"count", "7"},
           {"slots", "7"},
           {"slots", R"("auto")"},
           {"speed", "2.0"},
           {"speed", "0.51"},
           {"pause", R"("1500ms")"},
           {"room", R"("1KiB")"},
           {"colour", R"("green")"},
           {"list", R"(["a", "b,c"])"},
           {"map", R"({})"},
           {"map", R"({ "a.b" = "x", c = "y" })"},
           {"models", R"(["a", { name = "b", aliases = ["c"], context_length = 5, )"
                      R"(modalities = ["text"], operations = ["/v1/x"] }])"}}) {
    EXPECT_EQ(read(key, toml), fine) << key;
    EXPECT_EQ(kind(key)->show(), toml) << key;
  }
}

TEST_F(Kinds, TextFromEnvironmentAndFlags) {
  const auto shown = [&](const std::string& key, const std::string& text) {
    auto to = kind(key);
    const auto node = node_of_text(to->shape(), text);
    if (!node) return node.error();
    ConfigFaults faults;
    Reading reading({Origin::Kind::flag, "--set", 0, 0}, key, faults);
    to->read(node.value(), reading);
    return faults.empty() ? to->show() : faults.front().text();
  };
  EXPECT_EQ(shown("name", "7"), "\"7\"") << "a text needs no quotes there";
  EXPECT_EQ(shown("flag", "true"), "true");
  EXPECT_EQ(shown("flag", "yes"), "--set: flag: found \"yes\"; allowed is true or false");
  EXPECT_EQ(shown("count", "7"), "7");
  EXPECT_EQ(shown("count", "7x"), "--set: count: found \"7x\"; allowed is a whole number, 1 to 10");
  EXPECT_EQ(shown("count", "99999999999999999999"),
            "--set: count: found the number 1e+20; allowed is a whole number, 1 to 10");
  EXPECT_EQ(shown("slots", "auto"), "\"auto\"");
  EXPECT_EQ(shown("speed", "0.75"), "0.75");
  EXPECT_EQ(shown("pause", "3s"), "\"3s\"");
  EXPECT_EQ(shown("list", "a, b ,c"), R"(["a", "b", "c"])");
  EXPECT_EQ(shown("list", R"(["a,b"])"), R"(["a,b"])");
  EXPECT_EQ(shown("list", ""), "--set: list: found an array of 0; allowed are 1 to 3 texts");
  EXPECT_EQ(shown("map", "a=x,b=y=z"), R"({ a = "x", b = "y=z" })");
  EXPECT_EQ(shown("map", R"({ a = "x" })"), R"({ a = "x" })");
  EXPECT_EQ(shown("map", "a"), "found \"a\"; allowed is NAME=VALUE,NAME=VALUE");
  EXPECT_EQ(shown("models", "a,b"), R"(["a", "b"])");
  EXPECT_EQ(shown("models", "[{ name = 'a' }]"), R"(["a"])");
}

}  // namespace
}  // namespace muster::config
