// Whose buffers a request's header and body lie in while the broker holds them, and when they are
// let go. The count of held bytes says nothing about either: these tests watch the buffers.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

constexpr std::size_t small = 100;
constexpr std::size_t large = 10'000;  // Frame::keep() shares it

// A buffer that a frame was received in: it tells when nobody has a handle on it any more.
class Received {
 public:
  explicit Received(std::size_t size) : bytes_(size, '\0') {}
  Received(const Received&) = delete;
  Received& operator=(const Received&) = delete;

  Frame frame() {
    const auto release = [](void*, void* released) { *static_cast<bool*>(released) = true; };
    return Frame{zmq::message_t(bytes_.data(), bytes_.size(), release, &released_)};
  }
  [[nodiscard]] bool released() const { return released_; }

 private:
  std::string bytes_;
  bool released_ = false;
};

void request(Bench& bench, std::uint64_t id, Received& header, Received& body) {
  bench.give(ClientSaid{ClientConnection{5},
                        Request{WireId{id}, "m", streamed()},
                        {header.frame(), {.offset = 0, .width = 9}},
                        Payload{body.frame()}});
}

TEST(HeldBodies, OfWhatWaitsAreInBuffersOfTheirOwn) {
  Received header{small};
  Received body{small};
  Bench bench;
  bench.add_worker(1, {.slots = 0});
  request(bench, 0, header, body);
  EXPECT_EQ(bench.take(), Lines{});
  EXPECT_TRUE(header.released());
  EXPECT_TRUE(body.released());
}

TEST(HeldBodies, OfWhatWasSentAreInBuffersOfTheirOwn) {
  Received header{small};
  Received body{small};
  Bench bench;
  bench.add_worker(1);
  request(bench, 0, header, body);
  EXPECT_EQ(bench.take().size(), 1u);
  EXPECT_TRUE(header.released());
  EXPECT_TRUE(body.released());
}

TEST(HeldBodies, AreLetGoAtTheFirstPart) {
  Received header{large};
  Received body{large};
  Bench bench;
  bench.add_worker(1);
  request(bench, 0, header, body);
  EXPECT_FALSE(header.released()) << "another worker may have to be given it";
  EXPECT_FALSE(body.released()) << "another worker may have to be given it";
  bench.chunk(1, 0, 0);
  EXPECT_TRUE(header.released());
  EXPECT_TRUE(body.released());
}

TEST(HeldBodies, AreLetGoAtTheEndThoughTheSlotIsStillTaken) {
  Received header{large};
  Received body{large};
  Bench bench;
  bench.add_worker(1);
  request(bench, 0, header, body);
  bench.cancel(5, 0);
  EXPECT_EQ(bench.stat("in_flight"), 1u);
  EXPECT_TRUE(header.released());
  EXPECT_TRUE(body.released());
}

}  // namespace
}  // namespace muster::broker
