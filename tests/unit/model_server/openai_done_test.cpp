// Streams that are over before their connection is: what OpenAI's last event, `data: [DONE]`,
// means.

#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <string>

#include "openai_bench.hpp"

namespace muster::agent::test {
namespace {

using End = ScriptedAnswer::End;
using std::chrono::milliseconds;

constexpr std::string_view event_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& bytes) {
  std::array<char, 16> size{};
  const auto [end, error] = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16);
  return std::string{size.data(), end} + "\r\n" + bytes + "\r\n";
}

// A stream of these events whose end does not come by itself.
ScriptedAnswer open_stream(const std::vector<std::string>& events) {
  ScriptedAnswer answer{{std::string{event_head}}, End::keep_alive, true};
  for (const std::string& event : events)
    answer.pieces.push_back(chunk(event));
  return answer;
}

const std::string last_event = "data: {\"usage\":{\"total_tokens\":7}}\n\n";

// Turns until so many parts are there; then some turns more, in which no time passes.
JobId started(OpenAiBench& bench, std::size_t parts, RequestOptions options) {
  EXPECT_TRUE(bench.turn_until([&] { return bench.state_is(WorkerState::ready); }));
  const JobId id = bench.start(std::move(options));
  EXPECT_TRUE(bench.turn_until([&] { return bench.outcome(id).parts.size() == parts; }));
  for (int i = 0; i < 5; ++i)
    bench.turn();
  return id;
}

TEST(OpenAiDone, EndsAStreamWhoseConnectionStaysOpen) {
  OpenAiBench bench{[](const SeenRequest&) {
    return open_stream({last_event, "data: [DONE]\n\n"});
  }};
  const JobId id = started(bench, 2, OpenAiBench::streamed());
  bench.now += OpenAiJob::done_wait - milliseconds{1};
  bench.turn();
  ASSERT_FALSE(bench.outcome(id).ended());
  EXPECT_EQ(bench.client.next_deadline(), bench.now + milliseconds{1});
  bench.now += milliseconds{1};
  bench.turn();
  ASSERT_TRUE(bench.outcome(id).done);
  EXPECT_EQ(bench.outcome(id).bytes(), last_event + "data: [DONE]\n\n");
  EXPECT_EQ(bench.outcome(id).done->meta.usage,
            (Value{Value::Map{{"total_tokens", std::uint64_t{7}}}}));
  const int connection = bench.server.requests_to("/v1/chat/completions").back().connection;
  EXPECT_TRUE(bench.turn_until([&] { return bench.server.closed_by_client(connection); }));
  EXPECT_TRUE(bench.state_is(WorkerState::ready));
}

TEST(OpenAiDone, IsFoundHoweverItIsWritten) {
  for (const std::string done :
       {"data:[DONE]\n\n", "data: [DONE]\r\n\r\n", "data: [DONE]\r\r", "\ndata: [DONE]\n\n",
        "id: 9\rdata: [DONE]\r\r", "data: {\"content\":\"[DONE]\"}\n\ndata: [DONE]\n\n",
        "data: [DONE]\n\n: goodbye\n\n"}) {
    OpenAiBench bench{[&](const SeenRequest&) { return open_stream({"data: 1\n\n", done}); }};
    const JobId id = started(bench, 2, OpenAiBench::streamed());
    bench.now += OpenAiJob::done_wait;
    bench.turn();
    EXPECT_TRUE(bench.outcome(id).done) << done;
  }
}

TEST(OpenAiDone, IsNotFoundInWhatAnAnswerSays) {
  OpenAiBench bench{[](const SeenRequest&) {
    return open_stream({"data: {\"content\":\"data: [DONE]\"}\n\n", ": [DONE]\n\n",
                        "data: [DONE], he said\n\n", "metadata: [DONE]\n\n"});
  }};
  const JobId id = started(bench, 4, OpenAiBench::streamed());
  bench.now += std::chrono::minutes{5};
  bench.turn();
  EXPECT_FALSE(bench.outcome(id).ended());
}

TEST(OpenAiDone, IsTheEndAtOnceWhereTheConnectionEnds) {
  for (const End end : {End::close, End::reset}) {
    OpenAiBench bench{[&](const SeenRequest&) {
      ScriptedAnswer answer = open_stream({last_event, "data: [DONE]\n\n"});
      answer.hang = false;
      answer.end = end;
      return answer;
    }};
    const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
    ASSERT_TRUE(outcome.done) << "cut off without its last chunk, but whole";
    EXPECT_EQ(outcome.bytes(), last_event + "data: [DONE]\n\n");
  }
}

TEST(OpenAiDone, KeepsTheConnectionWhereTheAnswersEndFollows) {
  OpenAiBench bench{[](const SeenRequest&) {
    ScriptedAnswer answer = open_stream({last_event, "data: [DONE]\n\n"});
    answer.hang = false;
    answer.pieces.emplace_back("0\r\n\r\n");
    return answer;
  }};
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(bench.ask(OpenAiBench::streamed()).done);
  const auto requests = bench.server.requests_to("/v1/chat/completions");
  EXPECT_EQ(requests.back().connection, requests.front().connection);
}

TEST(OpenAiDone, OutdoesTheTimesOfTheRequestAndPassesOnWhatFollows) {
  OpenAiBench bench{[](const SeenRequest&) {
    return open_stream({last_event, "data: [DONE]\n\n", ": goodbye\n\n", ": not whole"});
  }};
  RequestOptions options = OpenAiBench::streamed();
  options.timeout = milliseconds{400};
  options.idle_timeout = milliseconds{300};
  const JobId id = started(bench, 3, options);
  bench.now += milliseconds{300};
  bench.turn();
  ASSERT_TRUE(bench.outcome(id).done) << "the answer is whole";
  EXPECT_EQ(bench.outcome(id).bytes(), last_event + "data: [DONE]\n\n: goodbye\n\n: not whole");
}

}  // namespace
}  // namespace muster::agent::test
