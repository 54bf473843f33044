// The table of docs/protocol.md, section 5: what a worker makes of its model server's answer.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>

#include "openai_bench.hpp"

namespace muster::agent::test {
namespace {

using End = ScriptedAnswer::End;

constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

// A bench whose server is known to be ready.
struct ReadyBench : OpenAiBench {
  explicit ReadyBench(ScriptedServer::Handler answer) : OpenAiBench(std::move(answer)) {
    EXPECT_TRUE(turn_until([&] { return state_is(WorkerState::ready); }));
  }

  // Of the run that gave the job's end: the state told in it, if one was; it stands first.
  [[nodiscard]] std::optional<WorkerState> state_with_end() {
    const std::size_t from = events.size();
    while (events.size() == from)
      turn();
    for (std::size_t i = from; i < events.size(); ++i) {
      const auto* status = std::get_if<ServerStatus>(&events[i]);
      if (status == nullptr) continue;
      EXPECT_EQ(i, from);
      return status->state;
    }
    return std::nullopt;
  }
};

void expect_gone_and_unhealthy(ScriptedAnswer answer) {
  ReadyBench bench{[&](const SeenRequest&) { return answer; }};
  const JobId id = bench.start(OpenAiBench::streamed());
  EXPECT_EQ(bench.state_with_end(), WorkerState::unhealthy);
  const JobOutcome outcome = bench.outcome(id);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::server_gone);
  EXPECT_TRUE(outcome.parts.empty());
  EXPECT_EQ(bench.server.requests_to("/v1/chat/completions").size(), 1u) << "it was repeated";
  // It answers checks, so it is back at once.
  EXPECT_TRUE(bench.turn_until([&] { return bench.state_is(WorkerState::ready); }));
}

TEST(OpenAiFailures, ClosedBeforeTheFirstByteIsServerGone) {
  expect_gone_and_unhealthy({{}, End::close, false});
}

TEST(OpenAiFailures, ResetBeforeTheFirstByteIsServerGone) {
  expect_gone_and_unhealthy({{}, End::reset, false});
}

TEST(OpenAiFailures, CutInTheHeadIsServerGone) {
  expect_gone_and_unhealthy({{"HTTP/1.1 200 OK\r\nContent-Ty"}, End::close, false});
}

TEST(OpenAiFailures, CutBeforeAPartWentOutIsServerGone) {
  expect_gone_and_unhealthy({{std::string{stream_head}}, End::close, false});
  expect_gone_and_unhealthy({{std::string{stream_head} + "6\r\ndata: \r\n"}, End::close, false});
  expect_gone_and_unhealthy({{std::string{stream_head}, "6\r\ndata: \r\n"}, End::reset, false});
  expect_gone_and_unhealthy(
      {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"}, End::close, false});
}

TEST(OpenAiFailures, BadGatewayIsServerGone) {
  expect_gone_and_unhealthy(say(recorded("proxy_bad_gateway_502")));
}

TEST(OpenAiFailures, UnavailableIsServerGoneWithItsBody) {
  ReadyBench bench{[](const SeenRequest&) { return say(recorded("vllm_engine_dead_503")); }};
  const JobId id = bench.start(OpenAiBench::streamed());
  EXPECT_EQ(bench.state_with_end(), WorkerState::unhealthy);
  const JobOutcome outcome = bench.outcome(id);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::server_gone);
  EXPECT_EQ(outcome.failed->message, "the model server is not there: it answered with status 503");
  EXPECT_EQ(outcome.failed->meta.status, 503u);
  EXPECT_EQ(outcome.failed->body, "{}");
}

TEST(OpenAiFailures, UnavailableWhileLoadingSetsTheStateToStarting) {
  ReadyBench bench{[](const SeenRequest&) { return say(recorded("llamacpp_loading_503")); }};
  const JobId id = bench.start(OpenAiBench::streamed());
  EXPECT_EQ(bench.state_with_end(), WorkerState::starting);
  ASSERT_TRUE(bench.outcome(id).failed);
  EXPECT_EQ(bench.outcome(id).failed->code, ErrorCode::server_gone);
  EXPECT_EQ(bench.outcome(id).failed->message,
            "the model server is not there: it answered with status 503: Loading model");
}

TEST(OpenAiFailures, RefusedIsServerGone) {
  ReadyBench bench{[](const SeenRequest&) { return say(http("200 OK", "", "")); }};
  bench.server.kill();
  const JobId id = bench.start(OpenAiBench::plain());
  EXPECT_EQ(bench.state_with_end(), WorkerState::unhealthy);
  const JobOutcome outcome = bench.outcome(id);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::server_gone);
  EXPECT_EQ(outcome.failed->message, "the model server is not there: connection refused");
  EXPECT_NE(bench.status()->why.find("connection refused"), std::string::npos)
      << bench.status()->why;
}

TEST(OpenAiFailures, TooManyRequestsIsRefusedAndLeavesTheStateAlone) {
  ReadyBench bench{[](const SeenRequest&) { return say(recorded("proxy_rate_limited_429")); }};
  const JobId id = bench.start(OpenAiBench::streamed());
  EXPECT_EQ(bench.state_with_end(), std::nullopt);
  const JobOutcome outcome = bench.outcome(id);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::refused);
  EXPECT_EQ(outcome.failed->message,
            "the model server takes nothing now: status 429: Rate limit reached for requests");
  EXPECT_EQ(outcome.failed->meta.status, 429u);
  EXPECT_EQ(outcome.failed->meta.retry_after, Duration{std::chrono::seconds{7}});
}

