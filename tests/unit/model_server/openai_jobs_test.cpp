// How jobs reach the model server and are ended: the request that goes out, kept connections, times
// and stops.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "openai_bench.hpp"

namespace muster::agent::test {
namespace {

using End = ScriptedAnswer::End;
using std::chrono::milliseconds;
using std::chrono::seconds;

ScriptedAnswer fine(const SeenRequest&) {
  return say(http("200 OK", "text/plain", "fine"));
}

ScriptedAnswer silence(const SeenRequest&) {
  return {{}, End::keep_alive, true};
}

std::vector<SeenRequest> posts(const OpenAiBench& bench) {
  return bench.server.requests_to("/v1/chat/completions");
}

TEST(OpenAiRequest, IsAPostOfTheBodyAsItCame) {
  OpenAiBench bench{fine};
  std::string body = "{\"text\":\"\xc3\xa9\"}";
  body += '\0';
  RequestOptions options = OpenAiBench::plain();
  options.path = "/v1/embeddings?x=1&y=%20";
  options.type = "application/json; charset=utf-8";
  options.headers = {{"X-Trace", "a b"}, {"Accept", "text/event-stream"}, {"X-None", ""}};
  ASSERT_TRUE(bench.ask(options, body).done);
  const auto requests = bench.server.requests_to("/v1/embeddings?x=1&y=%20");
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].body, body);
  EXPECT_EQ(requests[0].header("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(requests[0].header("X-Trace"), "a b");
  EXPECT_EQ(requests[0].header("Accept"), "text/event-stream");
  EXPECT_NE(requests[0].head.find("X-None:"), std::string::npos);
  EXPECT_EQ(requests[0].header("Authorization"), "");
  EXPECT_EQ(requests[0].header("Expect"), "");
  EXPECT_EQ("http://" + requests[0].header("Host"), bench.server.url());
}

TEST(OpenAiRequest, OfManyBytesIsSentWithoutAskingFirst) {
  OpenAiBench bench{fine};
  const std::string body(3 * 1024 * 1024, 'x');
  ASSERT_TRUE(bench.ask(OpenAiBench::plain(), body).done);
  EXPECT_EQ(posts(bench).front().header("Expect"), "");
  EXPECT_EQ(posts(bench).front().body, body);
}

TEST(OpenAiRequest, IsAGetWhereThereIsNoBody) {
  OpenAiBench bench{fine};
  RequestOptions options;
  options.path = "/health";
  const JobOutcome outcome = bench.ask(options, "");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.done->bytes, "{}");
  EXPECT_EQ(bench.server.requests().back().header("Content-Type"), "");
}

TEST(OpenAiRequest, DoesNotTakeHeadersOfTheConnectionFromTheClient) {
  OpenAiBench bench{fine};
  RequestOptions options = OpenAiBench::plain();
  options.headers = {
      {"Host", "elsewhere"},   {"content-length", "3"},    {"Transfer-Encoding", "chunked"},
      {"Connection", "close"}, {"Expect", "100-continue"}, {"Proxy-Authorization", "x"}};
  ASSERT_TRUE(bench.ask(options, "body").done);
  const SeenRequest request = posts(bench).front();
  EXPECT_EQ("http://" + request.header("Host"), bench.server.url());
  EXPECT_EQ(request.header("Content-Length"), "4");
  EXPECT_EQ(request.header("Transfer-Encoding"), "");
  EXPECT_EQ(request.header("Connection"), "");
  EXPECT_EQ(request.header("Expect"), "");
  EXPECT_EQ(request.header("Proxy-Authorization"), "");
}

TEST(OpenAiRequest, ThatCannotBeOneIsABadRequest) {
  OpenAiBench bench{fine};
  std::vector<RequestOptions> wrong(3, OpenAiBench::plain());
  wrong[0].path = "";
  wrong[1].path = "/v1/../admin";
  wrong[2].headers = {{"X", "a\r\nEvil: 1"}};
  for (const RequestOptions& options : wrong) {
    const JobId id = bench.start(options);
    EXPECT_FALSE(bench.outcome(id).ended()) << "told from within start()";
    EXPECT_LE(bench.client.next_deadline(), bench.now);
    bench.client.run(bench.now, bench.events);
    ASSERT_TRUE(bench.outcome(id).failed);
    EXPECT_EQ(bench.outcome(id).failed->code, ErrorCode::bad_request);
    EXPECT_FALSE(bench.outcome(id).failed->message.empty());
  }
  EXPECT_TRUE(posts(bench).empty());
}

TEST(OpenAiRequest, CarriesTheKeyOfTheFileAsItIsNow) {
  const std::string file = testing::TempDir() + "muster_api_key_" + std::to_string(::getpid());
  std::ofstream{file} << "first-key\n";
  OpenAiBench bench{fine, [&](OpenAiServer::Options& options) {
                      options.api_key = ApiKey{file};
                      ASSERT_TRUE(options.api_key.refresh().ok());
                      options.watch.health_interval = seconds{2};
                    }};
  ASSERT_TRUE(bench.turn_until([&] { return bench.state_is(WorkerState::ready); }));
  ASSERT_TRUE(bench.ask(OpenAiBench::plain()).done);
  EXPECT_EQ(posts(bench).back().header("Authorization"), "Bearer first-key");
  EXPECT_EQ(bench.server.requests_to("/health").back().header("Authorization"), "Bearer first-key");

  RequestOptions own = OpenAiBench::plain();
  own.headers = {{"authorization", "Bearer mine"}};
  ASSERT_TRUE(bench.ask(own).done);
  EXPECT_EQ(posts(bench).back().header("Authorization"), "Bearer mine");

  std::ofstream{file} << "the-second-key\n";
  bench.now += seconds{2};
  ASSERT_TRUE(bench.turn_until([&] { return bench.server.requests_to("/health").size() >= 2; }));
  ASSERT_TRUE(bench.ask(OpenAiBench::plain()).done);
  EXPECT_EQ(posts(bench).back().header("Authorization"), "Bearer the-second-key");

  std::remove(file.c_str());
  bench.now += seconds{2};
  ASSERT_TRUE(bench.turn_until([&] {
    return bench.status() != nullptr && bench.status()->why.find(file) != std::string::npos;
  }));
  EXPECT_NE(bench.status()->why.find("can't be read"), std::string::npos) << bench.status()->why;
  ASSERT_TRUE(bench.ask(OpenAiBench::plain()).done);
  EXPECT_EQ(posts(bench).back().header("Authorization"), "Bearer the-second-key");
}

// ---- kept connections --------------------------------------------------------------------------

TEST(OpenAiConnections, AreUsedAgain) {
  OpenAiBench bench{fine};
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(bench.ask(OpenAiBench::plain()).done);
  const auto requests = posts(bench);
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[2].connection, requests[0].connection);
  EXPECT_EQ(requests[2].nth, 3);
}

