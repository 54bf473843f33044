// What is shown of runs whose figures are known.

#include "tools/bench/report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/bench/plot.hpp"

namespace muster::bench {
namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;
using std::chrono::seconds;

Figures run_of(Target target, std::uint64_t round, std::uint64_t answered, Duration user,
               Duration system) {
  Figures run;
  run.target = target;
  run.round = round;
  run.time = seconds{2};
  run.answered = answered;
  run.user = user;
  run.system = system;
  run.switches = answered / 2;
  run.resident_bytes = 12 * 1024 * 1024 + 512 * 1024;
  run.resident_bytes_max = 13 * 1024 * 1024;
  run.own_cpu = seconds{1};
  run.busiest = 0.5;
  run.others = 0.034;
  run.tally.sent = run.tally.answered = answered + 10;
  for (int us = 1; us <= 100; ++us)
    run.latencies.add(microseconds{us});
  return run;
}

// Muster at half the proxy's throughput and three times its CPU time a request, then at a quarter
// and at twice.
std::vector<Figures> two_rounds() {
  return {run_of(Target::muster, 1, 100'000, microseconds{900'000}, microseconds{300'000}),
          run_of(Target::proxy, 1, 200'000, microseconds{400'000}, microseconds{400'000}),
          run_of(Target::proxy, 2, 400'000, microseconds{800'000}, microseconds{800'000}),
          run_of(Target::muster, 2, 100'000, microseconds{400'000}, microseconds{400'000})};
}

TEST(BenchReport, ShowsEachRunAndWhatTheRoundsSay) {
  EXPECT_EQ(
      table_of(two_rounds()),
      "ROUND  TARGET  REQUESTS/S   P50   P90   P99  P99.9    MAX  CPU/REQUEST    USER  SYSTEM  "
      "SWITCHES  RESIDENT  OTHERS\n"
      "    1  muster      50,000  50us  90us  99us  100us  100us      12.00us  9.00us  3.00us  "
      "    0.50   12.5MiB      3%\n"
      "    1  proxy      100,000  50us  90us  99us  100us  100us       4.00us  2.00us  2.00us  "
      "    0.50   12.5MiB      3%\n"
      "    2  proxy      200,000  50us  90us  99us  100us  100us       4.00us  2.00us  2.00us  "
      "    0.50   12.5MiB      3%\n"
      "    2  muster      50,000  50us  90us  99us  100us  100us       8.00us  4.00us  4.00us  "
      "    0.50   12.5MiB      3%\n"
      "\n"
      "to proxy, which is 1: medians of the rounds\n"
      "TARGET  ROUNDS  REQUESTS/S           CPU/REQUEST          P50\n"
      "muster       2  0.38 (0.25 to 0.50)  2.50 (2.00 to 3.00)  1.00 (1.00 to 1.00)\n");
}

TEST(BenchReport, OfOneTargetComparesNothing) {
  const std::string table = table_of({two_rounds()[0]});
  EXPECT_EQ(table.find("which is 1"), std::string::npos);
  EXPECT_NE(table.find("muster"), std::string::npos);
}

TEST(BenchReport, TellsLargeBodiesApart) {
  auto runs = two_rounds();
  EXPECT_EQ(table_of(runs).find("large bodies"), std::string::npos);
  for (int ms = 1; ms <= 100; ++ms)
    runs[0].bulk_latencies.add(microseconds{1000 * ms});
  runs[0].heartbeats_late.add(microseconds{70});
  runs[0].heartbeats_late.add(microseconds{200});
  const std::string table = table_of(runs);
  EXPECT_NE(table.find("\nrequests with large bodies beside them\n"
                       "ROUND  TARGET  BULK     P50     P99    MAX  HEARTBEATS LATE P50    MAX\n"
                       "    1  muster   100  50.2ms  99.3ms  100ms                 70us  200us\n"),
            std::string::npos)
      << table;
  const Json run = Json::parse(json_of({}, runs))["runs"][0];
  EXPECT_EQ(run["bulk_latency"]["count"], 100);
  EXPECT_EQ(run["heartbeats_late"]["max"], 200);
}

TEST(BenchReport, WithoutTheProxyTheLastTargetIsOne) {
  const std::vector<Figures> runs = {
      run_of(Target::muster, 1, 300'000, microseconds{900'000}, microseconds{300'000}),
      run_of(Target::nats, 1, 100'000, microseconds{400'000}, microseconds{400'000})};
  const std::string table = table_of(runs);
  EXPECT_NE(table.find("to nats, which is 1"), std::string::npos);
  EXPECT_NE(table.find("muster       1  3.00        0.50         1.00\n"), std::string::npos)
      << table;
}

TEST(BenchReport, ARoundWithAFailedRunDoesNotCount) {
  auto runs = two_rounds();
  runs[1].problems = {"1 requests were never answered"};
  const auto ratios = ratios_of(runs, Target::muster, Target::proxy);
  ASSERT_EQ(ratios.size(), 1u);
  EXPECT_EQ(ratios[0].throughput, 0.25);
  EXPECT_NE(table_of(runs).find("FAILED"), std::string::npos);
  EXPECT_EQ(table_of(two_rounds()).find("FAILED"), std::string::npos);
}

TEST(BenchReport, ARunTooShortForTheClockDividesByNothing) {
  auto runs = two_rounds();
  runs[1].user = runs[1].system = Duration{};
  runs[2].answered = 0;
  EXPECT_TRUE(ratios_of(runs, Target::muster, Target::proxy).empty());
  EXPECT_FALSE(table_of(runs).empty());
  EXPECT_EQ(Figures{}.requests_a_second(), 0);
  EXPECT_EQ(Figures{}.switches_a_request(), 0);
}

TEST(BenchReport, GivesAllFiguresAsJson) {
  BenchOptions options;
  options.settings = {"a.b=1"};
  auto runs = two_rounds();
  runs[3].tally.not_sent = 4;
  const Json all = Json::parse(json_of(options, runs));
  EXPECT_EQ(all["version"], MUSTER_VERSION);
  EXPECT_EQ(all["options"]["clients"], 8);
  EXPECT_EQ(all["options"]["slots"], 64);
  EXPECT_EQ(all["options"]["duration"], 3'000'000);
  EXPECT_EQ(all["options"]["targets"], (Json{"muster", "proxy"}));
  EXPECT_EQ(all["options"]["settings"], (Json{"a.b=1"}));
  ASSERT_EQ(all["runs"].size(), 4u);
  const Json& run = all["runs"][0];
  EXPECT_EQ(run["round"], 1);
  EXPECT_EQ(run["target"], "muster");
  EXPECT_EQ(run["requests_a_second"], 50'000);
  EXPECT_EQ(run["latency"]["count"], 100);
  EXPECT_EQ(run["latency"]["p99"], 99);
  EXPECT_EQ(run["latency"]["max"], 100);
  EXPECT_EQ(run["cpu"], 1'200'000);
  EXPECT_EQ(run["cpu_a_request"], 12);
  EXPECT_EQ(run["user_a_request"], 9);
  EXPECT_EQ(run["system_a_request"], 3);
  EXPECT_EQ(run["load_cpu_a_request"], 10);
  EXPECT_EQ(run["resident_bytes_max"], 13 * 1024 * 1024);
  EXPECT_EQ(run["whole_run"]["sent"], 100'010);
  EXPECT_EQ(run["problems"], Json::array());
  EXPECT_EQ(all["runs"][3]["whole_run"]["not_sent"], 4);
  EXPECT_EQ(all["comparison"]["base"], "proxy");
  const Json& muster = all["comparison"]["targets"]["muster"];
  EXPECT_EQ(muster["rounds"][1], (Json{{"throughput", 0.25}, {"cpu", 2.0}, {"latency", 1.0}}));
  EXPECT_EQ(muster["median"], (Json{{"throughput", 0.375}, {"cpu", 2.5}, {"latency", 1.0}}));
}

TEST(BenchPlot, HasACurveForEachTargetWithASoundRun) {
  auto runs = two_rounds();
  runs.push_back(run_of(Target::nats, 1, 100'000, microseconds{1}, microseconds{1}));
  runs.back().problems = {"1 requests were never answered"};
  const std::string svg = plot_of(BenchOptions{}, runs);
  EXPECT_NE(svg.find(">muster: 50000 requests/s, 10.00 us CPU a request<"), std::string::npos);
  EXPECT_NE(svg.find(">proxy: 150000 requests/s, 4.00 us CPU a request<"), std::string::npos);
  EXPECT_EQ(svg.find("nats"), std::string::npos);
  EXPECT_NE(svg.find(">99.99 %<"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(BenchPlot, OfNothingIsAnEmptyOne) {
  const std::string svg = plot_of(BenchOptions{}, {});
  EXPECT_EQ(svg.find("polyline"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(BenchReport, SaysTimesInThreeDigits) {
  EXPECT_EQ(short_time(microseconds{0}), "0us");
  EXPECT_EQ(short_time(microseconds{999}), "999us");
  EXPECT_EQ(short_time(microseconds{1000}), "1.00ms");
  EXPECT_EQ(short_time(microseconds{9994}), "9.99ms");
  EXPECT_EQ(short_time(microseconds{9996}), "10.0ms");
  EXPECT_EQ(short_time(microseconds{99'960}), "100ms");
  EXPECT_EQ(short_time(microseconds{999'499}), "999ms");
  EXPECT_EQ(short_time(microseconds{999'500}), "1.00s");
  EXPECT_EQ(short_time(seconds{125}), "125s");
}

TEST(BenchMedian, IsTheMiddle) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 2, 100}), 3);
}

}  // namespace
}  // namespace muster::bench
