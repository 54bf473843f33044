// The routing policies, each by what it promises.

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

// Three workers in seats 0 to 2, all of which may be chosen at first.
struct Cluster {
  std::array<WorkerInfo, 3> workers;
  std::uint64_t given = 0;

  void seat_all(RoutingPolicy& policy) const {
    for (std::size_t i = 0; i < workers.size(); ++i)
      policy.set(i, &workers[i]);
  }
  // ... whatever becomes of what they are given.
  std::array<int, 3> picks(RoutingPolicy& policy, int count, std::uint64_t seed = 1) {
    seat_all(policy);
    Prng prng{seed};
    std::array<int, 3> counts{};
    for (int i = 0; i < count; ++i)
      ++counts[give(policy, prng)];
    return counts;
  }
  std::size_t give(RoutingPolicy& policy, Prng& prng) {
    const std::size_t seat = policy.pick(prng);
    workers[seat].last_given = ++given;
    policy.set(seat, &workers[seat]);
    return seat;
  }
};

TEST(Lottery, DrawsBySpeed) {
  Cluster cluster;
  cluster.workers[1].speed = 2;
  cluster.workers[2].speed = 5;
  const auto counts = cluster.picks(*make_lottery(), 80'000);
  EXPECT_NEAR(counts[0], 10'000, 500);
  EXPECT_NEAR(counts[1], 20'000, 700);
  EXPECT_NEAR(counts[2], 50'000, 900);
}

TEST(ShortestQueue, TakesTheLeastForItsSpeedWhateverTheSeed) {
  Cluster cluster;
  cluster.workers[0].queue_length = 4;
  cluster.workers[1].queue_length = 6;
  cluster.workers[1].speed = 2;
  cluster.workers[2].queue_length = 5;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(cluster.picks(*make_shortest_queue(), 1, seed)[1], 1);
  }
}

TEST(ShortestQueue, CountsWhatIsInFlightHere) {
  Cluster cluster;
  PendingRequest one;
  PendingRequest other;
  cluster.workers[0].holds.push_back(one);
  cluster.workers[1].holds.push_back(other);
  EXPECT_EQ(cluster.picks(*make_shortest_queue(), 10)[2], 10);
  for (WorkerInfo& worker : cluster.workers)
    worker.holds.clear();
}

TEST(ShortestQueue, SharesTiesEvenly) {
  Cluster cluster;
  for (const int count : cluster.picks(*make_shortest_queue(), 30'000)) {
    EXPECT_NEAR(count, 10'000, 500);
  }
}

TEST(RoundRobin, GoesInTurnAndStaysFairWhenOneIsAway) {
  Cluster cluster;
  const auto policy = make_round_robin();
  cluster.seat_all(*policy);
  Prng prng{1};
  std::string order;
  const auto give = [&](int times) {
    for (int i = 0; i < times; ++i)
      order += static_cast<char>('A' + cluster.give(*policy, prng));
  };
  give(4);
  policy->set(1, nullptr);
  give(3);
  policy->set(1, &cluster.workers[1]);
  give(3);
  EXPECT_EQ(order, "ABCACACBAC");
}

TEST(PowerOfTwo, NeverTakesTheWorstOfThreeAndUsuallyTheBest) {
  Cluster cluster;
  cluster.workers[0].queue_length = 1;
  cluster.workers[1].queue_length = 2;
  cluster.workers[2].queue_length = 3;
  const auto counts = cluster.picks(*make_power_of_two(), 30'000);
  EXPECT_NEAR(counts[0], 20'000, 600);  // in two of three pairs
  EXPECT_NEAR(counts[1], 10'000, 600);
  EXPECT_EQ(counts[2], 0);
}

TEST(Policies, EachChoosesAmongThoseThatAreThereAlone) {
  for (const auto kind : {RoutingPolicyKind::lottery, RoutingPolicyKind::shortest_queue,
                          RoutingPolicyKind::round_robin, RoutingPolicyKind::power_of_two}) {
    const auto policy = make_routing_policy(kind);
    WorkerInfo worker;
    Prng prng{1};
    Prng chance{2};
    std::set<std::size_t> there;
    for (int i = 0; i < 20'000; ++i) {
      const std::size_t seat = chance.below(100);
      const bool comes = there.size() < 2 || (there.size() < 90 && chance.below(2) == 0);
      worker.speed = 0.1 + 3 * chance.unit();
      worker.queue_length = chance.below(5);
      policy->set(seat, comes ? &worker : nullptr);
      EXPECT_TRUE(policy->knows(seat, comes ? &worker : nullptr));
      if (comes) {
        there.insert(seat);
      } else {
        there.erase(seat);
      }
      if (there.empty()) continue;
      ASSERT_TRUE(there.contains(policy->pick(prng)));
    }
  }
}

TEST(Policies, KnowsWhatHasChanged) {
  WorkerInfo worker;
  const auto policy = make_shortest_queue();
  EXPECT_TRUE(policy->knows(7, nullptr));
  EXPECT_FALSE(policy->knows(7, &worker));
  policy->set(7, &worker);
  EXPECT_TRUE(policy->knows(7, &worker));
  EXPECT_FALSE(policy->knows(7, nullptr));
  worker.queue_length = 1;
  EXPECT_FALSE(policy->knows(7, &worker));
}

TEST(Policies, EachKindMakesItsOwn) {
  Cluster cluster;
  cluster.workers[0].queue_length = 100;
  EXPECT_EQ(cluster.picks(*make_routing_policy(RoutingPolicyKind::shortest_queue), 300)[0], 0);
  EXPECT_EQ(cluster.picks(*make_routing_policy(RoutingPolicyKind::power_of_two), 300)[0], 0);
  EXPECT_EQ(cluster.picks(*make_routing_policy(RoutingPolicyKind::round_robin), 300)[0], 100);
  EXPECT_GT(cluster.picks(*make_routing_policy(RoutingPolicyKind::lottery), 300)[0], 50);
}

}  // namespace
}  // namespace muster::broker
