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

#include "tests/unit/client/story.hpp"
#include "tests/unit/client/test_broker.hpp"

namespace muster::client {
namespace {

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

TEST(Client, SaysTheArgsOfAQuery) {
  TestBroker broker;
  std::promise<QueryEnd> end;
  Client client(options_for(broker));
  client.query({.name = "drain",
                .args = R"({"worker":"gpu7","on":true,"n":[-1,18446744073709551615,0.5,null]})",
                .timeout = Milliseconds{20000}},
               [&](const QueryEnd& e) { end.set_value(e); });
  const auto [peer, query] = broker.next<Query>();
  EXPECT_EQ(query.args,
            (Value{Value::Map{{"worker", "gpu7"},
                              {"on", true},
                              {"n", Value::Array{-1, ~std::uint64_t{0}, 0.5, Value{}}}}}));
  broker.say(peer, Answer{query.id, Value::Map{}});
  EXPECT_EQ(end.get_future().get().json, "{}");

  const std::string deep = R"({"a":)" + std::string(14, '[') + std::string(14, ']') + "}";
  const std::string deeper = R"({"a":)" + std::string(15, '[') + std::string(15, ']') + "}";
  for (const std::string& args : {std::string{"[1]"}, std::string{"{"}, deeper}) {
    const QueryEnd refused = client.query({.name = "why", .args = args});
    EXPECT_EQ(refused.error.kind, ErrorKind::invalid) << args;
    EXPECT_EQ(refused.error.message, "the args of the query why are no JSON object") << args;
  }
  client.query({.name = "why", .args = deep}, {});
  EXPECT_EQ(broker.next<Query>().second.name, "why");
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