TEST(OpenAiConnections, ThatEndWhenUsedAgainAreReplacedOnceAndUnnoticed) {
  for (const End end : {End::close, End::reset}) {
    OpenAiBench bench{[&](const SeenRequest& request) {
      return request.nth == 1 ? fine(request) : ScriptedAnswer{{}, end, false};
    }};
    ASSERT_TRUE(bench.ask(OpenAiBench::streamed()).done);
    const JobOutcome second = bench.ask(OpenAiBench::streamed());
    ASSERT_TRUE(second.done);
    EXPECT_EQ(second.bytes(), "fine");
    EXPECT_EQ(posts(bench).size(), 3u);
    EXPECT_TRUE(bench.turn_until([&] { return bench.state_is(WorkerState::ready); }));
  }
}

TEST(OpenAiConnections, ThatEndAgainWhenFreshAreNotReplacedASecondTime) {
  for (const End end : {End::close, End::reset}) {
    bool broken = false;
    OpenAiBench bench{[&](const SeenRequest& request) {
      return broken ? ScriptedAnswer{{}, end, false} : fine(request);
    }};
    ASSERT_TRUE(bench.ask(OpenAiBench::streamed()).done);
    broken = true;
    const JobOutcome outcome = bench.ask(OpenAiBench::streamed());
    ASSERT_TRUE(outcome.failed);
    EXPECT_EQ(outcome.failed->code, ErrorCode::server_gone);
    EXPECT_EQ(posts(bench).size(), 3u) << "one that was answered, one lost, one repeated";
  }
}

