#include "broker/shell/broker.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "protocol/prng.hpp"
#include "tests/unit/broker_shell/broker_bench.hpp"
#include "tests/unit/broker_shell/log_file.hpp"
#include "tests/unit/transport/raw_peer.hpp"

namespace muster::broker {
namespace {

using std::chrono::seconds;
using test::soon;

// So long that nothing is found out by a silence, only by what happens.
BrokerOptions without_silences() {
  BrokerOptions options = on_free_ports();
  options.controller.heartbeat_interval = seconds{60};
  return options;
}

TEST(Broker, ARequestGoesToAWorkerAndItsAnswerComesBackInParts) {
  RunningBroker broker;
  TestWorker worker(broker);
  EXPECT_EQ("broker", worker.terms.terms.broker);
  TestClient client(broker);
  Payload body;
  body.add(Frame{"first "});
  body.add(Frame{std::string(300'000, 'x')});
  client.ask(7, std::move(body));

  const auto request = worker.hear<Request>();
  EXPECT_EQ("m", request.message.model);
  EXPECT_GE(request.message.id.value, broker_id_min);
  EXPECT_EQ("first " + std::string(300'000, 'x'), request.body);

  worker.say(Chunk{request.message.id, 0, {.status = 200}}, Payload{"Once"});
  worker.say(Chunk{request.message.id, 1, {}}, Payload{" upon"});
  worker.say(Final{request.message.id, 2, {}}, Payload{" a time"});
  const auto chunk = client.hear<Chunk>();
  EXPECT_EQ(7u, chunk.message.id.value);
  EXPECT_EQ(0u, chunk.message.seq);
  EXPECT_EQ(200u, chunk.message.meta.status);
  EXPECT_EQ("Once", chunk.body);
  EXPECT_EQ(" upon", client.hear<Chunk>().body);
  const auto final = client.hear<Final>();
  EXPECT_EQ(7u, final.message.id.value);
  EXPECT_EQ(2u, final.message.seq);
  EXPECT_EQ(" a time", final.body);
}

TEST(Broker, AnswersAndStopsWhileItLooksForNewsInsteadOfSleeping) {
  BrokerOptions options = on_free_ports();
  options.busy_poll = seconds{1};
  RunningBroker broker(options);
  TestWorker worker(broker);
  TestClient client(broker);
  client.ask(1);
  worker.say(Final{worker.hear<Request>().message.id, 0, {}}, Payload{"yes"});
  EXPECT_EQ("yes", client.hear<Final>().body);
}

// libzmq may take in what has come on a socket while something is sent there. Both sockets have to
// do with both: one client's answer and another's request cross.
TEST(Broker, WhatHasComeWhileSendingIsNotSleptOver) {
  RunningBroker broker(without_silences());
  TestWorker worker(broker);
  TestClient one(broker);
  TestClient other(broker);
  one.ask(1);
  for (std::uint64_t i = 1; i <= 3000 && !HasFailure(); ++i) {
    const auto request = worker.hear<Request>();
    other.ask(i);
    worker.say(Final{request.message.id, 0, {}});
    ASSERT_EQ(i, one.hear<Final>().message.id.value);
    const auto next = worker.hear<Request>();
    worker.say(Final{next.message.id, 0, {}});
    one.ask(i + 1);
    ASSERT_EQ(i, other.hear<Final>().message.id.value);
  }
}

TEST(Broker, NoWorkerIsSaidAtOnce) {
  RunningBroker broker;
  TestClient client(broker);
  client.ask(1);
  const auto error = client.hear<Error>();
  EXPECT_EQ(1u, error.message.id.value);
  EXPECT_EQ(ErrorCode::no_worker, error.message.code);
  EXPECT_EQ("unknown_model", error.message.meta.reason);
}

TEST(Broker, ListensOnSeveralEndpointsAndInproc) {
  BrokerOptions options = on_free_ports();
  options.frontend.push_back("inproc://clients");
  options.backend.push_back("tcp://127.0.0.1:0");
  RunningBroker broker(options);
  TestWorker worker(broker.context, broker.backend(1));
  TestClient over_tcp(broker);
  TestClient in_process(broker.context, broker.frontend(1));
  for (TestClient* client : {&over_tcp, &in_process}) {
    client->ask(1);
    worker.say(Final{worker.hear<Request>().message.id, 0, {}}, Payload{"yes"});
    EXPECT_EQ("yes", client->hear<Final>().body);
  }
}

TEST(Broker, WhatAWorkerHadGoesToAnotherWhenItCannotBeReached) {
  RunningBroker broker(without_silences());
  auto worker = std::make_optional<TestWorker>(broker, 1000, "gone");
  TestClient client(broker);
  client.ask(1);
  (void)worker->hear<Request>();
  TestWorker another(broker, 1000, "another");
  worker.reset();
  // The broker learns of it with one of the next requests; which one is chance.
  TestClient other(broker);
  std::uint64_t id = 1;
  while (other.stat({"retried"}) == 0) {
    ASSERT_LT(id, 1000u);
    other.ask(++id);
  }
  for (std::uint64_t i = 0; i < id; ++i)
    another.say(Final{another.hear<Request>().message.id, 0, {}});
  EXPECT_EQ(WireId{1}, client.hear<Final>().message.id);
}

TEST(Broker, WhatAWorkerSaidLastCountsAlthoughItIsGone) {
  for (int i = 0; i < 20; ++i) {
    RunningBroker broker(without_silences());
    auto worker = std::make_optional<TestWorker>(broker);
    TestClient client(broker);
    client.ask(1);
    worker->say(Final{worker->hear<Request>().message.id, 0, {}}, Payload{"yes"});
    worker.reset();
    EXPECT_EQ("yes", client.hear<Final>().body);
  }
}

TEST(Broker, TheRequestsOfAClientThatIsGoneAreCancelled) {
  RunningBroker broker(without_silences());
  TestWorker worker(broker);
  auto client = std::make_optional<TestClient>(broker);
  client->ask(1);
  const auto id = worker.hear<Request>().message.id;
  client.reset();
  TestClient other(broker);
  std::uint64_t seq = 0;
  EXPECT_TRUE(soon([&] {
    worker.say(Chunk{id, seq++, {}}, Payload{"x"});
    return other.stat({"clients_gone"}) == 1;
  }));
  EXPECT_EQ(id, worker.hear<Cancel>().message.id);
}

// A client that reads nothing, and has asked one thing.
struct DeafClient {
  explicit DeafClient(RunningBroker& broker) : peer(broker.frontend()) {
    peer.greet({{"Socket-Type", "DEALER"}});
    RequestOptions stream;
    stream.stream = true;
    peer.frame(encode(Request{{1}, "m", stream}).text());
  }
  test::RawPeer peer;
};

TEST(Broker, AClientThatTakesNothingIsCutOffAndHarmsNobody) {
  test::LogFile log;
  RunningBroker broker;  // by its bytes it is cut off
  TestWorker worker(broker);
  const DeafClient deaf(broker);
  const auto id = worker.hear<Request>().message.id;

  TestClient client(broker);
  const std::string part(256 * 1024, 'x');
  std::uint64_t seq = 0;
  while (client.stat({"clients_cut_off"}) == 0) {
    ASSERT_LT(seq, 2000u) << "half a gigabyte waits for one client";
    for (int i = 0; i < 20; ++i)
      worker.say(Chunk{id, seq++, {}}, Payload{part});
  }
  EXPECT_GE(seq * part.size(), 64u << 20) << "what is within the bound is kept";
  EXPECT_EQ(id, worker.hear<Cancel>().message.id);
  worker.say(Error{id, ErrorCode::cancelled, "as told", {}});
  client.ask(2);
  worker.say(Final{worker.hear<Request>().message.id, 0, {}}, Payload{"still here"});
  EXPECT_EQ("still here", client.hear<Final>().body);
  EXPECT_EQ(1, log.count("client cut off"));
}

TEST(Broker, WhatASlowClientIsSentComesCompleteAndInOrder) {
  RunningBroker broker;
  TestWorker worker(broker);
  TestClient client(broker);
  client.ask(1);
  const auto id = worker.hear<Request>().message.id;
  // More than libzmq and the system hold, less than the bound; nobody reads meanwhile.
  constexpr std::uint64_t parts = 20'000;
  for (std::uint64_t seq = 0; seq < parts; ++seq)
    worker.say(Chunk{id, seq, {}}, Payload{std::string(2000, 'x')});
  worker.say(Final{id, parts, {}}, {});
  for (std::uint64_t seq = 0; seq < parts; ++seq)
    ASSERT_EQ(seq, client.hear<Chunk>().message.seq);
  EXPECT_EQ(parts, client.hear<Final>().message.seq);
}

// ---- bad input ---------------------------------------------------------------------------------

TEST(Broker, BadInputFromBothSidesHarmsNobody) {
  test::LogFile log;
  RunningBroker broker;
  TestWorker worker(broker);
  TestClient client(broker);
  TestClient bad_client(broker);
  TestClient bad_worker(broker.context, broker.backend());
  const std::string deep(60'000, '\x91');
  Prng random(4711);
  for (int i = 0; i < 3000; ++i) {
    for (TestClient* bad : {&bad_client, &bad_worker}) {
      std::string noise(random.below(60), '\0');
      for (char& c : noise)
        c = static_cast<char>(random.next());
      bad->say_bytes(Frame{noise});
      bad->say_bytes(Frame{});
      bad->say_bytes(Frame{"\x93\x01\x7f\x05"}, Payload{"of a later version"});
    }
  }
  for (TestClient* bad : {&bad_client, &bad_worker}) {
    bad->say_bytes(Frame{deep});
    bad->say_bytes(Frame{std::string(70'000, 'x')});
    Payload many;
    for (int i = 0; i < 1000; ++i)
      many.add(Frame{"x"});
    bad->say_bytes(Frame{"x"}, std::move(many));
  }
  client.ask(1);
  worker.say(Final{worker.hear<Request>().message.id, 0, {}}, Payload{"alive"});
  EXPECT_EQ("alive", client.hear<Final>().body);
  for (const char* side : {"clients", "workers"}) {
    EXPECT_TRUE(soon([&] {
      return client.stat({"faults", side, "too_many_frames"}) == 1;
    })) << side;
    EXPECT_EQ(1u, client.stat({"faults", side, "header_too_large"})) << side;
    EXPECT_EQ(3000u, client.stat({"faults", side, "unknown_type"})) << side;
    EXPECT_GE(client.stat({"faults", side, "malformed"}), 3000u) << side;
  }
  for (const char* side : {"bad message at the frontend", "bad message at the backend"}) {
    EXPECT_GE(log.count(side), 10) << side;
    EXPECT_LT(log.count(side), 100) << side;
  }
  EXPECT_GE(log.count(R"("address":"127.0.0.1")"), 20) << "who sends it";
  EXPECT_EQ(log.count("from 127.0.0.1"), 1) << "the worker that has registered";
}

TEST(Broker, AMessageOverALimitIsAnsweredWhereItsIdCanBeRead) {
  RunningBroker broker;
  TestClient client(broker);
  Payload many;
  for (int i = 0; i < 40; ++i)
    many.add(Frame{"x"});
  client.ask(5, std::move(many));
  const auto error = client.hear<Error>();
  EXPECT_EQ(5u, error.message.id.value);
  EXPECT_EQ(ErrorCode::bad_request, error.message.code);
}

TEST(Broker, APeerWithARoutingIdOfItsOwnIsNotAnswered) {
  test::LogFile log;
  RunningBroker broker;
  test::RawPeer own(broker.frontend());
  own.greet({{"Socket-Type", "DEALER"}, {"Identity", "me"}});
  for (int i = 0; i < 1000; ++i)
    own.frame(encode(Query{{1}, "stats", {}}).text());
  TestClient client(broker);
  ASSERT_TRUE(soon([&] { return log.count("routing id") > 0; }));
  EXPECT_TRUE(soon([&] {
    return client.stat({"faults", "clients", "foreign_routing_id"}) == 1000;
  }));
  EXPECT_LE(log.count("routing id"), 12);
  own.say("\x04\x05\x04PING");  // not a whole ping: ends the connection
  own.close();
  (void)client.stat({"requests"});
}

TEST(Broker, PeersThatBreakOffInTheMiddleLeaveNothingBehind) {
  RunningBroker broker;
  for (int i = 0; i < 50; ++i) {
    test::RawPeer peer(i % 2 == 0 ? broker.frontend() : broker.backend());
    if (i % 5 == 0) {
      peer.say("GET / HTTP/1.1\r\nHost: broker\r\n\r\n");
      continue;
    }
    peer.greet({{"Socket-Type", "DEALER"}});
    peer.frame("\x95\x01\x01\x05", true);
    peer.say(std::string("\x02\x00\x00\x00\x00\x7f\xff\xff\xff", 9));  // a frame of 2 GiB
  }
  TestClient client(broker);
  EXPECT_EQ(0u, client.stat({"requests"}));
}

// ---- beginning and end -------------------------------------------------------------------------

TEST(Broker, SaysWhichEndpointCannotBeHad) {
  RunningBroker first;
  transport::Context context;
  const auto refusal = [&](const BrokerOptions& options) {
    Broker broker(context, options, std::move(*ControllerFactory(options.controller).make()));
    auto opened = broker.open();
    return opened.ok() ? "opened" : opened.error();
  };
  BrokerOptions options = on_free_ports();
  options.frontend = {"tcp://127.0.0.1:*", first.frontend()};
  EXPECT_EQ("broker.frontend: cannot listen on \"" + first.frontend() +
                "\": the address is already in use",
            refusal(options));
  options = on_free_ports();
  options.backend = {"nowhere"};
  EXPECT_EQ(
      "broker.backend: cannot listen on \"nowhere\": not an endpoint; expected tcp://ADDRESS:PORT "
      "or ipc://PATH",
      refusal(options));
  options.backend = {};
  EXPECT_EQ("broker.backend: no endpoint is given; at least one is needed", refusal(options));
}

TEST(Broker, SaysWhereItListens) {
  test::LogFile log;
  const RunningBroker broker;
  EXPECT_EQ(1, log.count(R"("message":"listening")"));
  EXPECT_EQ(1, log.count(R"("frontend":")" + broker.frontend() + '"'));
  EXPECT_EQ(1, log.count(R"("backend":")" + broker.backend() + '"'));
  EXPECT_EQ(1, log.count(R"("policy":"shortest_queue")"));
}

TEST(Broker, AStoppingBrokerAnswersWhatIsOutstanding) {
  for (int i = 0; i < 10; ++i) {
    RunningBroker broker;
    TestWorker worker(broker);
    TestClient client(broker);
    constexpr std::uint64_t requests = 50;
    for (std::uint64_t id = 0; id < requests; ++id)
      client.ask(id);
    for (std::uint64_t id = 0; id < requests; ++id)
      (void)worker.hear<Request>();
    broker.stop();
    broker.stop();
    for (std::uint64_t id = 0; id < requests; ++id) {
      const auto error = client.hear<Error>();
      ASSERT_EQ(ErrorCode::shutting_down, error.message.code);
    }
    EXPECT_EQ(Broker::Ended::in_order, broker.wait_for_end());
  }
}

TEST(Broker, AStoppingBrokerLetsWhatIsOutstandingFinish) {
  RunningBroker broker;
  TestWorker worker(broker);
  TestClient client(broker);
  client.ask(1);
  const auto id = worker.hear<Request>().message.id;
  broker.stop();
  TestClient late(broker);
  late.ask(2);
  EXPECT_EQ(ErrorCode::shutting_down, late.hear<Error>().message.code);
  worker.say(Final{id, 0, {}});
  EXPECT_EQ(WireId{1}, client.hear<Final>().message.id);
  EXPECT_EQ(Broker::Ended::in_order, broker.wait_for_end());
}

TEST(Broker, AThirdStopEndsItAtOnce) {
  RunningBroker broker;
  TestClient client(broker);
  // Something was just said to a client: an end in order would leave it time to read that.
  client.ask(1);
  (void)client.hear<Error>();
  broker.stop();
  broker.stop();
  broker.stop();
  EXPECT_EQ(Broker::Ended::at_once, broker.wait_for_end());
}

TEST(Broker, AClientThatTakesNothingHoldsUpAStopOnlyForAWhile) {
  RunningBroker broker;
  TestWorker worker(broker);
  const DeafClient deaf(broker);
  const auto id = worker.hear<Request>().message.id;
  // More than libzmq and the system hold, less than the bound.
  constexpr std::uint64_t parts = 500;
  for (std::uint64_t seq = 0; seq < parts; ++seq)
    worker.say(Chunk{id, seq, {}}, Payload{std::string(100'000, 'x')});
  TestClient client(broker);
  ASSERT_TRUE(soon([&] { return client.stat({"chunks"}) == parts; }));
  const Time start = transport::monotonic_now();
  broker.stop();
  broker.stop();
  EXPECT_EQ(Broker::Ended::at_once, broker.wait_for_end());
  EXPECT_LT(transport::monotonic_now() - start, seconds{10});
}

TEST(Broker, ASignalStopsIt) {
  transport::Signals signals;
  transport::Context context;
  const BrokerOptions options = on_free_ports();
  Broker broker(context, options, std::move(*ControllerFactory(options.controller).make()));
  ASSERT_TRUE(broker.open().ok());
  std::thread thread([&] { EXPECT_EQ(Broker::Ended::in_order, broker.run(&signals)); });
  ASSERT_EQ(0, ::kill(::getpid(), SIGTERM));
  thread.join();
}

}  // namespace
}  // namespace muster::broker
