// Where values come from: which source wins, what each is called, and what --print-config tells.

#include <gtest/gtest.h>

#include "tests/unit/config/config_bench.hpp"

namespace muster::config {
namespace {

using test::effective;
using test::faults_of;
using test::Lines;
using test::TemporaryFile;

class Origins : public testing::Test {
 protected:
  Sources sources;

  LoadedBroker broker() {
    auto loaded = load_broker(sources);
    EXPECT_EQ(faults_of(loaded), Lines{});
    return loaded.ok() ? std::move(loaded).value() : LoadedBroker{};
  }
  LoadedAgent agent() {
    auto loaded = load_agent(sources);
    EXPECT_EQ(faults_of(loaded), Lines{});
    return loaded.ok() ? std::move(loaded).value() : LoadedAgent{};
  }
  LoadedCli cli() {
    auto loaded = load_cli(sources);
    EXPECT_EQ(faults_of(loaded), Lines{});
    return loaded.ok() ? std::move(loaded).value() : LoadedCli{};
  }
};

TEST_F(Origins, WithoutAnySourceEverythingIsAtItsDefault) {
  const LoadedBroker loaded = broker();
  EXPECT_EQ(loaded.options.controller.name, "broker");
  EXPECT_EQ(loaded.options.controller.held_bytes_max, broker::ControllerOptions{}.held_bytes_max);
  for (const EffectiveValue& value : loaded.values)
    EXPECT_EQ(value.origin, "default") << value.key;
}

TEST_F(Origins, FlagsOverEnvironmentOverFileOverDefault) {
  const TemporaryFile file("[broker]\nname = \"file\"\nio_threads = 2\n[queue]\ndepth_max = 7\n");
  sources.file = file.path();
  sources.environment = {{"MUSTER_BROKER__NAME", "environment"}, {"MUSTER_QUEUE__DEPTH_MAX", "8"}};
  sources.settings = {{"broker.name", "flag", "--name"}};
  const LoadedBroker loaded = broker();
  EXPECT_EQ(loaded.options.controller.name, "flag");
  EXPECT_EQ(loaded.options.controller.queue_depth_max, 8u);
  EXPECT_EQ(loaded.options.io_threads, 2u);
  EXPECT_EQ(effective(loaded.values, "broker.name").origin, "--name");
  EXPECT_EQ(effective(loaded.values, "queue.depth_max").origin,
            "environment variable MUSTER_QUEUE__DEPTH_MAX");
  EXPECT_EQ(effective(loaded.values, "broker.io_threads").origin, file.path() + ":3:14");
  EXPECT_EQ(effective(loaded.values, "log.level").origin, "default");
}

TEST_F(Origins, TheLastOnTheCommandLineWins) {
  sources.settings = {{"broker.name", "a", "--name"}, {"broker.name", "b", "--set"}};
  EXPECT_EQ(broker().options.controller.name, "b");
}

TEST_F(Origins, ListsReplaceLowerSourcesAndAddUpOnTheCommandLine) {
  const TemporaryFile file("[worker]\nbrokers = [\"tcp://file:1\"]\n");
  sources.file = file.path();
  sources.environment = {{"MUSTER_WORKER__BROKERS", "tcp://e:1,tcp://f:2"}};
  EXPECT_EQ(agent().options.brokers, (Lines{"tcp://e:1", "tcp://f:2"}));
  sources.settings = {{"worker.brokers", "tcp://a:1", "--broker"},
                      {"worker.brokers", "tcp://b:1", "--set"}};
  const LoadedAgent loaded = agent();
  EXPECT_EQ(loaded.options.brokers, (Lines{"tcp://a:1", "tcp://b:1"}));
  EXPECT_EQ(effective(loaded.values, "worker.brokers").origin, "--broker and --set");
}

TEST_F(Origins, MapEntriesAreSetOneByOne) {
  const TemporaryFile file("[worker.labels]\ngpu = \"a100\"\nzone = \"eu\"\n");
  sources.file = file.path();
  sources.environment = {{"MUSTER_WORKER__LABELS__RACK", "7"}};
  sources.settings = {{"worker.labels.gpu", "h100", "--set"}, {"worker.labels.x.y", "z", "--set"}};
  const LoadedAgent loaded = agent();
  EXPECT_EQ(loaded.options.labels,
            (StringMap{{"gpu", "h100"}, {"rack", "7"}, {"x.y", "z"}, {"zone", "eu"}}));
  EXPECT_EQ(effective(loaded.values, "worker.labels").origin,
            file.path() + ":1:1 and environment variable MUSTER_WORKER__LABELS__RACK and --set");
}

TEST_F(Origins, AWholeMapReplacesLowerSources) {
  const TemporaryFile file("[worker.labels]\ngpu = \"a100\"\n");
  sources.file = file.path();
  sources.environment = {{"MUSTER_WORKER__LABELS", "zone=eu,rack=7"}};
  EXPECT_EQ(agent().options.labels, (StringMap{{"rack", "7"}, {"zone", "eu"}}));
}

TEST_F(Origins, OtherVariablesAreIgnored) {
  sources.environment = {
      {"MUSTER_HOME", "x"},          {"MUSTER_", "x"},
      {"MUSTERLOG__LEVEL", "x"},     {"HOME__X", "y"},
      {"MUSTER_WORKER__SLOTS", "5"}, {"MUSTER_WORKER__LABELS__GPU", "a key of the agent's"}};
  EXPECT_EQ(broker().options.controller.name, "broker");
}

TEST_F(Origins, OneEnvironmentServesAllPrograms) {
  sources.environment = {{"MUSTER_BROKER__NAME", "b"},       {"MUSTER_WORKER__SLOTS", "5"},
                         {"MUSTER_LOG__LEVEL", "debug"},     {"MUSTER_CLIENT__BROKER", "tcp://c:1"},
                         {"MUSTER_CLIENT__TIMEOUT", "none"}, {"MUSTER_ASK__MODEL", "llama"}};
  EXPECT_EQ(broker().options.controller.name, "b");
  EXPECT_EQ(agent().options.slots, 5u);
  sources.environment["MUSTER_CLIENT__TIMEOUT"] = "1s";
  sources.environment["MUSTER_WORKER__SLOTS"] = "none";
  EXPECT_EQ(cli().options.broker, "tcp://c:1");
  EXPECT_EQ(cli().options.model, "llama");
}

TEST_F(Origins, AShortVariableGivesWayToTheLongOne) {
  sources.environment = {{"MUSTER_BROKER", "tcp://short:1"}};
  EXPECT_EQ(cli().options.broker, "tcp://short:1");
  EXPECT_EQ(effective(cli().values, "client.broker").origin, "environment variable MUSTER_BROKER");
  sources.environment["MUSTER_CLIENT__BROKER"] = "tcp://long:1";
  EXPECT_EQ(cli().options.broker, "tcp://long:1");
  sources.environment = {{"MUSTER_BROKER", ""}};
  EXPECT_EQ(effective(cli().values, "client.broker").origin, "default");
  sources.environment = {{"MUSTER_BROKER", "here"}};
  EXPECT_EQ(faults_of(load_cli(sources)),
            Lines{"environment variable MUSTER_BROKER: client.broker: found \"here\"; allowed is "
                  "the address of a broker's frontend, \"tcp://HOST:PORT\" or \"ipc:///PATH\""});
}

TEST_F(Origins, AnUnknownVariableNamesTheNearest) {
  sources.environment = {{"MUSTER_LOG__LEVL", "debug"}, {"MUSTER_X__Y", "1"}};
  EXPECT_EQ(faults_of(load_broker(sources)),
            (Lines{"environment variable MUSTER_LOG__LEVL: log.levl: there is no such key; did you "
                   "mean MUSTER_LOG__LEVEL?",
                   "environment variable MUSTER_X__Y: x.y: there is no such key; the sections are "
                   "[broker], [heartbeat], [routing], [requests], [queue], [no_worker], "
                   "[ejection], [worker], [limits], "
                   "[log]"}));
}

TEST_F(Origins, FaultsOfAllSourcesInOneGo) {
  const TemporaryFile file("[log]\nlevel = \"loud\"\n");
  sources.file = file.path();
  sources.environment = {{"MUSTER_LOG__FORMAT", "xml"}};
  sources.settings = {{"log.level", "debug", "--log-level"},
                      {"broker.nam", "x", "--set"},
                      {"broker", "x", "--set"},
                      {"heartbeat.liveness", "1", "--set"},
                      {"broker.name", "\xff", "--name"}};
  EXPECT_EQ(
      faults_of(load_broker(sources), file.path()),
      (Lines{
          "file:2:9: log.level: found \"loud\"; allowed is one of \"trace\" \"debug\" \"info\" "
          "\"warning\" \"error\" \"fatal\"",
          "environment variable MUSTER_LOG__FORMAT: log.format: found \"xml\"; allowed is one of "
          "\"text\" \"json\"",
          "--set: broker.nam: there is no such key; did you mean broker.name?",
          "--set: broker: this is a section; write SECTION.KEY=VALUE; [broker] has name, "
          "frontend, backend, io_threads, busy_poll, stop_timeout",
          "--name: broker.name: found a text that is not UTF-8",
          "--set: heartbeat.liveness: found 1; allowed is 2 to 100"}));
}

TEST_F(Origins, EveryKindOfBrokerOptionArrives) {
  const TemporaryFile file(R"(
[broker]
frontend = ["tcp://*:1", "ipc:///run/m"]
[heartbeat]
interval = "500ms"
[routing]
policy = "lottery"
[requests]
timeout = "1m"
timeout_max = "2m"
first_timeout = "3s"
idle_timeout = "4s"
[no_worker]
wait = "5s"
[limits]
header_bytes_max = "8KiB"
frame_bytes_max = "1MiB"
message_bytes_max = "2MiB"
frames_max = 4
held_bytes_max = "3MiB"
outstanding_per_client_max = 5
[log]
level = "fatal"
format = "json"
file = "x.log"
)");
  sources.file = file.path();
  const LoadedBroker loaded = broker();
  const broker::ControllerOptions& options = loaded.options.controller;
  EXPECT_EQ(loaded.options.frontend, (Lines{"tcp://*:1", "ipc:///run/m"}));
  EXPECT_EQ(options.heartbeat_interval, std::chrono::milliseconds{500});
  EXPECT_EQ(options.policy, broker::RoutingPolicyKind::lottery);
  EXPECT_EQ(options.request_timeout, std::chrono::minutes{1});
  EXPECT_EQ(options.request_timeout_max, std::chrono::minutes{2});
  EXPECT_EQ(options.first_timeout, std::chrono::seconds{3});
  EXPECT_EQ(options.idle_timeout, std::chrono::seconds{4});
  EXPECT_EQ(options.no_worker_wait, std::chrono::seconds{5});
  EXPECT_EQ(options.limits.header_bytes, 8u * 1024);
  EXPECT_EQ(options.limits.frame_bytes, 1u << 20);
  EXPECT_EQ(options.limits.message_bytes, 2u << 20);
  EXPECT_EQ(options.limits.frames, 4u);
  EXPECT_EQ(options.held_bytes_max, 3u << 20);
  EXPECT_EQ(options.outstanding_per_client_max, 5u);
  EXPECT_EQ(loaded.log.level, log::Level::fatal);
  EXPECT_EQ(loaded.log.format, log::Format::json);
  EXPECT_EQ(loaded.log.file, "x.log");
}

TEST_F(Origins, EveryKindOfAgentOptionArrives) {
  const TemporaryFile file(R"(
[worker]
name = "w"
slots = 9
speed = 2.5
models = ["m"]
drain_timeout = "6s"
[worker.labels]
gpu = "h100"
[server]
kind = "echo"
url = "http://127.0.0.1:9"
api_key_file = "key"
ca_file = "ca"
connect_timeout = "1s"
health_interval = "3s"
health_timeout = "4s"
metrics = false
[echo]
model = "parrot"
first_token = "10ms"
per_token = "20ms"
)");
  sources.file = file.path();
  const LoadedAgent loaded = agent();
  EXPECT_EQ(loaded.options.name, "w");
  EXPECT_EQ(loaded.options.slots, 9u);
  EXPECT_EQ(loaded.options.speed, 2.5);
  ASSERT_EQ(loaded.options.models.size(), 1u);
  EXPECT_EQ(loaded.options.models[0].name, "m");
  EXPECT_EQ(loaded.options.drain_timeout, std::chrono::seconds{6});
  EXPECT_EQ(loaded.options.labels, (StringMap{{"gpu", "h100"}}));
  EXPECT_EQ(loaded.server.kind, agent::ModelServerKind::echo);
  EXPECT_EQ(loaded.server.url, "http://127.0.0.1:9");
  EXPECT_EQ(loaded.server.api_key_file, "key");
  EXPECT_EQ(loaded.server.ca_file, "ca");
  EXPECT_EQ(loaded.server.connect_timeout, std::chrono::seconds{1});
  EXPECT_EQ(loaded.server.health_interval, std::chrono::seconds{3});
  EXPECT_EQ(loaded.server.health_timeout, std::chrono::seconds{4});
  EXPECT_FALSE(loaded.server.metrics);
  EXPECT_EQ(loaded.echo.model, "parrot");
  EXPECT_EQ(loaded.echo.first_token, std::chrono::milliseconds{10});
  EXPECT_EQ(loaded.echo.per_token, std::chrono::milliseconds{20});
}

TEST_F(Origins, EveryKindOfCliOptionArrives) {
  const TemporaryFile file(
      "[client]\nbroker = \"ipc:///run/m\"\ntimeout = \"30s\"\n[ask]\nmodel = \"llama\"\n");
  sources.file = file.path();
  const LoadedCli loaded = cli();
  EXPECT_EQ(loaded.options.broker, "ipc:///run/m");
  EXPECT_EQ(loaded.options.timeout, std::chrono::seconds{30});
  EXPECT_EQ(loaded.options.model, "llama");
}

TEST_F(Origins, WhatIsPrintedLoadsToTheSame) {
  sources.settings = {{"worker.labels.a b", "x \"y\"", "--set"},
                      {"worker.models", "[\"a\", { name = \"b\", aliases = [\"c\"] }]", "--model"},
                      {"worker.brokers", "tcp://a:1,tcp://b:2", "--broker"},
                      {"worker.slots", "3", "--slots"},
                      {"echo.per_token", "1.5ms", "--set"}};
  const std::string printed = print_values(agent().values);
  EXPECT_TRUE(
      printed.starts_with("[worker]\n"
                          "name = \"\"                               # default\n"
                          "brokers = [\"tcp://a:1\", \"tcp://b:2\"]    # --broker\n"
                          "slots = 3                               # --slots\n"))
      << printed;
  const TemporaryFile file(printed);
  const std::vector<EffectiveValue> before = agent().values;
  sources = {.file = file.path(), .environment = {}, .settings = {}};
  const std::vector<EffectiveValue> after = agent().values;
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].value, after[i].value) << before[i].key;
    EXPECT_TRUE(after[i].origin.starts_with(file.path())) << before[i].key;
  }
}

}  // namespace
}  // namespace muster::config
