// How a worker's slots move between its brokers: docs/protocol.md, section 8.

#include "worker_agent/core/slot_grants.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <tuple>

#include "agent_harness.hpp"
#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"

namespace muster::agent::test {
namespace {

using Shares = std::vector<std::uint64_t>;
using Standing = SlotGrants::Standing;

class Split {
 public:
  Split(std::uint64_t slots, std::size_t brokers) : grants(slots, brokers), brokers_(brokers) {
    for (std::size_t i = 0; i < brokers; ++i)
      grants.stands(i, Standing::registered, 0);
  }
  SlotGrants grants;

  // A heartbeat of a broker that has seen everything.
  void beat(std::size_t broker, std::uint64_t in_flight, std::uint64_t queued) {
    grants.heard(broker, {grants.number(broker), in_flight, queued});
  }
  [[nodiscard]] Shares shares() const {
    Shares all;
    for (std::size_t i = 0; i < brokers_; ++i)
      all.push_back(grants.granted(i));
    return all;
  }

 private:
  std::size_t brokers_;
};

TEST(SlotGrants, BeginWithTheEvenSplitAndStayWithoutDemand) {
  Split s{8, 3};
  EXPECT_EQ(s.shares(), (Shares{3, 3, 2}));
  for (std::size_t i = 0; i < 3; ++i)
    s.beat(i, s.grants.granted(i), 0);
  EXPECT_EQ(s.shares(), (Shares{3, 3, 2}));
  EXPECT_EQ(s.grants.number(0), 0u);
}

TEST(SlotGrants, OneIsLoweredAtOnceAndTheOtherRaisedWhenThatIsEchoed) {
  Split s{4, 2};
  s.beat(0, 2, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 1}));
  EXPECT_EQ(s.grants.held(1), 2u);
  s.grants.heard(1, {.grant = 0, .in_flight = 0, .queued = 0});
  EXPECT_EQ(s.shares(), (Shares{2, 1})) << "it may be using the second one";
  s.beat(1, 0, 0);
  EXPECT_EQ(s.shares(), (Shares{3, 1}));
  EXPECT_EQ(s.grants.held(1), 1u);
}

TEST(SlotGrants, WhatIsInFlightAboveALoweredGrantIsFreeOnlyWhenItHasEnded) {
  Split s{4, 2};
  s.beat(0, 2, 50);
  s.beat(1, 2, 0);  // two had been on their way
  EXPECT_EQ(s.shares(), (Shares{2, 1}));
  s.beat(1, 1, 0);
  EXPECT_EQ(s.shares(), (Shares{3, 1}));
}

TEST(SlotGrants, NoMoreIsMovedThanWaitsAndNothingForWhatHasASlotFree) {
  Split s{16, 2};
  s.beat(0, 8, 2);
  EXPECT_EQ(s.shares(), (Shares{8, 6}));
  s.beat(0, 8, 2);
  EXPECT_EQ(s.shares(), (Shares{8, 6})) << "two are on their way to it already";
  Split picky{4, 2};
  picky.beat(0, 1, 50);
  EXPECT_EQ(picky.shares(), (Shares{2, 2})) << "more slots are no help for these";
}

TEST(SlotGrants, WhoHasQueuedKeepsWhatIsItsEvenShare) {
  Split s{4, 2};
  s.beat(1, 1, 1);
  s.beat(0, 2, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 2}));
}

TEST(SlotGrants, WithDemandOnAllSidesTheyGoBackToTheEvenSplit) {
  Split s{4, 2};
  s.beat(0, 2, 50);
  s.beat(1, 0, 0);
  s.beat(0, 3, 50);
  ASSERT_EQ(s.shares(), (Shares{3, 1}));
  s.beat(1, 1, 9);
  EXPECT_EQ(s.shares(), (Shares{2, 1}));
  s.beat(0, 3, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 1})) << "its third one still runs";
  s.beat(0, 2, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 2}));
  s.beat(1, 2, 9);
  s.beat(0, 2, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 2}));
}

TEST(SlotGrants, WithFewerSlotsThanBrokersEachCanGetOneThatIsNotUsed) {
  Split s{1, 3};
  ASSERT_EQ(s.shares(), (Shares{1, 0, 0}));
  s.beat(2, 0, 1);
  EXPECT_EQ(s.shares(), (Shares{0, 0, 0}));
  s.beat(0, 0, 0);
  EXPECT_EQ(s.shares(), (Shares{0, 0, 1}));
  s.beat(2, 1, 0);
  s.beat(1, 0, 1);
  EXPECT_EQ(s.shares(), (Shares{0, 0, 1})) << "it is in use";
  s.beat(2, 0, 0);
  s.beat(2, 0, 0);
  EXPECT_EQ(s.shares(), (Shares{0, 1, 0}));
}

