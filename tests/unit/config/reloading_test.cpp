#include "config/reloading.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/config/config_bench.hpp"

namespace muster::config {
namespace {

using test::effective;
using test::Lines;
using test::TemporaryFile;

// A program that was started with one file and logs into another.
struct Running {
  explicit Running(const std::string& toml) { rewrite(toml); }

  void rewrite(const std::string& toml) const {
    std::ofstream(file.path(), std::ios::binary)
        << toml << "\n[log]\nformat = \"json\"\nfile = \"" << log.path() << "\"\n";
  }
  [[nodiscard]] Sources sources() const {
    return {.file = file.path(), .environment = {}, .settings = {}};
  }
  [[nodiscard]] bool logs(const std::string& text) const {
    return log.content().find(text) != std::string::npos;
  }

  TemporaryFile file;
  TemporaryFile log;
};

LoadedBroker started(const Running& running) {
  auto loaded = load_broker(running.sources());
  EXPECT_TRUE(loaded.ok());
  EXPECT_TRUE(log::start(loaded->log).ok());
  return std::move(*loaded);
}

TEST(Reloading, TakesWhatIsLiveAndTellsOfIt) {
  const Running running("[requests]\ntimeout = \"1m\"\n[queue]\ndepth_max = 5\n");
  const LoadedBroker before = started(running);
  running.rewrite("[requests]\ntimeout = \"2m\"\n[queue]\ndepth_max = 5\n");
  const auto after = reload(before);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->options.controller.request_timeout, std::chrono::minutes{2});
  EXPECT_EQ(after->options.controller.queue_depth_max, 5u);
  EXPECT_TRUE(running.logs(R"("key":"requests.timeout","running":"\"1m\"","wanted":"\"2m\"")"))
      << running.log.content();
  EXPECT_FALSE(running.logs("depth_max")) << "that has not changed";
}

TEST(Reloading, KeepsWhatCantChangeAndTellsOfIt) {
  const Running running("[heartbeat]\ninterval = \"1s\"\n");
  const LoadedBroker before = started(running);
  running.rewrite("[heartbeat]\ninterval = \"2s\"\n[routing]\npolicy = \"lottery\"\n");
  auto after = reload(before);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->options.controller.heartbeat_interval, std::chrono::seconds{1});
  EXPECT_EQ(after->options.controller.policy, broker::RoutingPolicyKind::lottery);
  EXPECT_EQ(effective(after->values, "heartbeat.interval").value, "\"1s\"");
  EXPECT_TRUE(running.logs("can't change while running")) << running.log.content();
  // It is kept the next time, too, and wanted no more once the file says so.
  running.rewrite("[heartbeat]\ninterval = \"1s\"\n");
  after = reload(*after);
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->options.controller.heartbeat_interval, std::chrono::seconds{1});
  EXPECT_EQ(after->options.controller.policy, broker::RoutingPolicyKind::shortest_queue);
}

TEST(Reloading, AFaultChangesNothing) {
  const Running running("[requests]\ntimeout = \"1m\"\n");
  const LoadedBroker before = started(running);
  running.rewrite("[requests]\ntimeout = \"2m\"\n[queue]\ndepth_mx = 5\n");
  EXPECT_FALSE(reload(before).has_value());
  EXPECT_TRUE(running.logs("did you mean queue.depth_max?")) << running.log.content();
  EXPECT_TRUE(running.logs("everything stays as it is"));
}

TEST(Reloading, WhatIsNewMustFitWhatIsKept) {
  const Running running("[limits]\nmessage_bytes_max = \"1GiB\"\nheld_bytes_max = \"2GiB\"\n");
  const LoadedBroker before = started(running);
  // Right by itself; but messages of 1 GiB are still taken.
  running.rewrite("[limits]\nmessage_bytes_max = \"64MiB\"\nheld_bytes_max = \"512MiB\"\n");
  EXPECT_FALSE(reload(before).has_value());
  EXPECT_TRUE(running.logs("lower the one or raise the other")) << running.log.content();
}

TEST(Reloading, TellsOfAChangeOnlyWhereItIsTaken) {
  const Running running("[routing]\npolicy = \"lottery\"\n");
  const LoadedBroker before = started(running);
  std::ofstream(running.file.path()) << "[routing]\npolicy = \"round_robin\"\n[log]\nfile = "
                                        "\"/nowhere/at/all.log\"\n";
  EXPECT_FALSE(reload(before).has_value());
  EXPECT_FALSE(running.logs("configuration changed")) << running.log.content();
  EXPECT_TRUE(running.logs("everything stays as it is"));
}

TEST(Reloading, OpensTheLogAnew) {
  const Running running("");
  const LoadedBroker before = started(running);
  const std::string moved = running.log.path() + ".1";
  ASSERT_EQ(std::rename(running.log.path().c_str(), moved.c_str()), 0);
  ASSERT_TRUE(reload(before).has_value());
  log::info("after the move");
  EXPECT_TRUE(running.logs("after the move"));
  std::remove(moved.c_str());
}

// What stands in the annotated files about SIGHUP.
TEST(Reloading, TheLiveKeys) {
  const auto live = [](const std::vector<EffectiveValue>& values) {
    Lines keys;
    for (const EffectiveValue& value : values)
      if (value.live) keys.push_back(value.key);
    return keys;
  };
  EXPECT_EQ(live(load_broker({}).value().values),
            (Lines{"routing.policy", "requests.timeout", "requests.timeout_max",
                   "requests.first_timeout", "requests.idle_timeout", "requests.retries",
                   "queue.depth_max", "no_worker.wait", "ejection.failures", "ejection.duration",
                   "ejection.share_max", "worker.stall", "limits.held_bytes_max",
                   "limits.outstanding_per_client_max", "log.level", "log.format", "log.file"}));
  EXPECT_EQ(live(load_agent({}).value().values),
            (Lines{"worker.slots", "worker.drain_timeout", "log.level", "log.format", "log.file"}));
}

}  // namespace
}  // namespace muster::config
