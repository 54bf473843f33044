#include "worker_agent/model_server/echo_server.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace muster::agent {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* chat_path = "/v1/chat/completions";

struct Outcome {
  std::vector<JobPart> parts;
  std::vector<Time> times;  // of the parts
  std::optional<JobDone> done;
  std::optional<JobFailed> failed;
  Time ended{};

  [[nodiscard]] std::string bytes() const {
    std::string all;
    for (const JobPart& part : parts)
      all += part.bytes;
    return done ? all + done->bytes : all;
  }
};

struct EchoTest : testing::Test {
  void make(EchoOptions options = {}) { server.emplace(std::move(options)); }

  JobId start(std::string path, std::string body, RequestOptions options = {}) {
    options.path = std::move(path);
    const JobId id{++ids};
    server->start({id, "m", std::move(options), std::move(body)}, now);
    return id;
  }

  // Runs in virtual time until nothing is left to do.
  void run_all() {
    std::vector<ServerEvent> events;
    for (int i = 0; i < 100'000 && server->next_deadline() != time_never; ++i) {
      now = std::max(now, server->next_deadline());
      events.clear();
      server->run(now, events);
      take(events);
    }
  }

  void take(const std::vector<ServerEvent>& events) {
    for (const ServerEvent& event : events) {
      if (const auto* part = std::get_if<JobPart>(&event)) {
        outcomes[part->id.value].parts.push_back(*part);
        outcomes[part->id.value].times.push_back(now);
      } else if (const auto* done = std::get_if<JobDone>(&event)) {
        outcomes[done->id.value].done = *done;
        outcomes[done->id.value].ended = now;
      } else if (const auto* failed = std::get_if<JobFailed>(&event)) {
        outcomes[failed->id.value].failed = *failed;
        outcomes[failed->id.value].ended = now;
      } else {
        statuses.push_back(std::get<ServerStatus>(event));
      }
    }
  }

  Outcome ask(std::string path, std::string body, bool parts = false) {
    RequestOptions options;
    options.stream = parts;
    const JobId id = start(std::move(path), std::move(body), options);
    run_all();
    return outcomes[id.value];
  }

  static std::string chat(std::string_view content, std::string_view more = {}) {
    return R"({"model":"big","messages":[{"role":"system","content":"be kind"},)"
           R"({"role":"user","content":")" +
           std::string{content} + "\"}]" + std::string{more} + "}";
  }

  // The JSON of each event of a stream, the last of which must be [DONE].
  static std::vector<Json> events_of(const std::string& stream) {
    std::vector<Json> events;
    std::size_t at = 0;
    for (; at < stream.size() && stream.substr(at) != "data: [DONE]\n\n";) {
      const std::size_t end = stream.find("\n\n", at);
      EXPECT_EQ(stream.substr(at, 6), "data: ");
      events.push_back(Json::parse(stream.substr(at + 6, end - at - 6), nullptr, false));
      EXPECT_FALSE(events.back().is_discarded()) << stream.substr(at, end - at);
      at = end + 2;
    }
    EXPECT_EQ(stream.substr(at), "data: [DONE]\n\n");
    return events;
  }

  std::optional<EchoServer> server{EchoOptions{}};
  Time now{seconds{1000}};
  std::uint64_t ids = 0;
  std::map<std::uint64_t, Outcome> outcomes;
  std::vector<ServerStatus> statuses;
};

TEST_F(EchoTest, IsReadyFromTheStartAndSaysSoOnce) {
  make({"parrot", {}, {}});
  EXPECT_EQ(server->fd(), -1);
  run_all();
  run_all();
  ASSERT_EQ(statuses.size(), 1u);
  EXPECT_EQ(statuses[0].state, WorkerState::ready);
  ASSERT_EQ(statuses[0].models.size(), 1u);
  EXPECT_EQ(statuses[0].models[0].name, "parrot");
  EXPECT_EQ(statuses[0].slots, 256u);
  EXPECT_EQ(server->next_deadline(), time_never);
}