TEST(OpenAiFailures, OtherClientErrorsAreAnswers) {
  for (const char* name : {"vllm_unknown_model", "vllm_unknown_path", "sglang_bad_request"}) {
    ReadyBench bench{[&](const SeenRequest&) { return say(recorded(name)); }};
    for (const RequestOptions& options : {OpenAiBench::streamed(), OpenAiBench::plain()}) {
      const JobOutcome outcome = bench.ask(options);
      ASSERT_TRUE(outcome.done) << name;
      EXPECT_TRUE(outcome.parts.empty()) << "an error is not told in parts";
      EXPECT_EQ(outcome.done->meta.status, name == std::string{"sglang_bad_request"} ? 400u : 404u);
      EXPECT_EQ(outcome.done->meta.type, "application/json");
      EXPECT_EQ(outcome.done->bytes, body_of(recorded(name)));
    }
  }
}

TEST(OpenAiFailures, OtherServerErrorsAreWorkerFailedWithTheirBody) {
  ReadyBench bench{[](const SeenRequest&) { return say(recorded("vllm_internal_error")); }};
  const JobId id = bench.start(OpenAiBench::streamed());
  EXPECT_EQ(bench.state_with_end(), std::nullopt);
  const JobOutcome outcome = bench.outcome(id);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::worker_failed);
  EXPECT_EQ(outcome.failed->meta.status, 500u);
  EXPECT_EQ(outcome.failed->message,
            "the model server answered with status 500: EngineCore encountered an issue. See stack "
            "trace (above) for the root cause.");
  EXPECT_EQ(outcome.failed->body, body_of(recorded("vllm_internal_error")));
}

TEST(OpenAiFailures, CutAfterAPartIsWorkerFailedServerCut) {
  for (const End end : {End::close, End::reset}) {
    ReadyBench bench{[&](const SeenRequest&) {
      return ScriptedAnswer{
          {std::string{stream_head} + "9\r\ndata: a\n\n\r\n", "6\r\ndata: \r\n"}, end, false};
    }};
    const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
    ASSERT_EQ(outcome.parts.size(), 1u);
    ASSERT_TRUE(outcome.failed);
    EXPECT_EQ(outcome.failed->code, ErrorCode::worker_failed);
    EXPECT_EQ(outcome.failed->meta.reason, "server_cut");
    EXPECT_TRUE(bench.state_is(WorkerState::ready));
  }
}

TEST(OpenAiFailures, CutInARecordedStreamIsToldAtEveryByteBeforeItsDone) {
  const std::string answer = recorded("vllm_chat_stream");
  const std::size_t whole = answer.find("[DONE]\n\n") + std::string{"[DONE]\n\n"}.size();
  std::size_t cut = 1;
  ReadyBench bench{[&](const SeenRequest&) { return say(answer.substr(0, cut), End::close); }};
  for (; cut < whole; cut += 7) {
    const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
    ASSERT_TRUE(outcome.failed) << "cut at " << cut;
    const bool out = !outcome.parts.empty();
    ASSERT_EQ(outcome.failed->code, out ? ErrorCode::worker_failed : ErrorCode::server_gone);
    bench.events.clear();
  }
  for (cut = whole; cut < answer.size(); ++cut) {
    const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
    ASSERT_TRUE(outcome.done) << "cut at " << cut;
    ASSERT_EQ(outcome.bytes(), body_of(answer));
    bench.events.clear();
  }
}

