// The client over real sockets, against a broker that the test plays itself.

#include "client/include/muster/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "tests/unit/client/test_broker.hpp"

namespace muster::client {
namespace {

// What came back for one request; written on the client's thread, read on the test's.
class Story {
 public:
  Callbacks callbacks() {
    return {.on_part =
                [this](const Part& part) {
                  const std::lock_guard lock(mutex_);
                  parts_.emplace_back(part.bytes);
                  if (part.seq == 0) worker_ = part.worker;
                },
            .on_end =
                [this](const End& end) {
                  const std::lock_guard lock(mutex_);
                  ++ends_;
                  error_ = end.error;
                  rest_ = end.bytes;
                }};
  }

  [[nodiscard]] bool over() const { return ends() > 0; }
  [[nodiscard]] int ends() const { return locked(ends_); }
  [[nodiscard]] std::vector<std::string> parts() const { return locked(parts_); }
  [[nodiscard]] RequestError error() const { return locked(error_); }
  [[nodiscard]] std::string rest() const { return locked(rest_); }
  [[nodiscard]] std::string worker() const { return locked(worker_); }

 private:
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  int ends_ = 0;
  std::vector<std::string> parts_;
  RequestError error_;
  std::string rest_;
  std::string worker_;
};

ClientOptions options_for(const TestBroker& broker) {
  return {.broker = broker.endpoint()};
}

TEST(Client, StreamsAnAnswer) {
  TestBroker broker;
  Story story;
  Client client(options_for(broker));
  client.request({.model = "llama",
                  .path = "/v1/completions",
                  .body = "{}",
                  .stream = true,
                  .timeout = Milliseconds{5000},
                  .headers = {{"x", "y"}},
                  .priority = 3,
                  .retry = false},
                 story.callbacks());

  const auto [peer, request] = broker.next<Request>();
  EXPECT_EQ(request.model, "llama");
  EXPECT_EQ(request.options.path, "/v1/completions");
  EXPECT_EQ(request.options.type, "application/json");
  EXPECT_EQ(request.options.headers, (StringMap{{"x", "y"}}));
  EXPECT_EQ(request.options.priority, 3);
  EXPECT_FALSE(request.options.retry);
  EXPECT_TRUE(request.options.stream);
  ASSERT_TRUE(request.options.timeout);
  EXPECT_LE(*request.options.timeout, Duration{5s});
  EXPECT_EQ(broker.last_body, "{}");

  PartMeta meta;
  meta.worker = "gpu7:8000";
  broker.say(peer, Chunk{request.id, 0, meta}, "Once");
  broker.say(peer, Chunk{request.id, 1, {}}, " upon");
  broker.say(peer, Final{request.id, 2, {}}, " a time");
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.parts(), (std::vector<std::string>{"Once", " upon"}));
  EXPECT_EQ(story.rest(), " a time");
  EXPECT_EQ(story.worker(), "gpu7:8000");
  EXPECT_FALSE(story.error());
}

TEST(Client, TellsTheBrokersErrorAsAValue) {
  TestBroker broker;
  Story story;
  Client client(options_for(broker));
  client.request({.model = "nobody"}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();
  ErrorMeta meta;
  meta.reason = "unknown_model";
  meta.retry_after = 1500ms;
  meta.status = 503;
  broker.say(peer, Error{request.id, ErrorCode::no_worker, "no worker serves it", meta}, "body");
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.error().kind, ErrorKind::from_broker);
  EXPECT_EQ(story.error().code, 50005u);
  EXPECT_EQ(story.error().name, "NO_WORKER");
  EXPECT_EQ(story.error().message, "no worker serves it");
  EXPECT_EQ(story.error().reason, "unknown_model");
  EXPECT_EQ(story.error().retry_after, Milliseconds{1500});
  EXPECT_EQ(story.error().status, 503u);
  EXPECT_EQ(story.error().body, "body");
}

TEST(Client, GivesAQuerysAnswerAsJson) {
  TestBroker broker;
  std::optional<QueryEnd> end;
  Client client(options_for(broker));
  std::thread asking([&] { end = client.query("stats", Milliseconds{10000}); });
  const auto [peer, query] = broker.next<Query>();
  EXPECT_EQ(query.name, "stats");
  broker.say(peer, Answer{query.id, Value::Map{{"zebra", 1u},
                                               {"ape", Value::Array{-2, true, 1.5, Value{}}},
                                               {"text", "caf\xc3\xa9 \"quoted\"\n"},
                                               {"big", ~std::uint64_t{0}}}});
  asking.join();
  EXPECT_FALSE(end->error);
  EXPECT_EQ(end->json, R"({"zebra":1,"ape":[-2,true,1.5,null],"text":"café \"quoted\"\n",)"
                       R"("big":18446744073709551615})");
}

