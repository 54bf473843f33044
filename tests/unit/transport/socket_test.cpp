#include "protocol/transport/socket.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <zmq.hpp>

#include "tests/unit/transport/raw_peer.hpp"
#include "tests/unit/transport/waiting.hpp"

namespace muster::transport {
namespace {

using test::RawPeer;
using test::receive_soon;
using test::soon;

const std::string loopback = "tcp://127.0.0.1:*";

struct Pair {
  explicit Pair(const RouterOptions& options = {}) : router(context, options) {
    auto bound = router.bind(loopback);
    EXPECT_TRUE(bound.ok());
    endpoint = *bound;
    dealer.emplace(context, options.limits);
    EXPECT_TRUE(dealer->connect(endpoint).ok());
    Incoming first;
    EXPECT_TRUE(receive_soon(*dealer, first, &router));
    EXPECT_TRUE(first.header.empty());
  }

  // The number under which the router knows the dealer.
  std::uint32_t peer() {
    EXPECT_EQ(Sent::done, dealer->send(Frame{"hello"}, {}));
    Incoming hello;
    EXPECT_TRUE(receive_soon(router, hello));
    EXPECT_EQ("hello", hello.header.text());
    return hello.peer;
  }

  Context context;
  RouterSocket router;
  std::string endpoint;
  std::optional<DealerSocket> dealer;
};

TEST(Socket, ADealerCanBeAskedWhetherItsConnectionBroke) {
  Context context;
  auto router = std::make_unique<RouterSocket>(context, RouterOptions{});
  auto endpoint = router->bind(loopback);
  ASSERT_TRUE(endpoint);
  DealerSocket dealer(context, {});
  dealer.watch_connection();
  ASSERT_TRUE(dealer.connect(*endpoint));
  Incoming first;
  ASSERT_TRUE(receive_soon(dealer, first, router.get()));
  EXPECT_FALSE(dealer.connection_broke());
  router.reset();
  EXPECT_TRUE(soon([&] { return dealer.connection_broke(); }));
  EXPECT_FALSE(dealer.connection_broke()) << "told once";
}

// libzmq aborts the process where it learns of that between two frames of a message, and it looks
// every hundred frames.
TEST(Socket, AConnectionBreaksWhileMuchThatCameOnItWasNotReceivedYet) {
  for (const int frames_before : {1, 2}) {  // so that the hundredth is a second one
    Context context;
    auto router = std::make_unique<RouterSocket>(context, RouterOptions{});
    auto endpoint = router->bind(loopback);
    ASSERT_TRUE(endpoint);
    DealerSocket dealer(context, {});
    dealer.watch_connection();
    ASSERT_TRUE(dealer.connect(*endpoint));
    Incoming got;
    ASSERT_TRUE(receive_soon(dealer, got, router.get()));
    ASSERT_EQ(Sent::done, dealer.send(Frame{"hello"}, {}));
    ASSERT_TRUE(receive_soon(*router, got));
    const std::uint32_t peer = got.peer;
    for (int i = 0; i < frames_before; ++i)
      ASSERT_EQ(Sent::done, router->send(peer, Frame{"bare"}, {}));
    for (int i = 0; i < 200; ++i) {
      Payload payload;
      payload.add(Frame{"payload"});
      ASSERT_EQ(Sent::done, router->send(peer, Frame{"header"}, std::move(payload)));
    }
    for (int i = 0; i < frames_before; ++i)
      ASSERT_TRUE(receive_soon(dealer, got));
    router.reset();
    ASSERT_TRUE(soon([&] { return dealer.connection_broke(); }));
    while (dealer.receive(got))
      EXPECT_EQ(1u, got.payload.frame_count());
  }
}

TEST(Socket, TheFirstThingOnAConnectionIsAnEmptyFrameFromTheRouter) {
  Context context;
  RouterSocket router(context, {});
  const auto endpoint = router.bind(loopback);
  ASSERT_TRUE(endpoint.ok());
  DealerSocket dealer(context, {});
  ASSERT_TRUE(dealer.connect(endpoint.value()).ok());
  Incoming first;
  ASSERT_TRUE(receive_soon(dealer, first, &router));
  EXPECT_TRUE(first.header.empty());
  EXPECT_TRUE(first.payload.empty());
  EXPECT_FALSE(dealer.receive(first));
}

TEST(Socket, MessagesOfSeveralFramesCrossWholeInBothDirections) {
  Pair pair;
  Payload up;
  up.add(Frame{"one"});
  up.add(Frame{""});
  up.add(Frame{std::string(100'000, 'x')});
  ASSERT_EQ(Sent::done, pair.dealer->send(Frame{"up"}, std::move(up)));
  Incoming got;
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ("up", got.header.text());
  ASSERT_EQ(3u, got.payload.frame_count());
  EXPECT_EQ("one", got.payload.frame(0).text());
  EXPECT_TRUE(got.payload.frame(1).empty());
  EXPECT_EQ(100'000u, got.payload.frame(2).size());
  EXPECT_EQ(0u, got.dropped_frames);
  EXPECT_FALSE(got.foreign_identity);

  const auto peer = got.peer;
  ASSERT_EQ(Sent::done, pair.router.send(peer, Frame{"down"}, std::move(got.payload)));
  ASSERT_TRUE(receive_soon(*pair.dealer, got));
  EXPECT_EQ("down", got.header.text());
  EXPECT_EQ(3u + 100'000u, got.payload.bytes());

  // A message without payload leaves nothing of the one before.
  ASSERT_EQ(Sent::done, pair.router.send(peer, Frame{"bare"}, {}));
  ASSERT_TRUE(receive_soon(*pair.dealer, got));
  EXPECT_EQ("bare", got.header.text());
  EXPECT_TRUE(got.payload.empty());
}

TEST(Socket, AConnectionThatIsMadeAnewIsAnotherPeer) {
  Context context;
  RouterSocket router(context, {});
  const auto endpoint = router.bind(loopback);
  ASSERT_TRUE(endpoint.ok());
  std::uint32_t peers[2];
  for (auto& peer : peers) {
    RawPeer raw(endpoint.value());
    raw.greet({{"Socket-Type", "DEALER"}, {"Identity", ""}});
    raw.frame("hello");
    Incoming got;
    ASSERT_TRUE(receive_soon(router, got));
    EXPECT_FALSE(got.foreign_identity);
    peer = got.peer;
  }
  EXPECT_NE(peers[0], peers[1]);
  // The first of them is gone, and stays so.
  EXPECT_TRUE(soon([&] { return router.send(peers[0], Frame{"x"}, {}) == Sent::unreachable; }));
}

TEST(Socket, ADealerLearnsOfANewConnectionByItsEmptyFrame) {
  Context context;
  auto router = std::make_unique<RouterSocket>(context, RouterOptions{});
  auto endpoint = router->bind(loopback);
  ASSERT_TRUE(endpoint.ok());
  DealerSocket dealer(context, {});
  ASSERT_TRUE(dealer.connect(endpoint.value()).ok());
  Incoming got;
  ASSERT_TRUE(receive_soon(dealer, got, router.get()));

  router.reset();
  ASSERT_TRUE(soon([&] { return dealer.send(Frame{"lost"}, {}) == Sent::full; }));
  router = std::make_unique<RouterSocket>(context, RouterOptions{});
  // The address becomes free when libzmq's I/O thread has closed the old listener.
  ASSERT_TRUE(soon([&] { return router->bind(endpoint.value()).ok(); }));
  ASSERT_TRUE(receive_soon(dealer, got, router.get()));
  EXPECT_TRUE(got.header.empty());
  // Nothing that was said before the break comes through after it.
  ASSERT_EQ(Sent::done, dealer.send(Frame{"new"}, {}));
  ASSERT_TRUE(receive_soon(*router, got));
  EXPECT_EQ("new", got.header.text());
}

TEST(Socket, ARouterSaysThatAPeerIsUnreachable) {
  Pair pair;
  const auto peer = pair.peer();
  Payload payload;
  payload.add(Frame{"body"});
  EXPECT_EQ(Sent::unreachable, pair.router.send(peer + 1, Frame{"x"}, std::move(payload)));
  ASSERT_EQ(Sent::done, pair.router.send(peer, Frame{"x"}, {}));
  pair.dealer.reset();
  EXPECT_TRUE(soon([&] { return pair.router.send(peer, Frame{"x"}, {}) == Sent::unreachable; }));
}

TEST(Socket, ADealerWithoutAConnectionIsFull) {
  Context context;
  DealerSocket dealer(context, {});
  Frame header{"kept"};
  Payload payload{"body"};
  EXPECT_EQ(Sent::full, dealer.send(std::move(header), std::move(payload)));
  EXPECT_EQ("kept", header.text());
  EXPECT_EQ("body", payload.frame(0).text());
}

// ---- limits ------------------------------------------------------------------------------------

TEST(Socket, FramesBeyondTheLimitAreDroppedAndCounted) {
  RouterOptions options;
  options.limits.frames = 3;
  Pair pair(options);
  const auto send = [&](int payload_frames) {
    Payload payload;
    for (int i = 0; i < payload_frames; ++i)
      payload.add(Frame{std::to_string(i)});
    ASSERT_EQ(Sent::done, pair.dealer->send(Frame{"h"}, std::move(payload)));
  };
  send(2);
  send(10);
  send(0);
  Incoming got;
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ(2u, got.payload.frame_count());
  EXPECT_EQ(0u, got.dropped_frames);
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ(3u, got.payload.frame_count()) << "one too many is kept, for the decoder to see";
  EXPECT_EQ(7u, got.dropped_frames);
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ(0u, got.payload.frame_count());
  EXPECT_EQ(0u, got.dropped_frames);
}

TEST(Socket, BytesBeyondTheLimitAreDropped) {
  RouterOptions options;
  options.limits.message_bytes = 1000;
  Pair pair(options);
  Payload payload;
  for (int i = 0; i < 10; ++i)
    payload.add(Frame{std::string(400, 'x')});
  ASSERT_EQ(Sent::done, pair.dealer->send(Frame{"h"}, std::move(payload)));
  Incoming got;
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ(3u, got.payload.frame_count());
  EXPECT_EQ(1200u, got.payload.bytes());
  EXPECT_EQ(7u, got.dropped_frames);
}

TEST(Socket, AFrameALittleOverTheLimitComesInAndOneFarOverItCutsTheConnection) {
  RouterOptions options;
  options.limits.frame_bytes = 100'000;
  Pair pair(options);
  ASSERT_EQ(Sent::done, pair.dealer->send(Frame{"a"}, Payload{std::string(100'001, 'x')}));
  Incoming got;
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ(100'001u, got.payload.bytes());
  ASSERT_EQ(Sent::done, pair.dealer->send(Frame{"b"}, Payload{std::string(400'000, 'x')}));
  ASSERT_TRUE(receive_soon(*pair.dealer, got, &pair.router))
      << "a new connection begins with an empty frame";
  EXPECT_TRUE(got.header.empty());
  ASSERT_EQ(Sent::done, pair.dealer->send(Frame{"c"}, {}));
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_EQ("c", got.header.text()) << "of the oversized message nothing was given";
}

// ---- who a peer is -----------------------------------------------------------------------------

TEST(Socket, APeerThatSetsItsRoutingIdIsForeign) {
  Pair pair;
  for (const std::string_view id : {"me", "12345", "a much longer one than that"}) {
    zmq::context_t context;
    zmq::socket_t peer(context, zmq::socket_type::dealer);
    peer.set(zmq::sockopt::linger, 0);
    peer.set(zmq::sockopt::routing_id, id);
    peer.connect(pair.endpoint);
    peer.send(zmq::str_buffer("hello"), zmq::send_flags::none);
    Incoming got;
    ASSERT_TRUE(receive_soon(pair.router, got));
    EXPECT_TRUE(got.foreign_identity) << id;
    EXPECT_EQ(0u, got.peer);
  }
}

TEST(Socket, AnIdentityMayBeLeftOut) {
  Pair pair;
  RawPeer raw(pair.endpoint);
  raw.greet({{"Socket-Type", "DEALER"}});
  raw.frame("hello");
  Incoming got;
  ASSERT_TRUE(receive_soon(pair.router, got));
  EXPECT_FALSE(got.foreign_identity);
  EXPECT_EQ("hello", got.header.text());
}

TEST(Socket, APeerOfAnOldZmtpIsForeign) {
  Pair pair;
  for (const std::string_view id : {std::string_view{}, std::string_view{"\0abcd", 5}}) {
    RawPeer raw(pair.endpoint);
    raw.greet_version_2(id);
    raw.frame("hello");
    Incoming got;
    ASSERT_TRUE(receive_soon(pair.router, got));
    EXPECT_TRUE(got.foreign_identity);
  }
}

TEST(Socket, InprocPeersAreKnownWithoutZmtp) {
  Context context;
  RouterSocket router(context, {});
  ASSERT_TRUE(router.bind("inproc://here").ok());
  DealerSocket dealer(context, {});
  ASSERT_TRUE(dealer.connect("inproc://here").ok());
  ASSERT_TRUE(soon([&] { return dealer.send(Frame{"hello"}, {}) == Sent::done; }));
  Incoming got;
  ASSERT_TRUE(receive_soon(router, got));
  EXPECT_FALSE(got.foreign_identity);
  EXPECT_EQ(Sent::done, router.send(got.peer, Frame{"answer"}, {}));
}

TEST(Socket, RoutingIdsCannotBeGuessedFromTheStartOfAProcess) {
  std::uint32_t peers[2];
  for (auto& peer : peers) {
    std::srand(1);  // as in every process that never seeds
    peer = Pair{}.peer();
  }
  EXPECT_NE(peers[0], peers[1]);
}

// ---- endpoints ---------------------------------------------------------------------------------

TEST(Socket, BindSaysWhereItListens) {
  Context context;
  RouterSocket router(context, {});
  for (const char* endpoint : {"tcp://127.0.0.1:*", "tcp://127.0.0.1:0"}) {
    const auto bound = router.bind(endpoint);
    ASSERT_TRUE(bound.ok());
    EXPECT_TRUE(bound.value().starts_with("tcp://127.0.0.1:")) << bound.value();
    EXPECT_GT(std::stoi(bound.value().substr(16)), 0);
  }
}

TEST(Socket, BindSaysWhatIsWrong) {
  Pair pair;
  RouterSocket other(pair.context, {});
  const auto sentence = [&](const std::string& endpoint) {
    auto bound = other.bind(endpoint);
    return bound.ok() ? "bound: " + *bound : bound.error();
  };
  EXPECT_EQ("cannot listen on \"" + pair.endpoint + "\": the address is already in use",
            sentence(pair.endpoint));
  EXPECT_EQ("cannot listen on \"tcp://192.0.2.1:0\": this machine has no such address",
            sentence("tcp://192.0.2.1:0"));
  for (const char* wrong :
       {"", "127.0.0.1:5555", "udp://127.0.0.1:5555", "tcp://127.0.0.1", "tcp://127.0.0.1:70000"}) {
    const auto said = sentence(wrong);
    EXPECT_NE(std::string::npos, said.find("not an endpoint; expected tcp://ADDRESS:PORT")) << said;
  }
}

TEST(Socket, AnIpcEndpointInUseIsNotTaken) {
  char folder[] = "/tmp/muster-socket-test-XXXXXX";
  ASSERT_NE(nullptr, ::mkdtemp(folder));
  const std::string endpoint = std::string{"ipc://"} + folder + "/broker";
  {
    Context context;
    RouterSocket first(context, {});
    ASSERT_TRUE(first.bind(endpoint).ok());
    RouterSocket second(context, {});
    auto bound = second.bind(endpoint);
    ASSERT_FALSE(bound.ok());
    EXPECT_NE(std::string::npos, bound.error().find("already in use")) << bound.error();
    DealerSocket dealer(context, {});
    ASSERT_TRUE(dealer.connect(endpoint).ok());
    Incoming got;
    ASSERT_TRUE(receive_soon(dealer, got, &first));
    ASSERT_EQ(Sent::done, dealer.send(Frame{"hello"}, {}));
    ASSERT_TRUE(receive_soon(first, got));
    EXPECT_FALSE(got.foreign_identity);
  }
  // A socket file that nobody listens on, as a crash leaves it, is no obstacle.
  {
    Context context;
    RouterSocket again(context, {});
    EXPECT_TRUE(again.bind(endpoint).ok());
  }
  ::unlink((std::string{folder} + "/broker").c_str());
  ::rmdir(folder);
}

TEST(Socket, ConnectSaysWhatIsWrong) {
  Context context;
  DealerSocket dealer(context, {});
  for (const std::string wrong : {"broker:5555", "tcp://127.0.0.1:65537", "tcp://broker"}) {
    auto connected = dealer.connect(wrong);
    ASSERT_FALSE(connected.ok());
    EXPECT_EQ("cannot connect to \"" + wrong +
                  "\": not an endpoint; expected tcp://ADDRESS:PORT or ipc://PATH",
              connected.error());
  }
}

TEST(Socket, LocalhostReachesABrokerOnIpv4) {
  Pair pair;
  DealerSocket dealer(pair.context, {});
  ASSERT_TRUE(
      dealer.connect("tcp://localhost" + pair.endpoint.substr(pair.endpoint.rfind(':'))).ok());
  Incoming got;
  EXPECT_TRUE(receive_soon(dealer, got, &pair.router));
}

TEST(Socket, TheLimitOnDescriptorsIsLifted) {
  rlimit before{};
  ASSERT_EQ(0, ::getrlimit(RLIMIT_NOFILE, &before));
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &low));
  EXPECT_EQ(before.rlim_max, raise_descriptor_limit());
  rlimit after{};
  ASSERT_EQ(0, ::getrlimit(RLIMIT_NOFILE, &after));
  EXPECT_EQ(before.rlim_max, after.rlim_cur);
}

// ---- the end -----------------------------------------------------------------------------------

TEST(Socket, WhatWasSentLastArrivesAlthoughTheSocketIsClosed) {
  Context receiving;
  RouterSocket router(receiving, {});
  const auto endpoint = router.bind(loopback);
  ASSERT_TRUE(endpoint.ok());
  {
    Context context;
    DealerSocket dealer(context, {});
    ASSERT_TRUE(dealer.connect(endpoint.value()).ok());
    Incoming first;
    ASSERT_TRUE(receive_soon(dealer, first, &router));
    ASSERT_EQ(Sent::done, dealer.send(Frame{"farewell"}, Payload{std::string(10'000'000, 'x')}));
  }
  Incoming got;
  ASSERT_TRUE(receive_soon(router, got));
  EXPECT_EQ("farewell", got.header.text());
  EXPECT_EQ(10'000'000u, got.payload.bytes());
}

// How long it takes to end with a peer that reads nothing and has much to read.
Duration time_to_end(bool dropping) {
  std::optional<RawPeer> frozen;
  const Time start = [&] {
    Context context;
    RouterSocket router(context, {});
    auto endpoint = router.bind(loopback);
    EXPECT_TRUE(endpoint.ok());
    frozen.emplace(*endpoint);
    frozen->greet({{"Socket-Type", "DEALER"}});
    frozen->frame("hello");
    Incoming got;
    EXPECT_TRUE(receive_soon(router, got));
    // More than the system's own buffers take.
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(Sent::done, router.send(got.peer, Frame{"x"}, Payload{std::string(1 << 20, 'x')}));
    if (dropping) router.drop_unsent();
    return monotonic_now();
  }();
  return monotonic_now() - start;
}

TEST(Socket, APeerThatTakesNothingHoldsUpAnEndOnlyForAWhile) {
  const Duration took = time_to_end(false);
  EXPECT_GE(took, std::chrono::milliseconds{400}) << "what is unsent gets its chance";
  EXPECT_LT(took, std::chrono::seconds{5});
}

TEST(Socket, WhatIsDroppedIsNotWaitedFor) {
  // On a busy machine anything may take long once; never waiting shows in one of several.
  Duration least = duration_max;
  for (int i = 0; i < 5; ++i)
    least = std::min(least, time_to_end(true));
  EXPECT_LT(least, std::chrono::milliseconds{400});
}

}  // namespace
}  // namespace muster::transport
