// `muster ask` without a broker: what it sends, and what it makes of what comes back.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/cli/answer_json.hpp"
#include "tools/cli/answer_reader.hpp"
#include "tools/cli/sse_reader.hpp"

namespace muster::cli {
namespace {

using Json = nlohmann::json;
using Events = std::vector<SseEvent>;

// ---- the question -----------------------------------------------------------------------------

TEST(CliAskBody, IsAChat) {
  AskOptions options;
  options.prompt = "Why \"is\"\nthe sky blue?";
  EXPECT_EQ(Json::parse(request_body(options, "llama")),
            (Json{{"model", "llama"},
                  {"messages", {{{"role", "user"}, {"content", "Why \"is\"\nthe sky blue?"}}}},
                  {"stream", true}}));
  options.system = "Be short.";
  options.max_tokens = 7;
  options.temperature = 0.5;
  options.stream = false;
  const Json body = Json::parse(request_body(options, "llama"));
  EXPECT_EQ(body["messages"][0], (Json{{"role", "system"}, {"content", "Be short."}}));
  EXPECT_EQ(body["messages"][1]["role"], "user");
  EXPECT_EQ(body["max_tokens"], 7);
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["stream"], false);
}

TEST(CliAskBody, IsACompletionWhereAskedFor) {
  AskOptions options;
  options.prompt = "Once upon a time";
  options.completion = true;
  EXPECT_EQ(Json::parse(request_body(options, "m")),
            (Json{{"model", "m"}, {"prompt", "Once upon a time"}, {"stream", true}}));
}

TEST(CliAskBody, ReplacesBytesThatAreNoText) {
  AskOptions options;
  options.prompt = "\xff\xfe";
  EXPECT_FALSE(Json::parse(request_body(options, "m")).is_discarded());
}

TEST(CliModelChoice, TakesTheOnlyOne) {
  EXPECT_EQ(choose_model(R"({"models":[{"name":"llama","workers":3}]})").model, "llama");
  const ModelChoice several = choose_model(R"({"models":[{"name":"a"},{"name":"b"}]})");
  EXPECT_TRUE(several.model.empty());
  EXPECT_FALSE(several.none_served);
  EXPECT_NE(several.complaint.find("a, b"), std::string::npos);
  const ModelChoice none = choose_model(R"({"models":[]})");
  EXPECT_TRUE(none.none_served);
  EXPECT_NE(none.complaint.find("NO_WORKER"), std::string::npos);
  EXPECT_TRUE(choose_model("nonsense").none_served);
}

// ---- events -----------------------------------------------------------------------------------

TEST(CliSse, ReadsEventsHoweverTheyAreCut) {
  const std::string stream =
      "\xef\xbb\xbf: a comment\r\n\r\ndata: one\r\n\r\nevent: error\ndata:two\ndata: three\nid: "
      "7\n\n"
      "data\r\rdata: caf\xc3\xa9";
  const Events all = {{"", "one"}, {"error", "two\nthree"}, {"", ""}, {"", "caf\xc3\xa9"}};
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SseReader reader;
    Events events = reader.feed(std::string_view{stream}.substr(0, cut));
    for (SseEvent& event : reader.feed(std::string_view{stream}.substr(cut)))
      events.push_back(std::move(event));
    if (auto last = reader.finish()) events.push_back(*last);
    EXPECT_EQ(events, all) << "cut at " << cut;
  }
}

TEST(CliSse, AnEventWithoutDataIsNone) {
  SseReader reader;
  EXPECT_TRUE(reader.feed("event: ping\n\n\n\n: x\n\n").empty());
  EXPECT_FALSE(reader.finish());
}

TEST(CliSse, HoldsABoundedEvent) {
  SseReader reader;
  EXPECT_TRUE(reader.feed("data: ").empty());
  const std::string piece(1024 * 1024, 'x');
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(reader.feed(piece).empty());
  const auto event = reader.finish();
  ASSERT_TRUE(event);
  EXPECT_LE(event->data.size(), SseReader::event_bytes_max);
}

// ---- the answer -------------------------------------------------------------------------------

constexpr const char* events_type = "text/event-stream; charset=utf-8";

