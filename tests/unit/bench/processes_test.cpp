// What /proc and a broker's log say, and programs that are started and ended.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "protocol/transport/clock.hpp"
#include "tools/bench/child_process.hpp"
#include "tools/bench/target_process.hpp"
#include "tools/bench/usage.hpp"

namespace muster::bench {
namespace {

// Until the condition holds, or for ten seconds.
template <class Condition>
bool comes_true(Condition condition) {
  const Time by = transport::monotonic_now() + std::chrono::seconds{10};
  while (!condition()) {
    if (transport::monotonic_now() >= by) return false;
  }
  return true;
}

TEST(BenchUsage, ReadsStatWhateverAProgramIsCalled) {
  const auto ticks = parse_stat(
      "812 (a (strange) 9 name) S 1 812 812 0 -1 4194304 75 0 3 0 1234 567 8 9 20 0 3 0 17 "
      "4382 33 184\n");
  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->user, 1234u);
  EXPECT_EQ(ticks->system, 567u);
  EXPECT_FALSE(parse_stat(""));
  EXPECT_FALSE(parse_stat("812 (name) S 1 812"));
}

TEST(BenchUsage, ReadsTheLineOfAKeyAndNoOther) {
  const std::string_view status =
      "Name:\tmuster-broker\nVmRSS:\t   12800 kB\nvoluntary_ctxt_switches:\t7\n"
      "nonvoluntary_ctxt_switches:\t5\nCpus_allowed_list:\t0-1\nCpus_allowed:\t3\n";
  EXPECT_EQ(parse_status(status, "VmRSS"), 12'800u);
  EXPECT_EQ(parse_status(status, "voluntary_ctxt_switches"), 7u);
  EXPECT_EQ(parse_status(status, "nonvoluntary_ctxt_switches"), 5u);
  EXPECT_EQ(parse_status(status, "Cpus_allowed"), 3u);
  EXPECT_EQ(parse_status(status, "Vm"), 0u);
  EXPECT_EQ(parse_status("", "VmRSS"), 0u);
}

TEST(BenchUsage, CountsAMachineIdleWhileItWaits) {
  const auto ticks = parse_machine("cpu  10 20 30 400 5 6 7 8 1000 2000\ncpu0 1 2 3 4 5 6 7 8\n");
  ASSERT_TRUE(ticks);
  EXPECT_EQ(ticks->all, 486u);
  EXPECT_EQ(ticks->busy, 81u);
  EXPECT_FALSE(parse_machine("cpu0 1 2 3 4 5 6 7 8\n"));
  EXPECT_FALSE(parse_machine("cpu  10 20 30\n"));
}

TEST(BenchUsage, IsToldOfARunningProcess) {
  const auto before = usage_of(::getpid());
  ASSERT_TRUE(before);
  EXPECT_GT(before->resident_bytes, 0u);
  EXPECT_GE(before->resident_bytes_max, before->resident_bytes / 2);
  EXPECT_TRUE(comes_true([&] { return usage_of(::getpid())->cpu() > before->cpu(); }));
  const auto machine = machine_time();
  ASSERT_TRUE(machine);
  EXPECT_GT(machine->busy, Duration{});
  EXPECT_GE(machine->all, machine->busy);
}

TEST(BenchTarget, FindsWhereABrokerListensOnceTheLineIsWhole) {
  const std::string line =
      R"({"time":"x","level":"info","message":"listening","frontend":"tcp://127.0.0.1:1",)"
      R"("backend":"tcp://127.0.0.1:2"})";
  EXPECT_FALSE(endpoints_in(""));
  EXPECT_FALSE(endpoints_in("{\"message\":\"stopped\"}\nno json\n"));
  EXPECT_FALSE(endpoints_in("no json\n" + line));
  const auto found = endpoints_in("no json\n" + line + "\n{\"message\":\"worker\"}\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->frontend, "tcp://127.0.0.1:1");
  EXPECT_EQ(found->backend, "tcp://127.0.0.1:2");
}

TEST(BenchTarget, FindsWhereANatsServerListens) {
  const auto found = endpoints_in(
      "[7] 2026/01/02 03:04:05.6 [INF] Starting nats-server\n"
      "[7] 2026/01/02 03:04:05.6 [INF] Listening for client connections on 127.0.0.1:43211\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->frontend, "tcp://127.0.0.1:43211");
  EXPECT_EQ(found->backend, found->frontend);
}

TEST(BenchTarget, SaysWhyItDoesNotListen) {
  BenchOptions options;
  options.broker_program = "/bin/false";
  const auto broker = start_target(Target::muster, options);
  ASSERT_FALSE(broker);
  EXPECT_NE(broker.error().find("/bin/false ended with exit code 1"), std::string::npos);
}

TEST(BenchChild, KeepsWhatIsWrittenAndTellsHowItEnded) {
  ChildProcess child({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(comes_true([&] { return child.ended().has_value(); }));
  EXPECT_EQ(child.ended(), "with exit code 3");
  EXPECT_EQ(child.output(), "out\nerr\n");
  EXPECT_EQ(child.last_words(), "err");
  EXPECT_FALSE(child.end(std::chrono::seconds{10}));
}

TEST(BenchChild, EndsInOrderWhereItObeys) {
  ChildProcess child({"/usr/bin/tail", "-f", "/dev/null"});
  EXPECT_FALSE(child.ended());
  EXPECT_TRUE(child.end(std::chrono::seconds{10}));
  EXPECT_EQ(child.ended(), "by signal " + std::to_string(SIGTERM));
}

TEST(BenchChild, EndsOutOfOrderWhereItSaysSo) {
  ChildProcess child({"/bin/sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do :; done"});
  ASSERT_TRUE(comes_true([&] { return child.output() == "ready\n"; }));
  const auto ended = child.end(std::chrono::seconds{10});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error(), "it ended with exit code 3");
}

TEST(BenchChild, IsEndedWhereItDoesNotObey) {
  ChildProcess child({"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do :; done"});
  ASSERT_TRUE(comes_true([&] { return child.output() == "ready\n"; }));
  const auto ended = child.end(std::chrono::milliseconds{50});
  ASSERT_FALSE(ended);
  EXPECT_EQ(child.ended(), "by signal " + std::to_string(SIGKILL));
}

TEST(BenchChild, SaysWhatCannotBeStarted) {
  ChildProcess child({"/no/such/program"});
  ASSERT_TRUE(comes_true([&] { return child.ended().has_value(); }));
  EXPECT_EQ(child.ended(), "with exit code 127");
  EXPECT_EQ(child.output(), "No such file or directory");
}

TEST(BenchChild, DiesWithWhoHoldsIt) {
  pid_t pid = -1;
  {
    ChildProcess child({"/bin/sh", "-c", "trap '' TERM; while :; do :; done"});
    pid = child.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace muster::bench