TEST(Client, WhatIsAskedBeforeTheBrokerIsThereWaitsForIt) {
  TestBroker broker;
  broker.close();
  Story story;
  Client client(options_for(broker));
  client.request({.model = "llama"}, story.callbacks());
  broker.reopen();
  const auto [peer, request] = broker.next<Request>();
  broker.say(peer, Final{request.id, 0, {}}, "there");
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.rest(), "there");
}

TEST(Client, ARestartedBrokerLosesWhatWasSentAndGetsWhatComesAfter) {
  TestBroker broker;
  Story lost;
  Story kept;
  Client client(options_for(broker));
  client.request({.model = "llama", .stream = true}, lost.callbacks());
  const auto [peer, request] = broker.next<Request>();
  broker.say(peer, Chunk{request.id, 0, {}}, "first");
  ASSERT_TRUE(broker.until([&] { return !lost.parts().empty(); }));

  broker.close();
  broker.reopen();
  ASSERT_TRUE(broker.until([&] { return lost.over(); }));
  EXPECT_EQ(lost.error().kind, ErrorKind::connection_lost);
  EXPECT_TRUE(lost.error().retryable);

  client.request({.model = "llama"}, kept.callbacks());
  const auto [new_peer, again] = broker.next<Request>();
  EXPECT_NE(again.id, request.id);
  broker.say(new_peer, Final{again.id, 0, {}}, "kept");
  ASSERT_TRUE(broker.until([&] { return kept.over(); }));
  EXPECT_EQ(kept.rest(), "kept");
  EXPECT_EQ(lost.ends(), 1);
}

TEST(Client, WithoutABrokerARequestEndsUnreachable) {
  TestBroker broker;
  broker.close();
  Story story;
  Client client(options_for(broker));
  client.request({.model = "llama", .timeout = Milliseconds{50}}, story.callbacks());
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.error().kind, ErrorKind::unreachable);
  EXPECT_NE(story.error().message.find(broker.endpoint()), std::string::npos);
}