TEST(CliAnswer, GivesTheTextOfEachEventAsItComes) {
  AnswerReader reader(false);
  EXPECT_EQ(reader.take("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n", 200,
                        events_type),
            "");
  EXPECT_EQ(reader.take("data: {\"choices\":[{\"delta\":{\"content\":\"Once\"}}]}\n\n", {}, ""),
            "Once");
  EXPECT_EQ(
      reader.take("data: {\"choices\":[{\"delta\":{\"content\":null}}]}\n\ndata: {\"choi", {}, ""),
      "");
  EXPECT_EQ(reader.take("ces\":[{\"text\":\" upon\"}]}\n\n", {}, ""), " upon");
  EXPECT_EQ(reader.take("data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n", {}, ""), "");
  EXPECT_EQ(reader.finish(), "");
  EXPECT_FALSE(reader.error());
}

TEST(CliAnswer, AnErrorEventIsAnError) {
  const char* errors[] = {
      "data: {\"error\":{\"message\":\"it broke\",\"code\":500}}\n\n",
      "event: error\ndata: {\"message\":\"it broke\"}\n\n",
      "event: error\ndata: it broke\n\n",
      "error: {\"message\":\"it broke\"}\n\n",
      "data: {\"object\":\"error\",\"message\":\"it broke\"}\n\n",
      "data: {\"error\":\"it broke\"}\n\n",
  };
  for (const char* error : errors) {
    AnswerReader reader(false);
    EXPECT_EQ(reader.take("data: {\"choices\":[{\"text\":\"a\"}]}\n\n", 200, events_type), "a");
    EXPECT_EQ(reader.take(error, {}, ""), "");
    EXPECT_EQ(reader.finish(), "");
    EXPECT_EQ(reader.error(), "it broke") << error;
  }
}

TEST(CliAnswer, AnEventThatIsNoJsonIsAnError) {
  AnswerReader reader(false);
  EXPECT_EQ(reader.take("data: {\"choices\n\n", 200, events_type), "");
  EXPECT_TRUE(reader.error());
}