TEST_F(EchoTest, AnswersAChatInOneObject) {
  const Outcome outcome =
      ask(chat_path, chat("once  upon\\na \\\"time\\\" \xc3\xa9\xf0\x9f\x99\x82"), true);
  ASSERT_TRUE(outcome.done);
  EXPECT_TRUE(outcome.parts.empty());
  EXPECT_EQ(outcome.done->meta.status, 200u);
  EXPECT_EQ(outcome.done->meta.type, "application/json");
  const Json answer = Json::parse(outcome.done->bytes);
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["model"], "big");
  EXPECT_EQ(answer["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(answer["choices"][0]["message"]["content"],
            "once upon a \"time\" \xc3\xa9\xf0\x9f\x99\x82");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["usage"],
            (Json{{"prompt_tokens", 7}, {"completion_tokens", 5}, {"total_tokens", 12}}));
  EXPECT_EQ(outcome.done->meta.usage.find("prompt_tokens")->uint_or(0), 7u);
  EXPECT_EQ(outcome.done->meta.usage.find("completion_tokens")->uint_or(0), 5u);
  EXPECT_EQ(outcome.done->meta.usage.find("total_tokens")->uint_or(0), 12u);
}

TEST_F(EchoTest, StreamsAChatOnePartAWord) {
  const Outcome outcome = ask(chat_path, chat("once upon a time", R"(,"stream":true)"), true);
  ASSERT_TRUE(outcome.done);
  ASSERT_EQ(outcome.parts.size(), 4u);
  EXPECT_EQ(outcome.parts[0].meta.status, 200u);
  EXPECT_EQ(outcome.parts[0].meta.type, "text/event-stream; charset=utf-8");
  EXPECT_EQ(outcome.parts[1].meta, PartMeta{});
  EXPECT_EQ(outcome.done->meta.status, std::nullopt);
  EXPECT_EQ(outcome.done->meta.usage.find("completion_tokens")->uint_or(0), 4u);
  const std::vector<Json> events = events_of(outcome.bytes());
  ASSERT_EQ(events.size(), 6u) << "the role, four words, the reason";
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  for (const Json& event : events) {
    EXPECT_EQ(event["object"], "chat.completion.chunk");
    EXPECT_EQ(event["id"], events[0]["id"]);
    EXPECT_EQ(event["model"], "big");
    text += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "once upon a time");
  EXPECT_TRUE(events[4]["choices"][0]["finish_reason"].is_null());
  EXPECT_EQ(events[5]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(events[5]["choices"][0]["delta"], Json::object());
  for (const JobPart& part : outcome.parts)
    EXPECT_TRUE(part.bytes.ends_with("\n\n"));
}

TEST_F(EchoTest, TellsUsageInTheStreamWhereItIsAsked) {
  const Outcome outcome = ask(
      chat_path, chat("a b", R"(,"stream":true,"stream_options":{"include_usage":true})"), true);
  const std::vector<Json> events = events_of(outcome.bytes());
  EXPECT_EQ(events.back()["choices"], Json::array());
  EXPECT_EQ(events.back()["usage"],
            (Json{{"prompt_tokens", 4}, {"completion_tokens", 2}, {"total_tokens", 6}}));
}

TEST_F(EchoTest, GivesAStreamInOnePieceWhereNoPartsAreTaken) {
  const Outcome outcome = ask(chat_path, chat("a b", R"(,"stream":true)"), false);
  ASSERT_TRUE(outcome.done);
  EXPECT_TRUE(outcome.parts.empty());
  EXPECT_EQ(outcome.done->meta.status, 200u);
  EXPECT_EQ(outcome.done->meta.type, "text/event-stream; charset=utf-8");
  EXPECT_EQ(events_of(outcome.done->bytes).size(), 4u);
}

TEST_F(EchoTest, EchoesTheLastMessageOfTheUserAndItsTextParts) {
  const Outcome outcome = ask(chat_path, R"({"messages":[
      {"role":"user","content":"first"},{"role":"assistant","content":null},
      {"role":"user","content":[{"type":"text","text":"look at"},
                                {"type":"image_url","image_url":{"url":"x"}},
                                {"type":"text","text":"this"}]},
      {"role":"assistant","content":"hm"}]})");
  const Json answer = Json::parse(outcome.done->bytes);
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "look at this");
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(answer["model"], "echo") << "its own name where none is given";
}

