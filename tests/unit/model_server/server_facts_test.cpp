#include "worker_agent/model_server/server_facts.hpp"

#include <gtest/gtest.h>

#include <string>

namespace muster::agent {
namespace {

TEST(ReadModels, TakesIdsAliasesAndContextLengths) {
  const auto listed = read_models(R"({"object":"list","data":[
      {"id":"a","max_model_len":100,"meta":{"n_ctx":7}},
      {"id":"b","aliases":["b","c",7,""],"meta":{"n_ctx_train":2048}},
      {"id":"d","meta":{"n_ctx":512,"n_ctx_train":2048}},
      {"id":"e","max_model_len":null,"meta":null,"aliases":"x"}]})");
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->left_out, 0u);
  ASSERT_EQ(listed->models.size(), 4u);
  EXPECT_EQ(listed->models[0].name, "a");
  EXPECT_EQ(listed->models[0].context_length, 100u);
  EXPECT_EQ(listed->models[1].aliases, (std::vector<std::string>{"c"}));
  EXPECT_EQ(listed->models[1].context_length, 2048u);
  EXPECT_EQ(listed->models[2].context_length, 512u);
  EXPECT_EQ(listed->models[3].context_length, std::nullopt);
}

TEST(ReadModels, TellsAListFromWhatIsNone) {
  EXPECT_TRUE(read_models(R"({"data":[]})"));
  for (const char* body : {"", "<html>", "[]", "{}", R"({"data":{}})", R"({"data":[)"})
    EXPECT_FALSE(read_models(body)) << body;
  EXPECT_FALSE(read_models("{\"data\":[{\"id\":\"\xff\"}]}")) << "not UTF-8";
}

TEST(ReadModels, LeavesOutWhatCanBeNoNameAndCountsIt) {
  const std::string longest(128, 'x');
  const auto listed = read_models(R"({"data":[{"id":")" + longest + R"("},{"id":")" + longest +
                                  R"(x"},{"id":""},{"id":7},{},7,{"id":"a\u0007b"}]})");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->models.size(), 1u);
  EXPECT_EQ(listed->models[0].name, longest);
  EXPECT_EQ(listed->left_out, 6u);
}

TEST(ReadModels, IsBoundedInNumberBytesAndDepth) {
  std::string many = R"({"data":[)";
  for (int i = 0; i < 300; ++i)
    many += R"({"id":"m)" + std::to_string(i) + R"("},)";
  const auto listed = read_models(many + R"({"id":"z"}]})");
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->models.size(), models_max);
  EXPECT_EQ(listed->left_out, 45u);

  std::string aliases = R"({"data":[{"id":"a","aliases":[)";
  for (int i = 0; i < 1000; ++i)
    aliases += "\"" + std::string(100, 'x') + "\",";
  const auto heavy = read_models(aliases + R"("y"]},{"id":"b"}]})");
  ASSERT_TRUE(heavy);
  ASSERT_EQ(heavy->models.size(), 1u);
  EXPECT_EQ(heavy->models[0].name, "b");

  const auto nested = [](std::size_t levels) {
    return R"({"data":[],"deep":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_TRUE(read_models(nested(60)));
  EXPECT_FALSE(read_models(nested(70)));
}

TEST(ReadFacts, TakesSlotsAsEachServerTellsThem) {
  EXPECT_EQ(read_facts(R"({"total_slots":4})").slots, 4u);
  EXPECT_EQ(read_facts(R"({"max_running_requests":32})").slots, 32u);
  EXPECT_EQ(read_facts(R"({"max_running_requests":32,"internal_states":[
      {"effective_max_running_requests_per_dp":9},{"effective_max_running_requests_per_dp":9}]})")
                .slots,
            18u);
  EXPECT_EQ(read_facts(R"({"max_running_requests":32,"internal_states":[{}]})").slots, 32u);
}

TEST(ReadFacts, TakesNoSlotsFromWhatTellsNoneAndBoundsThem) {
  for (const char* body :
       {"", "{}", "[]", "x", R"({"total_slots":0})", R"({"total_slots":-1})",
        R"({"total_slots":"4"})", R"({"total_slots":1.5})", R"({"max_running_requests":null})"})
    EXPECT_EQ(read_facts(body).slots, std::nullopt) << body;
  EXPECT_EQ(read_facts(R"({"total_slots":1000000})").slots, slots_max);
}

TEST(ReadFacts, TakesTheVersion) {
  EXPECT_EQ(read_facts(R"({"build_info":"b1-x"})").version, "b1-x");
  EXPECT_EQ(read_facts(R"({"version":"0.5.2"})").version, "0.5.2");
  EXPECT_EQ(read_facts(R"({"version":7})").version, "");
  EXPECT_EQ(read_facts(R"({"version":"a\nb"})").version, "");
}

TEST(ErrorWords, AreFoundWhereServersPutThem) {
  for (const char* body :
       {R"({"error":{"message":"too busy","type":"x"}})", R"({"error":"too busy"})",
        R"({"object":"error","message":"too busy"})", R"({"detail":"too busy"})", "too busy",
        "too busy\r\nmore of it\r\n", R"({"error":{"code":7},"detail":"too busy"})"})
    EXPECT_EQ(error_words(body), "too busy") << body;
  for (const char* body : {"", "{}", "[]", "{\"error\":", R"({"error":7,"message":[]})", "<html>",
                           "\xff\xfe", "{\"error\":\"\xff\"}"})
    EXPECT_EQ(error_words(body), "") << body;
}

TEST(ErrorWords, AreOneLineAndBounded) {
  EXPECT_EQ(error_words(R"({"error":"a\nb\u0007c"})"), "a b c");
  const std::string just(error_words_bytes_max, 'x');
  EXPECT_EQ(error_words(just), just);
  for (std::size_t odd = 0; odd < 4; ++odd) {
    std::string text(odd, 'x');
    for (int i = 0; i < 100; ++i)
      text += "\xf0\x9f\x90\x8e";
    const std::string words = error_words("{\"error\":\"" + text + "\"}");
    EXPECT_LE(words.size(), error_words_bytes_max);
    EXPECT_GT(words.size(), error_words_bytes_max - 8);
    EXPECT_TRUE(words.ends_with("\x8e\u2026")) << words;
  }
  EXPECT_EQ(error_words(std::string(1024 * 1024, 'x')), "") << "not even read";
}

TEST(SaysLoading, LooksForTheWord) {
  EXPECT_TRUE(says_loading(R"({"error":{"code":503,"message":"Loading model"}})"));
  EXPECT_TRUE(says_loading("model is loading"));
  EXPECT_FALSE(says_loading("overloaded"));
  EXPECT_FALSE(says_loading(""));
}

}  // namespace
}  // namespace muster::agent