TEST(CliAnswer, HalfACharacterIsShownAsSuchAndEndsNothing) {
  const std::pair<const char*, const char*> contents[] = {
      {R"(a\ud83d\ude00b)",
       "a\xf0\x9f\x98\x80"
       "b"},
      {R"(a\ud83d)", "a\xef\xbf\xbd"},
      {R"(\ude00b)",
       "\xef\xbf\xbd"
       "b"},
      {R"(\uD83D\uD83D\uDE00)", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
      {R"(\ude00\ud83d\n)", "\xef\xbf\xbd\xef\xbf\xbd\n"},
      {R"(\\ud83d \ud83d)", "\\ud83d \xef\xbf\xbd"},
      {R"(\\\ud83d\\)", "\\\xef\xbf\xbd\\"}};
  for (const auto& [content, text] : contents) {
    AnswerReader reader(false);
    const std::string event = R"({"choices":[{"text":")" + std::string{content} + R"("}]})";
    EXPECT_EQ(reader.take("data: " + event + "\n\n", 200, events_type), text) << content;
    EXPECT_EQ(reader.take("data: {\"choices\":[{\"text\":\"on\"}]}\n\n", {}, ""), "on");
    EXPECT_FALSE(reader.error()) << content;
    AnswerReader json(true);
    EXPECT_EQ(json.take("data: " + event + "\n\n", 200, events_type), event + "\n");
    EXPECT_FALSE(json.error()) << content;
  }
  for (const char* broken : {R"({"text":"\ud83)", R"({"text":"\ud83d)", R"({"text":"\ud83d\)"}) {
    AnswerReader reader(false);
    EXPECT_EQ(reader.take(std::string{"data: "} + broken + "\n\n", 200, events_type), "");
    EXPECT_TRUE(reader.error()) << broken;
  }
}

TEST(CliAnswer, ReadsAWholeBodyAtItsEnd) {
  AnswerReader reader(false);
  EXPECT_EQ(reader.take("{\"choices\":[{\"message\":{\"con", 200, "application/json"), "");
  EXPECT_EQ(reader.take("tent\":\"All of it\"}}]}", {}, ""), "");
  EXPECT_EQ(reader.finish(), "All of it");
  EXPECT_FALSE(reader.error());
}

TEST(CliAnswer, PrintsABodyThatItDoesNotUnderstandAsItIs) {
  for (const char* body : {"plain text", "{\"data\":[1,2]}"}) {
    AnswerReader reader(false);
    EXPECT_EQ(reader.take(body, 200, "text/plain"), "");
    EXPECT_EQ(reader.finish(), body);
    EXPECT_FALSE(reader.error());
  }
}

TEST(CliAnswer, ARefusalOfTheServerIsAnError) {
  const std::pair<const char*, const char*> bodies[] = {
      {R"({"error":{"message":"no chat template","type":"x"}})", "no chat template"},
      {R"({"detail":"Not Found"})", "Not Found"},
      {R"({"object":"error","message":"no such model"})", "no such model"},
      {"not here", "not here"},
      {"", "it gives no reason"}};
  for (const auto& [body, message] : bodies) {
    AnswerReader reader(false);
    EXPECT_EQ(reader.take(body, 404, "application/json"), "");
    EXPECT_EQ(reader.finish(), "");
    EXPECT_EQ(reader.error(), message);
    EXPECT_EQ(reader.status(), 404u);
  }
}

TEST(CliAnswer, AStatusThatIsNoSuccessIsAnError) {
  for (const std::uint64_t status : {101u, 199u, 300u, 301u, 304u, 399u, 400u, 500u}) {
    for (const char* type : {"text/html", events_type}) {
      AnswerReader reader(false);
      EXPECT_EQ(reader.take("", status, type), "");
      EXPECT_EQ(reader.finish(), "");
      ASSERT_TRUE(reader.error()) << status << " " << type;
      EXPECT_EQ(reader.error()->find("points to another place") != std::string::npos,
                status >= 300 && status < 400)
          << status;
    }
  }
  AnswerReader json(true);
  EXPECT_EQ(json.take("<a>moved</a>", 301, "text/html"), "");
  EXPECT_EQ(json.finish(), "<a>moved</a>");
  EXPECT_TRUE(json.error());
}

TEST(CliAnswer, KnowsWhetherThereWasAnything) {
  struct Case {
    std::uint64_t status;
    const char* type;
    const char* bytes;
    bool heard;
    bool said;
    bool said_as_json;
  };
  const Case cases[] = {
      {204, "", "", false, false, false},
      {200, "application/json", "", false, false, false},
      {200, events_type, "", false, false, false},
      {200, events_type, "data: [DONE]\n\n", true, false, false},
      {200, events_type, "data: {\"choices\":[{\"delta\":{}}]}\n\n", true, false, true},
      {200, events_type, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n", true, true, true},
      {200, "application/json", "{\"choices\":[{\"text\":\"\"}]}", true, false, true},
      {200, "text/plain", "a", true, true, true},
  };
  for (const Case& each : cases) {
    for (const bool json : {false, true}) {
      AnswerReader reader(json);
      std::string all = reader.take(each.bytes, each.status, each.type);
      all += reader.take("", {}, "");
      all += reader.finish();
      EXPECT_FALSE(reader.error()) << each.bytes;
      EXPECT_EQ(reader.has_heard(), each.heard) << each.bytes;
      EXPECT_EQ(reader.has_said(), json ? each.said_as_json : each.said) << each.bytes;
      EXPECT_EQ(reader.has_said(), !all.empty()) << each.bytes;
    }
  }
}

TEST(CliAnswer, GivesTheServersJsonWhereAskedFor) {
  AnswerReader events(true);
  EXPECT_EQ(
      events.take("data: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: [DONE]\n\n", 200, events_type),
      "{\"choices\":[{\"text\":\"a\"}]}\n");
  AnswerReader whole(true);
  EXPECT_EQ(whole.take("{\"error\":\"no\"}", 400, "application/json"), "");
  EXPECT_EQ(whole.finish(), "{\"error\":\"no\"}");
  EXPECT_EQ(whole.error(), "no");
}

}  // namespace
}  // namespace muster::cli