// libcurl by itself would go through all the kept connections.
TEST(OpenAiConnections, ThatAreKeptAreNotAllTriedForOneRequest) {
  bool broken = false;
  OpenAiBench bench{[&](const SeenRequest& request) {
    return broken ? ScriptedAnswer{{}, End::close, false} : fine(request);
  }};
  std::vector<JobId> ids;
  for (int i = 0; i < 6; ++i)
    ids.push_back(bench.start(OpenAiBench::plain()));
  ASSERT_TRUE(bench.turn_until([&] {
    return std::all_of(ids.begin(), ids.end(), [&](JobId id) { return bench.outcome(id).ended(); });
  }));
  broken = true;
  const JobOutcome outcome = bench.ask(OpenAiBench::plain());
  ASSERT_TRUE(outcome.failed);
  EXPECT_EQ(posts(bench).size(), 6u + 2u);
  EXPECT_NE(posts(bench)[6].nth, 1);
  EXPECT_EQ(posts(bench)[7].nth, 1) << "the repetition goes out on a fresh connection";
}

TEST(OpenAiConnections, ThatEndInMidAnswerAreNotReplaced) {
  OpenAiBench bench{[&](const SeenRequest& request) {
    return request.nth == 1 ? fine(request) : say("HTTP/1.1 200 OK\r\n", End::close);
  }};
  ASSERT_TRUE(bench.ask(OpenAiBench::streamed()).done);
  const JobOutcome second = bench.ask(OpenAiBench::streamed());
  ASSERT_TRUE(second.failed);
  EXPECT_EQ(second.failed->code, ErrorCode::server_gone);
  EXPECT_EQ(posts(bench).size(), 2u);
}

TEST(OpenAiConnections, KeptByWordButClosedAreNoticedBeforeTheyAreUsed) {
  const std::string answer = recorded("llamacpp_chat_stream");
  OpenAiBench bench{[&](const SeenRequest&) { return say(answer, End::close); }};
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(bench.ask(OpenAiBench::streamed()).done);
  EXPECT_EQ(posts(bench).size(), 5u);
}

// ---- times -------------------------------------------------------------------------------------

// Runs the server's time up to just before `after` and then to it, and expects the end then.
void expect_timeout(OpenAiBench& bench, JobId id, Duration after, std::string_view reason) {
  ASSERT_TRUE(bench.turn_until([&] { return bench.state_is(WorkerState::ready); }));
  bench.now += after - milliseconds{1};
  for (int i = 0; i < 5; ++i)
    bench.turn();
  ASSERT_FALSE(bench.outcome(id).ended()) << reason;
  EXPECT_LE(bench.client.next_deadline(), bench.now + milliseconds{1});
  bench.now += milliseconds{1};
  bench.turn();
  ASSERT_TRUE(bench.outcome(id).failed) << reason;
  EXPECT_EQ(bench.outcome(id).failed->code, ErrorCode::worker_timeout);
  EXPECT_EQ(bench.outcome(id).failed->meta.reason, reason);
  EXPECT_FALSE(bench.outcome(id).failed->meta.retryable);
  const int connection = posts(bench).back().connection;
  EXPECT_TRUE(bench.turn_until([&] { return bench.server.closed_by_client(connection); }));
  EXPECT_TRUE(bench.state_is(WorkerState::ready));
}

TEST(OpenAiTimes, OfTheWholeRequestEndIt) {
  OpenAiBench bench{silence};
  RequestOptions options = OpenAiBench::streamed();
  options.timeout = seconds{30};
  options.idle_timeout = seconds{1};
  const JobId id = bench.start(options);
  ASSERT_TRUE(bench.turn_until([&] { return posts(bench).size() == 1; }));
  expect_timeout(bench, id, seconds{30}, "running");
}