TEST_F(EchoTest, AnswersACompletion) {
  for (const char* prompt : {R"("once upon a")", R"(["once upon a"])"}) {
    const Outcome outcome = ask("/v1/completions?x=1", R"({"prompt":)" + std::string{prompt} + "}");
    const Json answer = Json::parse(outcome.done->bytes);
    EXPECT_EQ(answer["object"], "text_completion");
    EXPECT_EQ(answer["choices"][0]["text"], "once upon a");
  }
  const Outcome streamed =
      ask("/v1/completions", R"({"prompt":"once upon a","stream":true})", true);
  EXPECT_EQ(streamed.parts.size(), 3u);
  std::string text;
  for (const Json& event : events_of(streamed.bytes()))
    text += event["choices"][0]["text"];
  EXPECT_EQ(text, "once upon a");
}

TEST_F(EchoTest, StopsAtMaxTokens) {
  for (const char* key : {"max_tokens", "max_completion_tokens"}) {
    const std::string limit = ",\"" + std::string{key} + "\":2";
    const Json answer = Json::parse(ask(chat_path, chat("a b c", limit)).done->bytes);
    EXPECT_EQ(answer["choices"][0]["message"]["content"], "a b");
    EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
    EXPECT_EQ(answer["usage"]["completion_tokens"], 2);
    const Outcome streamed = ask(chat_path, chat("a b c", limit + ",\"stream\":true"), true);
    EXPECT_EQ(streamed.parts.size(), 2u);
    EXPECT_EQ(events_of(streamed.bytes()).back()["choices"][0]["finish_reason"], "length");
  }
  const Json all = Json::parse(ask(chat_path, chat("a b c", R"(,"max_tokens":3)")).done->bytes);
  EXPECT_EQ(all["choices"][0]["finish_reason"], "stop");
}

TEST_F(EchoTest, SaysNothingToNothing) {
  const Json answer = Json::parse(ask(chat_path, chat(" \\n ")).done->bytes);
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "");
  const Outcome streamed = ask(chat_path, chat("", R"(,"stream":true)"), true);
  EXPECT_TRUE(streamed.parts.empty());
  EXPECT_EQ(streamed.done->meta.status, 200u);
  EXPECT_EQ(events_of(streamed.done->bytes).size(), 2u);
}

TEST_F(EchoTest, DelaysTheFirstAndEachFurtherPart) {
  make({"echo", milliseconds{100}, milliseconds{10}});
  const Time began = now;
  const Outcome streamed = ask(chat_path, chat("a b c", R"(,"stream":true)"), true);
  EXPECT_EQ(streamed.times, (std::vector<Time>{began + milliseconds{100}, began + milliseconds{110},
                                               began + milliseconds{120}}));
  EXPECT_EQ(streamed.ended, began + milliseconds{120});
  const Time again = now;
  EXPECT_EQ(ask(chat_path, chat("a b c")).ended, again + milliseconds{120});
  const Time embedded = now;
  EXPECT_EQ(ask("/v1/embeddings", R"({"input":"a"})").ended, embedded + milliseconds{100});
}

TEST_F(EchoTest, EmbedsATextAlwaysAlikeAsAUnitVector) {
  const Outcome outcome = ask("/v1/embeddings", R"({"model":"e","input":["a b","c","a b"]})");
  const Json answer = Json::parse(outcome.done->bytes);
  ASSERT_EQ(answer["data"].size(), 3u);
  EXPECT_EQ(answer["data"][1]["index"], 1);
  EXPECT_EQ(answer["data"][0]["embedding"], answer["data"][2]["embedding"]);
  EXPECT_NE(answer["data"][0]["embedding"], answer["data"][1]["embedding"]);
  double squares = 0;
  for (const double number : answer["data"][0]["embedding"])
    squares += number * number;
  EXPECT_EQ(answer["data"][0]["embedding"].size(), 8u);
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_EQ(answer["usage"], (Json{{"prompt_tokens", 5}, {"total_tokens", 5}}));
  EXPECT_EQ(outcome.done->meta.usage.find("prompt_tokens")->uint_or(0), 5u);
  const Json one = Json::parse(ask("/v1/embeddings", R"({"input":"a b"})").done->bytes);
  EXPECT_EQ(one["data"][0]["embedding"], answer["data"][0]["embedding"]);
}

