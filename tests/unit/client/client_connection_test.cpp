// The client through the loss of its connection, and of its broker, over real sockets.

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <thread>

#include "tests/unit/client/story.hpp"
#include "tests/unit/client/test_broker.hpp"

namespace muster::client {
namespace {

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

TEST(Client, ARestartedBrokerIsAskedAgainWhatHasNoPartYet) {
  TestBroker broker;
  Story small;
  Story large;
  Story once;
  std::promise<QueryEnd> query_end;
  const std::string body(1'000'000, 'b');
  Client client(options_for(broker));
  client.request({.model = "once", .retry = false}, once.callbacks());
  client.request({.model = "small", .body = "{}", .timeout = Milliseconds{60000}},
                 small.callbacks());
  client.request({.model = "large", .body = body, .stream = true}, large.callbacks());
  client.query("stats", Milliseconds{60000},
               [&](const QueryEnd& end) { query_end.set_value(end); });
  std::vector<WireId> former;
  for (int i = 0; i < 3; ++i)
    former.push_back(broker.next<Request>().second.id);
  const WireId former_query = broker.next<Query>().second.id;

  broker.close();
  broker.reopen();
  std::vector<std::string> models;
  for (const std::string_view expected : {std::string_view{"{}"}, std::string_view{body}}) {
    const auto [peer, request] = broker.next<Request>();
    EXPECT_EQ(std::count(former.begin(), former.end(), request.id), 0);
    EXPECT_EQ(broker.last_body, expected);
    models.push_back(request.model);
    broker.say(peer, Final{request.id, 0, {}}, "again " + request.model);
  }
  EXPECT_EQ(models, (std::vector<std::string>{"small", "large"}));
  const auto [peer, query] = broker.next<Query>();
  EXPECT_NE(query.id, former_query);
  broker.say(peer, Answer{query.id, Value::Map{}});
  ASSERT_TRUE(broker.until([&] { return small.over() && large.over() && once.over(); }));
  EXPECT_EQ(small.rest(), "again small");
  EXPECT_EQ(large.rest(), "again large");
  EXPECT_EQ(once.error().kind, ErrorKind::connection_lost);
  EXPECT_FALSE(query_end.get_future().get().error);
  ASSERT_EQ(small.retries().size(), 1u);
  EXPECT_NE(small.retries()[0].find("was lost and made anew"), std::string::npos);
  EXPECT_TRUE(once.retries().empty());
}

TEST(Client, ABrokerThatStopsAndComesBackIsAskedAgain) {
  TestBroker broker;
  Story story;
  Client client(options_for(broker));
  client.request({.model = "llama"}, story.callbacks());
  const auto [peer, request] = broker.next<Request>();
  broker.say(peer, Error{request.id, ErrorCode::shutting_down, "stopping", {.retryable = true}});
  ASSERT_TRUE(broker.until([&] { return !story.retries().empty(); }));
  broker.close();
  broker.reopen();
  const auto [new_peer, again] = broker.next<Request>();
  broker.say(new_peer, Final{again.id, 0, {}}, "back");
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.rest(), "back");
  EXPECT_EQ(story.retries().size(), 1u);
}

TEST(Client, KeepsNoMoreThanItMay) {
  TestBroker broker;
  Story story;
  ClientOptions options = options_for(broker);
  options.retry_bytes_max = 100'000;
  Client client(options);
  client.request({.model = "llama", .body = std::string(100'000, 'b')}, story.callbacks());
  broker.next<Request>();
  broker.close();
  broker.reopen();
  ASSERT_TRUE(broker.until([&] { return story.over(); }));
  EXPECT_EQ(story.error().kind, ErrorKind::connection_lost);
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
  Story waiting;
  Client client(options);
  client.request({.model = "llama", .retry = false}, story.callbacks());
  client.request({.model = "waiting"}, waiting.callbacks());
  const auto [peer, request] = broker.next<Request>();
  broker.next<Request>();

  // From here on the broker reads nothing. Its sockets' own threads live on.
  const Time end = transport::monotonic_now() + 20s;
  while (!story.over() && transport::monotonic_now() < end)
    std::this_thread::yield();
  ASSERT_TRUE(story.over());
  EXPECT_EQ(story.error().kind, ErrorKind::connection_lost);
  EXPECT_FALSE(waiting.over());
  ASSERT_FALSE(waiting.retries().empty());
  EXPECT_NE(waiting.retries()[0].find("taken for dead"), std::string::npos);

  // Awake again it is served anew, by the new connection. A machine that pauses for as long as this
  // client's expiry time looks frozen once more: then the next try counts.
  RequestError error;
  for (int tries = 0; tries == 0 || (error && tries < 20); ++tries) {
    Story after;
    client.request({.model = "llama", .retry = false}, after.callbacks());
    std::pair<std::uint32_t, Request> again;
    while (again.second.model != "llama" && !testing::Test::HasFailure())
      again = broker.next<Request>();
    EXPECT_NE(again.first, peer);
    broker.say(again.first, Final{again.second.id, 0, {}}, "awake");
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

}  // namespace
}  // namespace muster::client