TEST(OpenAiTimes, UntilTheFirstPartEndIt) {
  OpenAiBench bench{[](const SeenRequest&) {
    return ScriptedAnswer{{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: "},
                          End::keep_alive,
                          true};
  }};
  RequestOptions options = OpenAiBench::streamed();
  options.timeout = seconds{30};
  options.first_timeout = seconds{4};
  const JobId id = bench.start(options);
  ASSERT_TRUE(bench.turn_until([&] { return posts(bench).size() == 1; }));
  expect_timeout(bench, id, seconds{4}, "first");
}

TEST(OpenAiTimes, BetweenPartsEndItCountedFromTheLast) {
  OpenAiBench bench{[](const SeenRequest&) {
    return ScriptedAnswer{
        {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n", "data: 2\n\n"},
        End::keep_alive,
        true};
  }};
  RequestOptions options = OpenAiBench::streamed();
  options.timeout = seconds{30};
  options.first_timeout = seconds{4};
  options.idle_timeout = seconds{6};
  const JobId id = bench.start(options);
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(id).parts.size() == 1; }));
  bench.now += seconds{5};
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(id).parts.size() == 2; }));
  expect_timeout(bench, id, seconds{6}, "idle");
}

TEST(OpenAiTimes, NotGivenNeverEndIt) {
  OpenAiBench bench{silence, [](OpenAiServer::Options& options) {
                      options.watch.health_interval = std::chrono::hours{24 * 365};
                    }};
  const JobId id = bench.start(OpenAiBench::streamed());
  ASSERT_TRUE(bench.turn_until([&] { return posts(bench).size() == 1; }));
  bench.now += std::chrono::hours{24 * 300};
  for (int i = 0; i < 5; ++i)
    bench.turn();
  EXPECT_FALSE(bench.outcome(id).ended());
}

// ---- stops -------------------------------------------------------------------------------------

TEST(OpenAiStop, ClosesTheConnectionAndNothingMoreComes) {
  OpenAiBench bench{[](const SeenRequest&) {
    return ScriptedAnswer{{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"},
                          End::keep_alive,
                          true};
  }};
  const JobId id = bench.start(OpenAiBench::streamed());
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(id).parts.size() == 1; }));
  bench.client.stop(id);
  const int connection = posts(bench).back().connection;
  EXPECT_TRUE(bench.turn_until([&] { return bench.server.closed_by_client(connection); }));
  EXPECT_FALSE(bench.outcome(id).ended());
  bench.client.stop(id);
}

TEST(OpenAiStop, BeforeAnythingWasSentSendsNothing) {
  OpenAiBench bench{fine};
  const JobId id = bench.start(OpenAiBench::plain());
  bench.client.stop(id);
  RequestOptions wrong = OpenAiBench::plain();
  wrong.path = "";
  const JobId refused = bench.start(wrong);
  bench.client.stop(refused);
  const JobId other = bench.start(OpenAiBench::plain());
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(other).ended(); }));
  EXPECT_FALSE(bench.outcome(id).ended());
  EXPECT_FALSE(bench.outcome(refused).ended());
  EXPECT_EQ(posts(bench).size(), 1u);
}

TEST(OpenAiStop, OfAJobThatHasEndedDoesNothing) {
  OpenAiBench bench{fine};
  const JobId id = bench.start(OpenAiBench::plain());
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(id).ended(); }));
  bench.client.stop(id);
  ASSERT_TRUE(bench.ask(OpenAiBench::plain()).done);
  EXPECT_EQ(posts(bench).back().nth, 2) << "its connection was left alone";
}

TEST(OpenAiJobs, BeyondTheBoundAreRefused) {
  OpenAiBench bench{fine};
  std::vector<JobId> ids;
  for (std::size_t i = 0; i < OpenAiServer::jobs_max; ++i)
    ids.push_back(bench.start(OpenAiBench::plain()));
  const JobId over = bench.start(OpenAiBench::plain());
  for (const JobId id : ids)
    bench.client.stop(id);
  ASSERT_TRUE(bench.turn_until([&] { return bench.outcome(over).ended(); }));
  EXPECT_EQ(bench.outcome(over).failed->code, ErrorCode::refused);
  EXPECT_TRUE(posts(bench).empty());
}

}  // namespace
}  // namespace muster::agent::test
