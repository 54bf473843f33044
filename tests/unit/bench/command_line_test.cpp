// The command line of muster-bench.

#include "tools/bench/command_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tools/bench/target_process.hpp"

namespace muster::bench {
namespace {

BenchOptions parse(std::vector<std::string> arguments) {
  auto parsed = parse_command_line(std::move(arguments));
  if (const auto* stopped = std::get_if<Stopped>(&parsed))
    ADD_FAILURE() << stopped->out << stopped->err;
  const auto* options = std::get_if<BenchOptions>(&parsed);
  return options != nullptr ? *options : BenchOptions{};
}

Stopped stopped(std::vector<std::string> arguments) {
  auto parsed = parse_command_line(std::move(arguments));
  const auto* stop = std::get_if<Stopped>(&parsed);
  if (stop == nullptr) {
    ADD_FAILURE() << "was taken";
    return {};
  }
  return *stop;
}

TEST(BenchCommandLine, ReadsAllOptions) {
  const BenchOptions options = parse({"--clients",
                                      "3",
                                      "--outstanding",
                                      "100",
                                      "--workers",
                                      "2",
                                      "--slots",
                                      "7",
                                      "--body",
                                      "4KiB",
                                      "--parts",
                                      "5",
                                      "--models",
                                      "6",
                                      "--duration",
                                      "1500ms",
                                      "--warm-up",
                                      "0s",
                                      "--bulk",
                                      "3",
                                      "--bulk-body",
                                      "2MiB",
                                      "--rate",
                                      "250.5",
                                      "--target",
                                      "muster",
                                      "--runs",
                                      "9",
                                      "--seed",
                                      "11",
                                      "--threads",
                                      "2",
                                      "--link",
                                      "zmtp",
                                      "--json",
                                      "out.json",
                                      "--svg",
                                      "out.svg",
                                      "--set",
                                      "a.b=1",
                                      "--set",
                                      "c.d=2",
                                      "--broker-program",
                                      "/bin/other"});
  EXPECT_EQ(options.clients, 3u);
  EXPECT_EQ(options.outstanding, 100u);
  EXPECT_EQ(options.workers, 2u);
  EXPECT_EQ(options.slots, 7u);
  EXPECT_EQ(options.slots_a_worker(), 7u);
  EXPECT_EQ(options.body_bytes, 4096u);
  EXPECT_EQ(options.parts, 5u);
  EXPECT_EQ(options.chunks(), 5u);
  EXPECT_EQ(options.models, 6u);
  EXPECT_EQ(options.duration, std::chrono::milliseconds{1500});
  EXPECT_EQ(options.warm_up, Duration{0});
  EXPECT_EQ(options.rate, 250.5);
  EXPECT_EQ(options.bulk, 3u);
  EXPECT_EQ(options.bulk_bytes, 2u * 1024 * 1024);
  EXPECT_EQ(options.targets, std::vector{Target::muster});
  EXPECT_EQ(options.runs, 9u);
  EXPECT_EQ(options.seed, 11u);
  EXPECT_EQ(options.threads, 2u);
  EXPECT_EQ(options.link, LinkKind::zmtp);
  EXPECT_EQ(options.json, "out.json");
  EXPECT_EQ(options.svg, "out.svg");
  EXPECT_EQ(options.settings, (std::vector<std::string>{"a.b=1", "c.d=2"}));
  EXPECT_EQ(options.broker_program, "/bin/other");
}

TEST(BenchCommandLine, HasTheDefaultsThatItsHelpNames) {
  const BenchOptions options = parse({});
  const std::string help = stopped({"--help"}).out;
  const auto named = [&help](const std::string& flag, std::uint64_t number) {
    const std::size_t at = help.find(flag);
    const std::string text = "(" + std::to_string(number);
    return at != std::string::npos && help.find(text, at) < help.find("\n  -", at);
  };
  EXPECT_TRUE(named("--clients", options.clients));
  EXPECT_TRUE(named("--outstanding", options.outstanding));
  EXPECT_TRUE(named("--workers", options.workers));
  EXPECT_TRUE(named("--body", options.body_bytes));
  EXPECT_TRUE(named("--parts", options.parts));
  EXPECT_TRUE(named("--models", options.models));
  EXPECT_TRUE(named("--bulk", options.bulk));
  EXPECT_TRUE(named("--bulk-body", options.bulk_bytes / 1024 / 1024));
  EXPECT_TRUE(named("--duration", 3));
  EXPECT_EQ(options.duration, std::chrono::seconds{3});
  EXPECT_TRUE(named("--warm-up", 1));
  EXPECT_EQ(options.warm_up, std::chrono::seconds{1});
  EXPECT_TRUE(named("--runs", options.runs));
  EXPECT_TRUE(named("--seed", options.seed));
  EXPECT_TRUE(named("--threads", options.threads));
  EXPECT_EQ(options.targets, (std::vector{Target::muster, Target::proxy}));
  EXPECT_EQ(options.rate, 0);
  EXPECT_EQ(options.link, LinkKind::libzmq);
}

TEST(BenchCommandLine, AnAnswerInOnePartHasNoChunks) {
  EXPECT_EQ(parse({"--parts", "0"}).chunks(), 0u);
  EXPECT_EQ(parse({"--parts", "1"}).chunks(), 0u);
  EXPECT_EQ(parse({"--parts", "2"}).chunks(), 2u);
}

TEST(BenchCommandLine, GivesWorkersTheSlotsThatAllNeedTogether) {
  EXPECT_EQ(parse({"-c", "8", "-o", "32", "-w", "4"}).slots_a_worker(), 64u);
  EXPECT_EQ(parse({"-c", "3", "-o", "5", "-w", "2"}).slots_a_worker(), 8u);
  EXPECT_EQ(parse({"-c", "100", "-o", "1000", "-w", "1"}).slots_a_worker(), 4096u);
}

TEST(BenchCommandLine, ReadsSeveralTargetsInTheirOrder) {
  EXPECT_EQ(parse({"--target", "proxy,muster"}).targets,
            (std::vector{Target::proxy, Target::muster}));
  EXPECT_EQ(parse({"--target", "nats,router"}).targets,
            (std::vector{Target::nats, Target::router}));
  const auto all = parse({"--target", "all"}).targets;
  EXPECT_TRUE(
      std::ranges::includes(all, std::vector{Target::muster, Target::proxy, Target::router}));
  EXPECT_EQ(all.size(), nats_program() ? 4u : 3u);
  EXPECT_EQ(parse({"--target", "all", "--link", "zmtp"}).targets.size(), 3u) << "all but NATS";
}

TEST(BenchCommandLine, SaysWhatIsWrongAndExitsWithTwo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--clients", "0"}, "from 1 to 10000"},
      {{"--clients", "8x"}, "\"8x\" is no number"},
      {{"--slots", "4097"}, "from 1 to 4096"},
      {{"--rate", "0"}, "from 1 to"},
      {{"--body", "256"}, "256B"},
      {{"--body", "1GiB"}, "64MiB"},
      {{"--bulk", "101"}, "from 0 to 100"},
      {{"--bulk-body", "65MiB"}, "64MiB"},
      {{"--bulk", "1", "--target", "muster,proxy"}, "muster alone"},
      {{"--link", "tls"}, "libzmq,zmtp"},
      {{"--link", "zmtp", "--target", "proxy,nats"}, "NATS"},
      {{"--duration", "3"}, "no duration"},
      {{"--duration", "1ms"}, "from 10ms"},
      {{"--target", "nginx"}, "no target \"nginx\""},
      {{"--target", "proxy,proxy"}, "twice"},
      {{"--target", "proxy,all"}, "besides all"},
      {{"--clients", "1000", "--outstanding", "1001"}, "above 1000000"},
      {{"--dance"}, "--dance"},
      {{"now"}, "now"},
  };
  for (const auto& [arguments, words] : wrong) {
    const Stopped stop = stopped(arguments);
    EXPECT_EQ(stop.exit_code, exit_usage);
    EXPECT_NE(stop.err.find(words), std::string::npos) << stop.err;
    EXPECT_EQ(std::count(stop.err.begin(), stop.err.end(), '\n'), 1);
  }
}

TEST(BenchCommandLine, Helps) {
  const Stopped help = stopped({"--help"});
  EXPECT_EQ(help.exit_code, exit_ok);
  EXPECT_NE(help.out.find("Exit codes:"), std::string::npos);
  EXPECT_EQ(help.out.find("--serve"), std::string::npos);
  EXPECT_EQ(stopped({"--version"}).out, "muster-bench " MUSTER_VERSION "\n");
  for (const auto& [name, target] :
       {std::pair{"proxy", Target::proxy}, std::pair{"router", Target::router}}) {
    const auto parsed = parse_command_line({"--serve", name});
    ASSERT_TRUE(std::holds_alternative<Serve>(parsed));
    EXPECT_EQ(std::get<Serve>(parsed).target, target);
  }
}

}  // namespace
}  // namespace muster::bench