TEST(Client, AFrozenBrokerIsTakenForDeadAndDialledAnew) {
  TestBroker broker;
  Story story;
  ClientOptions options = options_for(broker);
  options.heartbeat_interval = Milliseconds{20};
  Client client(options);
  client.request({.model = "llama"}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();

  // From here on the broker reads nothing. Its sockets' own threads live on.
  const Time end = transport::monotonic_now() + 20s;
  while (!story.over() && transport::monotonic_now() < end)
    std::this_thread::yield();
  ASSERT_TRUE(story.over());
  EXPECT_EQ(story.error().kind, ErrorKind::connection_lost);

  // Awake again it is served anew, by the new connection. A machine that pauses for as long as this
  // client's expiry time looks frozen once more: then the next try counts.
  RequestError error;
  for (int tries = 0; tries == 0 || (error && tries < 20); ++tries) {
    Story after;
    client.request({.model = "llama"}, after.callbacks());
    const auto [new_peer, again] = broker.next<Request>();
    EXPECT_NE(new_peer, peer);
    broker.say(new_peer, Final{again.id, 0, {}}, "awake");
    ASSERT_TRUE(broker.until([&] { return after.over(); }));
    error = after.error();
  }
  EXPECT_FALSE(error) << error.message;
}

TEST(Client, HeartbeatsWhileItWaits) {
  TestBroker broker;
  Story story;
  ClientOptions options = options_for(broker);
  options.heartbeat_interval = Milliseconds{20};
  options.heartbeat_liveness = 500;  // however long this machine pauses
  Client client(options);
  client.request({.model = "llama"}, story.callbacks());
  EXPECT_TRUE(broker.until([&] { return broker.heartbeats >= 5; }));
  EXPECT_FALSE(story.over());
}

TEST(Client, CancelEndsTheRequestHereAndThere) {
  TestBroker broker;
  Story story;
  Client client(options_for(broker));
  const RequestHandle handle =
      client.request({.model = "llama", .stream = true}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();
  client.cancel(handle);
  EXPECT_EQ(broker.next<Cancel>().second.id, request.id);
  broker.say(peer, Chunk{request.id, 0, {}}, "late");
  broker.say(peer, Error{request.id, ErrorCode::cancelled, "cancelled", {}});
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.error().kind, ErrorKind::cancelled);
  client.cancel(handle);  // has ended: ignored
  EXPECT_EQ(client.query("never", Milliseconds{1}).error.kind, ErrorKind::timed_out);
  EXPECT_TRUE(story.parts().empty());
  EXPECT_EQ(story.ends(), 1);
}

TEST(Client, TheDestructorCancelsWhatIsOutstanding) {
  TestBroker broker;
  Story story;
  std::optional<Client> client(options_for(broker));
  client->request({.model = "llama"}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();
  client.reset();
  EXPECT_EQ(story.ends(), 1);
  EXPECT_EQ(story.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(broker.next<Cancel>().second.id, request.id);
}

TEST(Client, TheDestructorDoesNotWaitForABrokerThatIsNotThere) {
  TestBroker broker;
  broker.close();
  Story story;
  const Time start = transport::monotonic_now();
  {
    Client client(options_for(broker));
    client.request({.model = "llama"}, story.callbacks());
  }
  EXPECT_EQ(story.error().kind, ErrorKind::cancelled);
  EXPECT_LT(transport::monotonic_now() - start, 2s);
}

TEST(Client, ACallbackThatAsksAgainForEverDoesNotHoldTheDestructorUp) {
  TestBroker broker;
  std::atomic<int> ends = 0;
  std::atomic<int> refused = 0;
  std::function<void(const End&)> again;  // outlives the client, which may still call it
  {
    Client client(options_for(broker));
    again = [&](const End&) {
      ++ends;
      if (client.request({.model = "llama"}, {.on_end = again}) == RequestHandle{}) ++refused;
    };
    client.request({.model = "llama"}, {.on_end = again});
    broker.next<Request>();
  }
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(refused, 1);
}

TEST(Client, CallbacksMayAskAndCancel) {
  TestBroker broker;
  Story second;
  Story third;
  std::atomic<ErrorKind> waited = ErrorKind::none;
  Client client(options_for(broker));
  client.request({.model = "first"}, {.on_end = [&](const End&) {
                   waited = client.query("stats", Milliseconds{1000}).error.kind;
                   client.request({.model = "second"}, second.callbacks());
                   client.cancel(client.request({.model = "third"}, third.callbacks()));
                 }});
  const auto [peer, first] = broker.next<Request>();
  broker.say(peer, Final{first.id, 0, {}});
  const auto [same_peer, request] = broker.next<Request>();
  EXPECT_EQ(request.model, "second");
  broker.say(same_peer, Final{request.id, 0, {}}, "done");
  ASSERT_TRUE(broker.until([&] { return second.over() && third.over(); }));
  EXPECT_EQ(second.rest(), "done");
  EXPECT_EQ(third.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(waited, ErrorKind::invalid);
}

TEST(Client, ManyThreadsMayAskAtOnce) {
  constexpr int threads = 4;
  constexpr int each = 200;
  TestBroker broker;
  std::atomic<int> answered = 0;
  std::atomic<int> cancelled = 0;
  Client client(options_for(broker));
  std::vector<std::thread> asking;
  for (int t = 0; t < threads; ++t) {
    asking.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const RequestHandle handle = client.request(
            {.model = i % 2 == 0 ? "kept" : "dropped"}, {.on_end = [&](const End& end) {
              ++(end.error.kind == ErrorKind::cancelled ? cancelled : answered);
            }});
        if (i % 2 == 1) client.cancel(handle);
      }
    });
  }
  for (int kept = 0; kept < threads * each / 2;) {
    const auto [peer, request] = broker.next<Request>();
    if (request.model.empty()) break;  // nothing more came
    if (request.model != "kept") continue;
    ++kept;
    broker.say(peer, Final{request.id, 0, {}});
  }
  for (auto& thread : asking)
    thread.join();
  EXPECT_TRUE(broker.until([&] { return answered + cancelled == threads * each; }));
  EXPECT_EQ(answered, threads * each / 2);
}

TEST(Client, SurvivesWhatNoBrokerSays) {
  TestBroker broker;
  Story story;
  Client client(options_for(broker));
  client.request({.model = "llama"}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();
  broker.say_bytes(peer, "no msgpack");
  broker.say_bytes(peer, std::string("\x93\x01\x12", 3));          // a FINAL cut off
  broker.say_bytes(peer, std::string("\x93\x01\xcc\xee\x01", 5));  // an unknown type
  broker.say_bytes(peer, std::string(100'000, '\x91'));            // nested without end
  broker.say(peer, Final{request.id, 0, {}}, "fine");
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.rest(), "fine");
}

TEST(Client, AnEndThatCannotBeReadEndsItsRequestAtOnce) {
  TestBroker broker;
  Story story;
  Client client(options_for(broker));
  client.request({.model = "llama"}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();
  ASSERT_LT(request.id.value, 0x80u);  // one byte of msgpack
  std::string final_without_meta{"\x95\x01\x12?\x00\xc0", 6};
  final_without_meta[3] = static_cast<char>(request.id.value);
  broker.say_bytes(peer, final_without_meta);
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.error().name, "WORKER_LOST");
  EXPECT_EQ(story.error().reason, "stream_broken");
  EXPECT_TRUE(story.error().retryable);
  EXPECT_NE(story.error().message.find("can't be read: FINAL"), std::string::npos)
      << story.error().message;
}

TEST(Client, TakesAnAnswerThatIsLargerThanAHeaderMayBe) {
  TestBroker broker;
  std::mutex mutex;
  std::optional<QueryEnd> end;
  Client client(options_for(broker));
  client.query("workers", Milliseconds{10000}, [&](const QueryEnd& e) {
    const std::lock_guard lock(mutex);
    end = e;
  });
  const auto [peer, query] = broker.next<Query>();
  broker.say(peer, Answer{query.id, Value{std::string(300'000, 'w')}});
  ASSERT_TRUE(broker.until([&] {
    const std::lock_guard lock(mutex);
    return end.has_value();
  }));
  EXPECT_EQ(end->json.size(), 300'002u);
}

TEST(Client, AnEndpointThatIsNoneEndsEverythingAsInvalid) {
  TestBroker broker;
  Story story;
  Client client({.broker = "not an endpoint"});
  client.request({.model = "llama"}, story.callbacks());
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.error().kind, ErrorKind::invalid);
  EXPECT_NE(story.error().message.find("not an endpoint"), std::string::npos);
}

TEST(Client, RefusesWhatIsMoreThanItMayHaveOutstanding) {
  TestBroker broker;
  Story first;
  Story second;
  ClientOptions options = options_for(broker);
  options.outstanding_max = 1;
  Client client(options);
  client.request({.model = "llama"}, first.callbacks());
  broker.next<Request>();
  client.request({.model = "llama"}, second.callbacks());
  ASSERT_TRUE(broker.until([&] { return second.over(); }));
  EXPECT_EQ(second.error().kind, ErrorKind::overloaded);
  EXPECT_TRUE(second.error().retryable);
  EXPECT_FALSE(first.over());
}

TEST(Client, RefusesWhatIsAskedFasterThanItIsTakenOn) {
  TestBroker broker;
  std::promise<void> blocked;
  std::promise<void> go_on;
  std::vector<Story> stories(5);
  ClientOptions options = options_for(broker);
  options.outstanding_max = 2;
  Client client(options);
  client.request({.model = "first"}, {.on_end = [&](const End&) {
                   blocked.set_value();
                   go_on.get_future().wait();
                 }});
  const auto [peer, first] = broker.next<Request>();
  broker.say(peer, Final{first.id, 0, {}});
  blocked.get_future().wait();
  for (Story& story : stories)
    client.request({.model = "next", .body = "body"}, story.callbacks());
  go_on.set_value();
  for (int i = 0; i < 2; ++i) {
    const auto [same_peer, request] = broker.next<Request>();
    EXPECT_EQ(broker.last_body, "body");
    broker.say(same_peer, Final{request.id, 0, {}});
  }
  ASSERT_TRUE(broker.until([&] {
    return std::all_of(stories.begin(), stories.end(), [](const Story& s) { return s.over(); });
  }));
  int overloaded = 0;
  for (const Story& story : stories)
    overloaded += story.error().kind == ErrorKind::overloaded ? 1 : 0;
  EXPECT_EQ(overloaded, 3);
}

}  // namespace
}  // namespace muster::client
