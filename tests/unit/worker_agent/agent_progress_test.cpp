// What an Agent tells of its model server's work: `progress`, `queue_length` and `kv_cache_usage`
// of HEARTBEAT (docs/protocol.md, section 7).

#include <gtest/gtest.h>

#include "agent_harness.hpp"
#include "worker_agent/core/foreign_load.hpp"

namespace muster::agent::test {
namespace {

// The next HEARTBEAT to the first broker.
WorkerHeartbeat next_beat(Harness& h) {
  h.beating[0] = true;
  h.said.clear();
  h.advance(1s);
  EXPECT_FALSE(h.all_said<WorkerHeartbeat>().empty());
  return *h.all_said<WorkerHeartbeat>().back();
}

TEST(AgentProgress, WithoutAnEngineItCountsPartsAndAnswers) {
  Harness h{options_for(1)};
  h.make_ready();
  EXPECT_EQ(next_beat(h).progress, 0u);
  const auto job = h.ask(first, 1, true);
  h.part(*job, "a");
  EXPECT_EQ(next_beat(h).progress, 1u);
  EXPECT_EQ(next_beat(h).progress, 1u) << "it stands still with the server";
  h.part(*job, "b");
  h.done(*job);
  EXPECT_EQ(next_beat(h).progress, 3u);
}

TEST(AgentProgress, StandsStillWhereAServerHangsOverAnAnswerThatHasNotBegun) {
  Harness h{options_for(2)};
  h.make_ready();
  const auto streamed = h.ask(first, 1, true);
  EXPECT_EQ(next_beat(h).progress, 0u);
  h.part(*streamed, "a");
  const auto whole = h.ask(second, 2, false);
  EXPECT_EQ(next_beat(h).progress, 1u);
  EXPECT_EQ(next_beat(h).progress, 1u);
  h.done(*whole);
  EXPECT_EQ(next_beat(h).progress, 2u);
}

TEST(AgentProgress, WithAnEngineThatCountsItIsNoLongPromptThatStandsStill) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto whole = h.ask(first, 1, false);
  h.step(EngineTold{100, {}, {}});
  EXPECT_EQ(next_beat(h).progress, 100u);
  EXPECT_EQ(next_beat(h).progress, 100u) << "it stands still where the engine does";
  h.step(EngineTold{107, {}, {}});
  EXPECT_EQ(next_beat(h).progress, 107u);
  h.done(*whole);
  EXPECT_EQ(next_beat(h).progress, 108u);
}

TEST(AgentProgress, NeverFallsWhenTheEngineTellsNoMore) {
  Harness h{options_for(1)};
  h.make_ready();
  h.step(EngineTold{100, {}, {}});
  ASSERT_EQ(next_beat(h).progress, 100u);
  h.step(EngineTold{});
  EXPECT_EQ(next_beat(h).progress, 100u);
  const auto job = h.ask(first, 1, false);
  EXPECT_EQ(next_beat(h).progress, 100u);
  h.done(*job);
  h.step(EngineTold{50, {}, {}});
  EXPECT_EQ(next_beat(h).progress, 101u);
}

TEST(AgentProgress, TheUsageOfTheCacheIsPassedOnWhileItIsKnown) {
  Harness h{options_for(1)};
  h.make_ready();
  EXPECT_EQ(next_beat(h).kv_cache_usage, std::nullopt);
  h.step(EngineTold{{}, {}, 0.25});
  EXPECT_EQ(next_beat(h).kv_cache_usage, 0.25);
  h.step(EngineTold{});
  EXPECT_EQ(next_beat(h).kv_cache_usage, std::nullopt);
}

TEST(AgentProgress, QueueLengthCountsOtherBrokersAndWhatCameWithoutAnAgent) {
  Harness h{options_for(2, 8)};
  h.make_ready();
  ASSERT_TRUE(h.ask(first, 1));
  ASSERT_TRUE(h.ask(second, 2));
  ASSERT_TRUE(h.ask(second, 3));
  h.step(EngineTold{{}, 10, {}});
  EXPECT_EQ(next_beat(h).queue_length, 9u);
  h.hear(second, Probe{1});
  EXPECT_EQ(h.all_said<Status>(second)[0]->info.queue_length, 8u);
  h.step(EngineTold{{}, 2, {}});
  EXPECT_EQ(next_beat(h).queue_length, 2u);
  h.step(EngineTold{});
  EXPECT_EQ(next_beat(h).queue_length, 2u);
}

// An engine that tells its last count for a while after it has finished.
TEST(AgentProgress, AnOldCountOfTheEngineIsNotTakenForSomebodyElsesLoad) {
  Harness h{options_for(1, 8)};
  h.make_ready();
  h.beating[0] = true;
  std::vector<JobId> jobs;
  for (std::uint64_t id = 1; id <= 8; ++id)
    jobs.push_back(*h.ask(first, id));
  h.advance(5s);
  for (const JobId job : jobs)
    h.done(job);
  for (int i = 0; i < 15; ++i) {
    h.step(EngineTold{{}, 8, {}});
    EXPECT_EQ(next_beat(h).queue_length, 0u);
    h.advance(1s);
  }
  h.advance(ForeignLoad::lag_max);
  h.step(EngineTold{{}, 8, {}});
  EXPECT_EQ(next_beat(h).queue_length, 8u) << "it is somebody's after all";
}

TEST(ForeignLoad, TakesOffTheMostThatWasThereLately) {
  const Duration lag = ForeignLoad::lag_max;
  ForeignLoad load;
  Time now{1h};
  load.own(5, now);
  load.own(1, now + 1s);
  load.engine_told(7, now + 2s);
  EXPECT_EQ(load.requests(), 2u);
  load.engine_told(3, now + 3s);
  EXPECT_EQ(load.requests(), 0u) << "never below nothing";
  load.engine_told(7, now + lag);
  EXPECT_EQ(load.requests(), 2u);
  load.engine_told(7, now + 2 * lag + 1s);
  EXPECT_EQ(load.requests(), 6u);
  load.own(4, now + 2 * lag + 2s);
  load.engine_told(7, now + 10 * lag);
  EXPECT_EQ(load.requests(), 3u) << "what is there all the time counts all the time";
  load.engine_told({}, now + 10 * lag);
  EXPECT_EQ(load.requests(), 0u);
  load.own(9, now + 11 * lag);
  load.own(0, now + 11 * lag + 1s);
  load.engine_told(3, now + 14 * lag);
  EXPECT_EQ(load.requests(), 3u) << "what was long ago is gone, however rarely it is asked";
}

}  // namespace
}  // namespace muster::agent::test
