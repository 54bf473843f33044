#include "broker/shell/client_outbox.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace muster::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using transport::Sent;

const Time start{seconds{1'000'000}};
constexpr ClientConnection ann{1};
constexpr ClientConnection bob{2};

// The frontend, with as much room for each client as the test says.
struct Frontend {
  Sent operator()(ClientConnection to, Frame& header, Payload& payload) {
    if (gone.contains(to)) return Sent::unreachable;
    if (room[to] == 0) return Sent::full;
    --room[to];
    const Frame taken = std::move(header);
    const Payload body = std::move(payload);
    got[to] += std::string{taken.text()} + body.joined() + " ";
    return Sent::done;
  }
  std::map<ClientConnection, int> room;
  std::map<ClientConnection, bool> gone;
  std::map<ClientConnection, std::string> got;
};

class Outbox : public testing::Test {
 protected:
  void fill(ClientConnection client, const std::vector<std::string>& words, Time now = start) {
    for (const auto& word : words)
      EXPECT_TRUE(outbox.keep(client, Frame{word}, Payload{"!"}, now));
  }
  std::vector<ClientOutbox::Lost> flush(Time now = start) {
    return outbox.flush(now, [this](ClientConnection to, Frame& header, Payload& payload) {
      return frontend(to, header, payload);
    });
  }

  static constexpr std::uint64_t small = ClientOutbox::message_overhead + 2;  // of "x" and "!"
  Frontend frontend;
  ClientOutbox outbox{{.client_bytes = 10 * small, .total_bytes = 15 * small, .stall = seconds{5}}};
};

TEST_F(Outbox, KeepsTheOrderAndGoesOnWhereItWasStopped) {
  fill(ann, {"a", "b", "c", "d"});
  EXPECT_TRUE(outbox.holds(ann));
  EXPECT_FALSE(outbox.holds(bob));
  EXPECT_EQ(4 * small, outbox.bytes());
  frontend.room[ann] = 2;
  EXPECT_TRUE(flush().empty());
  EXPECT_EQ("a! b! ", frontend.got[ann]);
  EXPECT_EQ(2 * small, outbox.bytes());
  fill(ann, {"e"});
  frontend.room[ann] = 100;
  EXPECT_TRUE(flush().empty());
  EXPECT_EQ("a! b! c! d! e! ", frontend.got[ann]);
  EXPECT_TRUE(outbox.empty());
  EXPECT_FALSE(outbox.holds(ann));
  EXPECT_EQ(0u, outbox.bytes());
}

TEST_F(Outbox, OneThatReadsNothingDelaysNobodyElse) {
  fill(ann, {"a"});
  fill(bob, {"b"});
  frontend.room[bob] = 1;
  EXPECT_TRUE(flush().empty());
  EXPECT_EQ("b! ", frontend.got[bob]);
  EXPECT_TRUE(outbox.holds(ann));
  EXPECT_FALSE(outbox.holds(bob));
}

TEST_F(Outbox, AClientWithTooMuchIsCutOffWithAllThatItHad) {
  fill(ann, std::vector<std::string>(10, "x"));
  fill(bob, {"b"});
  EXPECT_FALSE(outbox.keep(ann, Frame{"y"}, Payload{"!"}, start));
  EXPECT_FALSE(outbox.holds(ann));
  EXPECT_TRUE(outbox.holds(bob));
  EXPECT_EQ(small, outbox.bytes());
}

TEST_F(Outbox, AMessageThatIsTooLargeByItselfIsNotKept) {
  EXPECT_FALSE(outbox.keep(ann, Frame{"h"}, Payload{std::string(10 * small, 'x')}, start));
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(0u, outbox.bytes());
}

TEST_F(Outbox, AllTogetherAreBoundedToo) {
  fill(ann, std::vector<std::string>(10, "x"));
  fill(bob, std::vector<std::string>(5, "x"));
  EXPECT_FALSE(outbox.keep(ClientConnection{3}, Frame{"x"}, Payload{"!"}, start));
  EXPECT_EQ(15 * small, outbox.bytes());
}

TEST_F(Outbox, AClientThatTakesNothingForTooLongIsCutOff) {
  fill(ann, {"a", "b"});
  EXPECT_TRUE(flush(start + milliseconds{4999}).empty());
  EXPECT_EQ((std::vector<ClientOutbox::Lost>{{ann, true}}), flush(start + seconds{5}));
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(0u, outbox.bytes());
}

TEST_F(Outbox, EveryMessageTakenGivesAClientTimeAnew) {
  fill(ann, {"a", "b"});
  frontend.room[ann] = 1;
  EXPECT_TRUE(flush(start + seconds{4}).empty());
  fill(ann, {"c"}, start + seconds{5});  // what is added gives it none
  EXPECT_TRUE(flush(start + seconds{8}).empty());
  EXPECT_EQ((std::vector<ClientOutbox::Lost>{{ann, true}}), flush(start + seconds{9}));
}

TEST_F(Outbox, WhatWaitsForAClientThatIsGoneIsDropped) {
  fill(ann, {"a", "b"});
  fill(bob, {"c"});
  frontend.gone[ann] = true;
  EXPECT_EQ((std::vector<ClientOutbox::Lost>{{ann, false}}), flush());
  EXPECT_FALSE(outbox.holds(ann));
  EXPECT_EQ(small, outbox.bytes());
}

}  // namespace
}  // namespace muster::broker
