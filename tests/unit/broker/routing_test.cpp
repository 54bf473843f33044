// The routing policies, each by what it promises.

#include <gtest/gtest.h>

#include <array>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

struct Cluster {
  std::array<WorkerInfo, 3> workers;
  std::vector<WorkerInfo*> candidates;

  Cluster() {
    for (WorkerInfo& worker : workers)
      candidates.push_back(&worker);
  }
  std::array<int, 3> picks(RoutingPolicy& policy, int count, std::uint64_t seed = 1) {
    Prng prng{seed};
    std::array<int, 3> counts{};
    for (int i = 0; i < count; ++i) {
      const WorkerInfo& picked = policy.pick(candidates, prng);
      ++counts[static_cast<std::size_t>(&picked - workers.data())];
    }
    return counts;
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
  Prng prng{1};
  std::string order;
  const auto pick = [&] {
    order +=
        static_cast<char>('A' + (&policy->pick(cluster.candidates, prng) - cluster.workers.data()));
  };
  for (int i = 0; i < 4; ++i)
    pick();
  cluster.candidates = {&cluster.workers[0], &cluster.workers[2]};
  for (int i = 0; i < 3; ++i)
    pick();
  cluster.candidates = {&cluster.workers[0], &cluster.workers[1], &cluster.workers[2]};
  for (int i = 0; i < 3; ++i)
    pick();
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

TEST(PowerOfTwo, ManagesWithOne) {
  Cluster cluster;
  cluster.candidates.resize(1);
  EXPECT_EQ(cluster.picks(*make_power_of_two(), 10)[0], 10);
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