TEST(SlotGrants, ABrokerThatIsGoneGivesItsShareBack) {
  Split s{4, 2};
  s.grants.stands(1, Standing::gone, 1);
  s.beat(0, 0, 0);
  EXPECT_EQ(s.shares(), (Shares{3, 0})) << "one of its requests is still worked on";
  s.grants.stands(1, Standing::gone, 0);
  s.beat(0, 0, 0);
  EXPECT_EQ(s.shares(), (Shares{4, 0}));
}

TEST(SlotGrants, ABrokerThatIsBackGetsItsEvenShare) {
  Split s{4, 2};
  s.grants.stands(1, Standing::gone, 0);
  s.beat(0, 0, 0);
  ASSERT_EQ(s.shares(), (Shares{4, 0}));
  s.grants.stands(1, Standing::registered, 0);
  s.beat(1, 0, 0);
  EXPECT_EQ(s.shares(), (Shares{2, 0}));
  s.beat(0, 4, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 0})) << "they are all in use";
  s.beat(0, 3, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 1}));
  s.beat(0, 2, 0);
  EXPECT_EQ(s.shares(), (Shares{2, 2}));
}

TEST(SlotGrants, ABrokerThatIsExpectedKeepsItsShare) {
  Split s{4, 2};
  s.grants.stands(1, Standing::expected, 0);
  s.beat(0, 2, 50);
  EXPECT_EQ(s.shares(), (Shares{2, 2}));
}

TEST(SlotGrants, OtherSlotsAreSplitAnewAndARiseWaitsForWhatIsHeld) {
  Split s{4, 2};
  s.beat(0, 2, 50);
  s.beat(1, 0, 0);
  s.beat(0, 3, 0);
  ASSERT_EQ(s.shares(), (Shares{3, 1}));
  EXPECT_TRUE(s.grants.set_slots(5));
  EXPECT_FALSE(s.grants.set_slots(5));
  EXPECT_EQ(s.shares(), (Shares{3, 2}));
  EXPECT_TRUE(s.grants.set_slots(4));
  EXPECT_EQ(s.shares(), (Shares{2, 2}));
  Split lopsided{4, 2};
  lopsided.beat(0, 2, 50);
  lopsided.beat(1, 0, 0);
  EXPECT_TRUE(lopsided.grants.set_slots(3));
  EXPECT_TRUE(lopsided.grants.set_slots(4));
  EXPECT_EQ(lopsided.shares(), (Shares{2, 1})) << "the first one may still have three";
  lopsided.beat(0, 2, 0);
  EXPECT_EQ(lopsided.shares(), (Shares{2, 2}));
  EXPECT_TRUE(s.grants.set_slots(0));
  EXPECT_EQ(s.shares(), (Shares{0, 0}));
}

