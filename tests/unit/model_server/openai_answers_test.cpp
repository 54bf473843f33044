// What comes of answers as model servers send them, whole and cut at every byte.

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "openai_bench.hpp"
#include "tests/support/effort.hpp"

namespace muster::agent::test {
namespace {

using End = ScriptedAnswer::End;

std::string data_events(int count) {
  std::string events;
  for (int i = 0; i < count; ++i)
    events += "data: " + std::to_string(i) + "\n\n";
  return events;
}

bool ends_an_event(const std::string& bytes) {
  return bytes.ends_with("\n\n") || bytes.ends_with("\r\n\r\n");
}

// Name of the recorded stream, whether its server closes after it, completion tokens it tells.
using Recorded = std::tuple<std::string, bool, std::uint64_t>;

End end_of(bool closes) {
  return closes ? End::close : End::keep_alive;
}

class RecordedStream : public testing::TestWithParam<Recorded> {};

TEST_P(RecordedStream, ArrivesByteForByteInWholeEventsHoweverItIsCut) {
  const auto& [name, closes, completion_tokens] = GetParam();
  const End end = end_of(closes);
  const std::string answer = recorded(name);
  const std::string body = body_of(answer);
  std::size_t cut = 1;
  OpenAiBench bench{[&](const SeenRequest&) {
    return ScriptedAnswer{{answer.substr(0, cut), answer.substr(cut)}, end, false};
  }};
  for (; cut < answer.size(); cut += muster::test::effort<std::size_t>(1, 7)) {
    const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
    ASSERT_TRUE(outcome.done) << "cut at " << cut << ": "
                              << (outcome.failed ? outcome.failed->message : "no end");
    ASSERT_EQ(outcome.bytes(), body) << "cut at " << cut;
    ASSERT_FALSE(outcome.parts.empty());
    for (const JobPart& part : outcome.parts)
      ASSERT_TRUE(ends_an_event(part.bytes)) << "cut at " << cut << ": " << part.bytes;
    const PartMeta& meta = outcome.parts.front().meta;
    ASSERT_EQ(meta.status, 200u);
    ASSERT_TRUE(meta.type.starts_with("text/event-stream")) << meta.type;
    const Value* told = outcome.done->meta.usage.find("completion_tokens");
    ASSERT_EQ(told == nullptr ? 0 : told->uint_or(0), completion_tokens) << "cut at " << cut;
    bench.events.clear();
  }
}

TEST_P(RecordedStream, ArrivesByteForByteOneByteARead) {
  const auto& [name, closes, completion_tokens] = GetParam();
  const End end = end_of(closes);
  const std::string answer = recorded(name);
  OpenAiBench bench{[&](const SeenRequest&) {
    ScriptedAnswer bytes{{}, end, false};
    for (const char c : answer)
      bytes.pieces.emplace_back(1, c);
    return bytes;
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.bytes(), body_of(answer));
  EXPECT_GT(outcome.parts.size(), 4u);
}

TEST_P(RecordedStream, ArrivesWholeWhereNoPartsAreAsked) {
  const auto& [name, closes, completion_tokens] = GetParam();
  const End end = end_of(closes);
  const std::string answer = recorded(name);
  OpenAiBench bench{[&](const SeenRequest&) { return say(answer, end); }};
  const JobOutcome outcome = bench.ask(OpenAiBench::plain());
  ASSERT_TRUE(outcome.done);
  EXPECT_TRUE(outcome.parts.empty());
  EXPECT_EQ(outcome.done->bytes, body_of(answer));
  EXPECT_EQ(outcome.done->meta.status, 200u);
}

// llama.cpp's server announces that it keeps the connection, and closes it after a stream.
INSTANTIATE_TEST_SUITE_P(Servers, RecordedStream,
                         testing::Values(Recorded{"vllm_chat_stream", false, 8},
                                         Recorded{"sglang_chat_stream", false, 6},
                                         Recorded{"llamacpp_chat_stream", true, 10},
                                         Recorded{"starlette_crlf_stream", true, 0}),
                         [](const auto& server) { return std::get<0>(server.param); });

TEST(OpenAiAnswers, TellStatusTypeAndHeadersWithTheFirstPartOnly) {
  OpenAiBench bench{[](const SeenRequest&) {
    return ScriptedAnswer{
        {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: 7\r\n"
         "X-Odd: caf\xc3\xa9\r\nKeep-Alive: timeout=5\r\nDate: now\r\nTransfer-Encoding: "
         "chunked\r\n"
         "\r\n9\r\ndata: a\n\n\r\n",
         "9\r\ndata: b\n\n\r\n", "0\r\n\r\n"},
        End::keep_alive,
        false};
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_EQ(outcome.parts.size(), 2u);
  EXPECT_EQ(outcome.parts[0].meta.status, 200u);
  EXPECT_EQ(outcome.parts[0].meta.type, "text/event-stream");
  EXPECT_EQ(outcome.parts[0].meta.headers, (StringMap{{"x-request-id", "7"}}));
  EXPECT_EQ(outcome.parts[1].meta, PartMeta{});
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.done->meta, PartMeta{});
  EXPECT_EQ(outcome.done->bytes, "");
}

TEST(OpenAiAnswers, GiveWhatNoBlankLineEndedWithTheEnd) {
  OpenAiBench bench{[](const SeenRequest&) {
    return say(http("200 OK", "text/event-stream", "data: a\n\ndata: b\n"));
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_EQ(outcome.parts.size(), 1u);
  EXPECT_EQ(outcome.parts[0].bytes, "data: a\n\n");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.done->bytes, "data: b\n");
}

TEST(OpenAiAnswers, OfOtherTypesGoOutInRawPieces) {
  OpenAiBench bench{[](const SeenRequest&) {
    const std::string answer = http("200 OK", "audio/mpeg", "0123456789");
    return ScriptedAnswer{{answer.substr(0, answer.size() - 4), answer.substr(answer.size() - 4)},
                          End::keep_alive,
                          false};
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_EQ(outcome.parts.size(), 2u);
  EXPECT_EQ(outcome.parts[0].bytes, "012345");
  EXPECT_EQ(outcome.parts[0].meta.type, "audio/mpeg");
  EXPECT_EQ(outcome.parts[1].bytes, "6789");
}

TEST(OpenAiAnswers, InAContentCodingGoOutInRawPieces) {
  OpenAiBench bench{[](const SeenRequest&) {
    return say(
        http("200 OK", "text/event-stream", "\x1f\x8b\x08\n\nzip", "Content-Encoding: gzip\r\n"));
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_EQ(outcome.parts.size(), 1u);
  EXPECT_EQ(outcome.parts[0].bytes, "\x1f\x8b\x08\n\nzip");
  EXPECT_EQ(outcome.parts[0].meta.headers, (StringMap{{"content-encoding", "gzip"}}));
}

TEST(OpenAiAnswers, OfOneObjectCarryTheirUsage) {
  OpenAiBench bench{[](const SeenRequest&) { return say(recorded("vllm_chat")); }};
  for (const RequestOptions& options : {OpenAiBench::plain(), OpenAiBench::plain()}) {
    const JobOutcome outcome = bench.ask(options);
    ASSERT_TRUE(outcome.done);
    EXPECT_EQ(outcome.done->bytes, body_of(recorded("vllm_chat")));
    EXPECT_EQ(outcome.done->meta.type, "application/json");
    EXPECT_EQ(outcome.done->meta.usage, (Value{Value::Map{{"completion_tokens", std::uint64_t{8}},
                                                          {"prompt_tokens", std::uint64_t{31}},
                                                          {"total_tokens", std::uint64_t{39}}}}));
  }
}

TEST(OpenAiAnswers, ThatTellAnErrorInTheStreamArePassedAsTheyAre) {
  const std::string answer = recorded("vllm_error_event_stream");
  OpenAiBench bench{[&](const SeenRequest&) { return say(answer); }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.bytes(), body_of(answer));
}

TEST(OpenAiAnswers, WithoutALengthEndWithTheConnection) {
  OpenAiBench bench{[](const SeenRequest&) {
    return ScriptedAnswer{{"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n",
                           "data: [DONE]\n\n"},
                          End::close,
                          false};
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.bytes(), "data: a\n\ndata: [DONE]\n\n");
}

TEST(OpenAiAnswers, WithoutALengthMayLackTheBlankLineOfTheirLastEvent) {
  OpenAiBench bench{[](const SeenRequest&) {
    return say(
        "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\ndata: [DONE]\n",
        End::close);
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.bytes(), "data: a\n\ndata: [DONE]\n");
}

TEST(OpenAiAnswers, WithoutALengthThatLackTheirLastEventWereCutOff) {
  OpenAiBench bench{[](const SeenRequest&) {
    return ScriptedAnswer{
        {"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n", "data: b\n\n"},
        End::close,
        false};
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::worker_failed);
  EXPECT_EQ(outcome.failed->meta.reason, reason::server_cut);
}

TEST(OpenAiAnswers, WithHeadersThatAreNoTokensLoseThoseAlone) {
  OpenAiBench bench{[](const SeenRequest&) {
    return say(
        "HTTP/1.1 200 OK\r\nX-\xff-Caf\xe9: a\r\nX-Good: b\r\nContent-Length: 4\r\n\r\nfine");
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::plain());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.done->meta.headers, (StringMap{{"x-good", "b"}}));
}

TEST(OpenAiAnswers, WithLongHeadersAreUnderstoodByWhatStandsBehindThem) {
  const std::string head =
      "HTTP/1.1 200 OK\r\nX-Long: " + std::string(HttpClient::kept_header_bytes_max, 'x') +
      "\r\nX-Short: 1\r\nContent-Type: text/event-stream\r\n";
  OpenAiBench bench{[&](const SeenRequest&) {
    return ScriptedAnswer{
        {head + "Content-Length: 18\r\n\r\ndata: ", "a\n\ndata: b\n\n"}, End::keep_alive, false};
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.done) << "its length stands behind the long header too";
  ASSERT_EQ(outcome.parts.size(), 1u) << "in whole events";
  EXPECT_EQ(outcome.parts[0].meta.type, "text/event-stream");
  EXPECT_EQ(outcome.parts[0].meta.headers, (StringMap{{"x-short", "1"}}));
}

TEST(OpenAiAnswers, AfterAnInterimOneAreTaken) {
  OpenAiBench bench{[](const SeenRequest&) {
    return say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
               http("200 OK", "text/plain", "fine"));
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::plain());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.done->meta.status, 200u);
  EXPECT_EQ(outcome.done->bytes, "fine");
}

TEST(OpenAiAnswers, ThatRedirectAreNotFollowed) {
  OpenAiBench bench{[](const SeenRequest&) {
    return say(http("307 Temporary Redirect", "", "", "Location: http://127.0.0.1:1/\r\n"));
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.done->meta.status, 307u);
  EXPECT_EQ(outcome.done->meta.headers, (StringMap{{"location", "http://127.0.0.1:1/"}}));
}

TEST(OpenAiAnswers, OfManyJobsAtOnceStayApart) {
  constexpr int jobs = 200;
  OpenAiBench bench{[](const SeenRequest& request) {
    const std::string answer =
        http("200 OK", "text/event-stream", data_events(20) + "data: " + request.body + "\n\n");
    const std::size_t half = answer.size() / 2;
    return ScriptedAnswer{{answer.substr(0, half), answer.substr(half)}, End::keep_alive, false};
  }};
  std::vector<JobId> ids;
  for (int i = 0; i < jobs; ++i)
    ids.push_back(bench.start(OpenAiBench::streamed(), "job " + std::to_string(i)));
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(ids.back()).ended(); }));
  ASSERT_TRUE(bench.turn_until([&] {
    return std::all_of(ids.begin(), ids.end(), [&](JobId id) { return bench.outcome(id).ended(); });
  }));
  for (int i = 0; i < jobs; ++i)
    EXPECT_EQ(bench.outcome(ids[static_cast<std::size_t>(i)]).bytes(),
              data_events(20) + "data: job " + std::to_string(i) + "\n\n");
}

TEST(OpenAiAnswers, OverTheBoundFail) {
  if (muster::test::sanitized) GTEST_SKIP() << "twice 64 MiB, of which a sanitizer learns nothing";
  OpenAiBench bench{[](const SeenRequest& request) {
    const std::string size = std::to_string(OpenAiJob::answer_bytes_max + (request.body == "more"));
    ScriptedAnswer answer{
        {"HTTP/1.1 200 OK\r\nContent-Length: " + size + "\r\n\r\n"}, End::close, false};
    const std::string piece(256 * 1024, 'x');
    for (std::size_t sent = 0; sent < OpenAiJob::answer_bytes_max; sent += piece.size())
      answer.pieces.push_back(piece);
    if (request.body == "more") answer.pieces.push_back("x");
    return answer;
  }};
  const JobOutcome all = bench.ask(OpenAiBench::plain(), "all");
  ASSERT_TRUE(all.done);
  EXPECT_EQ(all.done->bytes.size(), OpenAiJob::answer_bytes_max);
  const JobOutcome more = bench.ask(OpenAiBench::plain(), "more");
  ASSERT_TRUE(more.failed);
  EXPECT_EQ(more.failed->code, ErrorCode::worker_failed);
  EXPECT_EQ(
      more.failed->message,
      "the answer of the model server is over 64 MiB, which is more than is taken in one piece");
}

TEST(OpenAiAnswers, WithAnEndlessEventFail) {
  OpenAiBench bench{[](const SeenRequest&) {
    ScriptedAnswer answer{
        {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: "}, End::close, false};
    const std::string piece(1024 * 1024, 'x');
    answer.pieces.insert(answer.pieces.end(), 40, piece);
    return answer;
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::worker_failed);
  EXPECT_TRUE(outcome.parts.empty());
}

}  // namespace
}  // namespace muster::agent::test