TEST_F(EchoTest, ListsItsModel) {
  make({"par\"rot", {}, {}});
  const Json answer = Json::parse(ask("/v1/models", "").done->bytes);
  EXPECT_EQ(answer["data"][0]["id"], "par\"rot");
}

TEST_F(EchoTest, SaysWhatIsWrongInTheShapeOfTheApi) {
  struct Case {
    std::string path;
    std::string body;
    std::uint64_t status;
    std::string param;
  };
  for (const Case& wrong : std::vector<Case>{
           {"/v1/images", "{}", 404, ""},
           {chat_path, "{", 400, ""},
           {chat_path, "", 400, ""},
           {chat_path, "[]", 400, ""},
           {chat_path, "{\"messages\":\"\xff\"}", 400, ""},
           {chat_path, std::string(100'000, '['), 400, ""},
           {chat_path, "{}", 400, "messages"},
           {chat_path, R"({"messages":[]})", 400, "messages"},
           {chat_path, R"({"messages":[7]})", 400, "messages"},
           {chat_path, R"({"messages":[{"role":"user","content":7}]})", 400, "messages"},
           {chat_path, R"({"messages":[{"role":"system","content":"x"}]})", 400, "messages"},
           {chat_path, chat("x", R"(,"max_tokens":-1)"), 400, "max_tokens"},
           {"/v1/completions", R"({"prompt":["a","b"]})", 400, "prompt"},
           {"/v1/completions", R"({"prompt":[1,2]})", 400, "prompt"},
           {"/v1/embeddings", R"({"input":[]})", 400, "input"},
           {"/v1/embeddings", R"({"input":["a",7]})", 400, "input"},
           {chat_path, std::string(echo_body_bytes_max + 1, ' '), 413, ""}}) {
    const Outcome outcome = ask(wrong.path, wrong.body, true);
    ASSERT_TRUE(outcome.done) << wrong.body.substr(0, 60);
    EXPECT_EQ(outcome.done->meta.status, wrong.status) << wrong.body.substr(0, 60);
    const Json answer = Json::parse(outcome.done->bytes);
    EXPECT_EQ(answer["error"]["type"], "invalid_request_error");
    EXPECT_FALSE(answer["error"]["message"].get<std::string>().empty());
    EXPECT_EQ(answer["error"]["param"], wrong.param.empty() ? Json{} : Json(wrong.param));
  }
}

TEST_F(EchoTest, RefusesAPathThatIsNoneAndMoreJobsThanItsBound) {
  run_all();
  const JobId wrong = start("v1/models", "");
  EXPECT_EQ(server->next_deadline(), now);
  for (std::size_t i = 0; i < EchoServer::jobs_max; ++i)
    (void)start(chat_path, chat("a"));
  const JobId over = start(chat_path, chat("a"));
  run_all();
  EXPECT_EQ(outcomes[wrong.value].failed->code, ErrorCode::bad_request);
  EXPECT_EQ(outcomes[over.value].failed->code, ErrorCode::refused);
  EXPECT_TRUE(outcomes[over.value - 1].done);
}

TEST_F(EchoTest, StopsAJobForGood) {
  make({"echo", milliseconds{100}, milliseconds{10}});
  RequestOptions options;
  options.stream = true;
  const JobId id = start(chat_path, chat("a b c", R"(,"stream":true)"), options);
  std::vector<ServerEvent> events;
  now += milliseconds{105};
  server->run(now, events);
  take(events);
  EXPECT_EQ(outcomes[id.value].parts.size(), 1u);
  server->stop(id);
  server->stop(id);
  run_all();
  EXPECT_EQ(outcomes[id.value].parts.size(), 1u);
  EXPECT_FALSE(outcomes[id.value].done);
  EXPECT_EQ(server->next_deadline(), time_never);
}

TEST_F(EchoTest, ATimeOfZeroIsNone) {
  make({"echo", seconds{2}, seconds{3}});
  RequestOptions options;
  options.stream = true;
  options.first_timeout = Duration::zero();
  options.idle_timeout = Duration::zero();
  const JobId id = start(chat_path, chat("a b c", R"(,"stream":true)"), options);
  run_all();
  EXPECT_TRUE(outcomes[id.value].done);
  EXPECT_EQ(outcomes[id.value].parts.size(), 3u);
}

TEST_F(EchoTest, AStreamInOnePieceIsBoundedBeforeItIsBuilt) {
  make();
  std::string words;
  for (int i = 0; i < 1'000'000; ++i)
    words += "a ";
  const JobId id = start(chat_path, chat(words, R"(,"stream":true)"));
  run_all();
  ASSERT_TRUE(outcomes[id.value].done);
  EXPECT_EQ(outcomes[id.value].done->meta.status, 400u);
  EXPECT_LT(outcomes[id.value].done->bytes.size(), 1000u);
}

TEST_F(EchoTest, KeepsTheTimesOfARequest) {
  make({"echo", seconds{2}, seconds{3}});
  const Time began = now;
  RequestOptions options;
  options.stream = true;
  options.first_timeout = seconds{1};
  const JobId first = start(chat_path, chat("a b c", R"(,"stream":true)"), options);
  options.first_timeout = seconds{3};
  options.idle_timeout = seconds{1};
  const JobId idle = start(chat_path, chat("a b c", R"(,"stream":true)"), options);
  options.idle_timeout.reset();
  options.timeout = seconds{4};
  const JobId running = start(chat_path, chat("a b c", R"(,"stream":true)"), options);
  options.first_timeout.reset();
  options.timeout = seconds{8};
  const JobId fine = start(chat_path, chat("a b c", R"(,"stream":true)"), options);
  run_all();
  EXPECT_EQ(outcomes[first.value].failed->meta.reason, "first");
  EXPECT_EQ(outcomes[first.value].ended, began + seconds{1});
  EXPECT_EQ(outcomes[idle.value].failed->meta.reason, "idle");
  EXPECT_EQ(outcomes[idle.value].ended, began + seconds{3});
  EXPECT_EQ(outcomes[running.value].failed->meta.reason, "running");
  EXPECT_EQ(outcomes[running.value].failed->code, ErrorCode::worker_timeout);
  EXPECT_EQ(outcomes[running.value].ended, began + seconds{4});
  EXPECT_TRUE(outcomes[fine.value].done);
}

TEST_F(EchoTest, SaysABoundedNumberOfWordsInOneRun) {
  std::string text;
  for (std::size_t i = 0; i < EchoServer::words_per_run_max + 10; ++i)
    text += "w ";
  RequestOptions options;
  options.stream = true;
  const JobId id = start(chat_path, chat(text, R"(,"stream":true)"), options);
  std::vector<ServerEvent> events;
  server->run(now, events);
  take(events);
  EXPECT_EQ(outcomes[id.value].parts.size(), EchoServer::words_per_run_max);
  EXPECT_LE(server->next_deadline(), now);
  run_all();
  EXPECT_EQ(outcomes[id.value].parts.size(), EchoServer::words_per_run_max + 10);
  EXPECT_TRUE(outcomes[id.value].done);
}

TEST(NextWord, SplitsAtAsciiSpaceOnly) {
  const std::string text =
      "  a\tb\r\nc\xc2\xa0"
      "d  ";
  std::size_t at = 0;
  EXPECT_EQ(next_word(text, at), "a");
  EXPECT_EQ(next_word(text, at), "b");
  EXPECT_EQ(next_word(text, at),
            "c\xc2\xa0"
            "d");
  EXPECT_EQ(next_word(text, at), "");
  EXPECT_EQ(next_word(text, at), "");
  EXPECT_EQ(count_words(text), 3u);
}

}  // namespace
}  // namespace muster::agent