// Brokers that keep to their grants, with messages on their way on either side for any time.
class Brokers {
 public:
  Brokers(std::uint64_t seed, std::uint64_t slots, std::size_t brokers)
      : chance_(seed), slots_(slots), split_(slots, brokers), brokers_(brokers) {
    for (std::size_t i = 0; i < brokers; ++i)
      brokers_[i].slots = split_.grants.granted(i);
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      act(chance_.below(brokers_.size()));
      check();
    }
  }
  // All want as many as they can get, and nothing is held up any more.
  void settle() {
    for (int round = 0; round < 60; ++round)
      for (std::size_t i = 0; i < brokers_.size(); ++i) {
        Broker& broker = brokers_[i];
        broker.queued = 100;
        while (!broker.down.empty())
          hear(broker);
        broker.in_flight = broker.slots;
        broker.up.push_back({broker.number, broker.in_flight, broker.queued});
        while (!broker.up.empty())
          tell(i);
        check();
      }
    for (std::size_t i = 0; i < brokers_.size(); ++i)
      EXPECT_EQ(split_.grants.granted(i),
                slots_ / brokers_.size() + (i < slots_ % brokers_.size() ? 1 : 0));
  }
  [[nodiscard]] std::uint64_t moves() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < brokers_.size(); ++i)
      sum += split_.grants.number(i);
    return sum;
  }

 private:
  struct Broker {
    std::uint64_t slots = 0;
    std::uint64_t number = 0;
    std::uint64_t in_flight = 0;
    std::uint64_t queued = 0;
    bool busy = false;                                         // more requests come
    std::uint64_t told = 0;                                    // the last number on its way
    std::deque<std::pair<std::uint64_t, std::uint64_t>> down;  // number, slots
    std::deque<BrokerHeartbeat> up;
  };

  void act(std::size_t i) {
    Broker& broker = brokers_[i];
    switch (chance_.below(6)) {
      case 0:
        if (chance_.below(20) == 0) broker.busy = !broker.busy;
        broker.queued = broker.busy ? broker.queued + chance_.below(4) : 0;
        break;
      case 1:
        if (broker.in_flight > 0) --broker.in_flight;
        break;
      case 2:
        if (!broker.down.empty()) hear(broker);
        break;
      case 3:
        broker.up.push_back({broker.number, broker.in_flight, broker.queued});
        break;
      default:
        if (!broker.up.empty()) tell(i);
    }
    if (broker.queued > 0 && broker.in_flight < broker.slots) {
      --broker.queued;
      ++broker.in_flight;
    }
  }
  static void hear(Broker& broker) {
    std::tie(broker.number, broker.slots) = broker.down.front();
    broker.down.pop_front();
  }
  void tell(std::size_t i) {
    split_.grants.heard(i, brokers_[i].up.front());
    brokers_[i].up.pop_front();
    for (std::size_t j = 0; j < brokers_.size(); ++j)
      if (split_.grants.number(j) != brokers_[j].told) {
        brokers_[j].told = split_.grants.number(j);
        brokers_[j].down.emplace_back(brokers_[j].told, split_.grants.granted(j));
      }
  }
  void check() const {
    std::uint64_t held = 0;
    std::uint64_t usable = 0;
    for (std::size_t i = 0; i < brokers_.size(); ++i) {
      const Broker& broker = brokers_[i];
      EXPECT_LE(split_.grants.granted(i), split_.grants.held(i));
      EXPECT_LE(std::max(broker.slots, broker.in_flight), split_.grants.held(i));
      held += split_.grants.held(i);
      usable += std::max(broker.slots, broker.in_flight);
    }
    EXPECT_LE(held, slots_);
    EXPECT_LE(usable, slots_);
  }

  Prng chance_;
  std::uint64_t slots_;
  Split split_;
  std::vector<Broker> brokers_;
};

TEST(SlotGrants, NeverAddUpToMoreThanTheSlotsAndComeBackToEvenWhateverHappens) {
  std::uint64_t moves = 0;
  constexpr auto seeds = muster::test::effort<std::uint64_t>(1000, 100);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Brokers brokers{seed, seed % 11, 1 + seed % 4};
    brokers.run(2000);
    if (HasFailure()) return;
    brokers.settle();
    if (HasFailure()) return;
    moves += brokers.moves();
  }
  EXPECT_GT(moves, 10 * seeds) << "chance has tried too little";
}

TEST(AgentGrants, MoveToTheBrokerWhereRequestsWait) {
  Harness h{options_for(2)};
  h.make_ready(4);
  ASSERT_TRUE(h.ask(first, 1));
  ASSERT_TRUE(h.ask(first, 2));
  h.beat(second, 0, 0);
  h.beat(first, 2, 50);
  ASSERT_EQ(h.all_said<WorkerHeartbeat>(second).size(), 1u) << "told at once";
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second)[0]->slots, 1u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second)[0]->grant, 1u);
  EXPECT_TRUE(h.all_said<WorkerHeartbeat>(first).empty());
  EXPECT_FALSE(h.ask(first, 3));
  h.beat(second, 0, 0);
  ASSERT_EQ(h.all_said<WorkerHeartbeat>(first).size(), 1u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first)[0]->slots, 3u);
  EXPECT_TRUE(h.ask(first, 4));
  EXPECT_TRUE(h.ask(second, 1));
  EXPECT_FALSE(h.ask(second, 2));
}

TEST(AgentGrants, ARequestOnItsWayWhenItsGrantIsLoweredIsTaken) {
  Harness h{options_for(2)};
  h.make_ready(4);
  ASSERT_TRUE(h.ask(second, 1));
  h.beat(first, 2, 50);
  ASSERT_EQ(h.all_said<WorkerHeartbeat>(second).back()->slots, 1u);
  EXPECT_TRUE(h.ask(second, 2));
  h.beat(second, 2, 0);
  EXPECT_TRUE(h.all_said<WorkerHeartbeat>(first).empty());
}

TEST(AgentGrants, ABrokerThatCannotBeReachedLeavesItsSlotsToTheOther) {
  Harness h{options_for(2)};
  h.register_with(first);
  h.step(server_is(WorkerState::ready));
  h.beating[0] = true;
  h.advance(2s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first).back()->slots, 4u);
  h.step(Connected{second});
  EXPECT_EQ(h.all_said<Register>(second).back()->info.slots, 0u);
  h.hear(second, Registered{terms_of()});
  h.beating[1] = true;
  h.advance(2s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first).back()->slots, 2u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second).back()->slots, 2u);
}

}  // namespace
}  // namespace muster::agent::test