TEST(OpenAiFailures, AShortBodyIsACutAndALongOneIsTakenByItsLength) {
  ReadyBench bench{[](const SeenRequest& request) {
    const std::string length = request.body == "short" ? "20" : "5";
    return say("HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\n0123456789", End::close);
  }};
  const JobOutcome cut = bench.ask(OpenAiBench::plain(), "short");
  ASSERT_TRUE(cut.failed);
  EXPECT_EQ(cut.failed->code, ErrorCode::server_gone);
  const JobOutcome extra = bench.ask(OpenAiBench::plain(), "long");
  ASSERT_TRUE(extra.done);
  EXPECT_EQ(extra.done->bytes, "01234");
}

TEST(OpenAiFailures, WhatIsNotHttpIsWorkerFailed) {
  for (const std::string& answer :
       {std::string{"+OK redis is here\r\n"},
        std::string{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"},
        "HTTP/1.1 200 OK\r\nX: " + std::string(HttpClient::head_bytes_max, 'x') + "\r\n\r\n"}) {
    ReadyBench bench{[&](const SeenRequest&) { return say(answer, End::close); }};
    const JobOutcome outcome = bench.ask(OpenAiBench::plain());
    ASSERT_TRUE(outcome.failed) << answer.substr(0, 60);
    EXPECT_EQ(outcome.failed->code, ErrorCode::worker_failed) << outcome.failed->message;
    EXPECT_TRUE(bench.state_is(WorkerState::ready));
  }
}

TEST(OpenAiFailures, AHeadWithoutEndIsBounded) {
  ReadyBench bench{[](const SeenRequest&) {
    ScriptedAnswer answer{{"HTTP/1.1 200 OK\r\n"}, End::close, true};
    answer.pieces.insert(answer.pieces.end(), 400, "X-More: " + std::string(1000, 'x') + "\r\n");
    return answer;
  }};
  const JobOutcome outcome = bench.ask(OpenAiBench::plain());
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->message,
            "the model server does not answer in HTTP/1.1: the head of its answer is over 256 KiB");
}

TEST(OpenAiFailures, ATlsConnectionToAPlainServerSaysSo) {
  OpenAiBench bench{[](const SeenRequest&) { return say("?"); },
                    [](OpenAiServer::Options& options) {
                      std::string& url = options.watch.urls.front();
                      url.replace(0, 4, "https");
                    }};
  const JobOutcome outcome = bench.ask(OpenAiBench::plain());
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::server_gone);
  EXPECT_NE(outcome.failed->message.find("TLS failed"), std::string::npos)
      << outcome.failed->message;
}

TEST(OpenAiFailures, NoConnectionInTimeIsServerGone) {
  OpenAiBench bench{[](const SeenRequest&) { return say("?"); },
                    [](OpenAiServer::Options& options) {
                      options.http.connect_timeout = std::chrono::milliseconds{50};
                    }};
  bench.server.choke();
  const JobId id = bench.start(OpenAiBench::plain());
  ASSERT_TRUE(bench.turn_until([&] {
    bench.now += std::chrono::milliseconds{1};  // libcurl's clock runs by itself
    return bench.outcome(id).ended() && bench.status() != nullptr;
  }));
  EXPECT_EQ(bench.outcome(id).failed->code, ErrorCode::server_gone);
  EXPECT_EQ(bench.outcome(id).failed->message,
            "the model server is not there: no connection in time");
  EXPECT_EQ(bench.status()->why, "no answer at " + bench.server.url() + ": not within 5000 ms");
}

TEST(OpenAiFailures, NoFileDescriptorLeftIsRefused) {
  ReadyBench bench{[](const SeenRequest&) { return say(http("200 OK", "", "")); }};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const JobId id = bench.start(OpenAiBench::plain());
  for (int i = 0; i < 100 && !bench.outcome(id).ended(); ++i)
    bench.client.run(bench.now, bench.events);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  const JobOutcome outcome = bench.outcome(id);
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.failed->code, ErrorCode::refused);
  EXPECT_TRUE(bench.state_is(WorkerState::ready));
}

}  // namespace
}  // namespace muster::agent::test
