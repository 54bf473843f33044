#include "tools/bench/report.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/cli/text.hpp"

namespace muster::bench {

namespace {

using Json = nlohmann::ordered_json;

std::string decimal(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

// Three digits of a number that stands before a unit.
std::string three_digits(double number) {
  return decimal(number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0);
}

std::string in_percent(double share) {
  return decimal(share * 100, 0) + "%";
}

std::string in_mebibytes(std::uint64_t bytes) {
  return decimal(static_cast<double>(bytes) / 1024 / 1024, 1) + "MiB";
}

std::string micros(double us) {
  return decimal(us, 2) + "us";
}

std::vector<std::string> row_of(const Figures& run) {
  const auto count = [](double number) {
    return cli::human_count(static_cast<std::uint64_t>(std::llround(number)));
  };
  const Histogram& times = run.latencies;
  return {
      std::to_string(run.pair),
      std::string{target_name(run.target)},
      count(run.requests_a_second()),
      short_time(times.at(0.5)),
      short_time(times.at(0.9)),
      short_time(times.at(0.99)),
      short_time(times.at(0.999)),
      short_time(times.max()),
      micros(run.a_request(run.user + run.system)),
      micros(run.a_request(run.user)),
      micros(run.a_request(run.system)),
      decimal(run.switches_a_request(), 2),
      in_mebibytes(run.resident_bytes),
      in_percent(run.others),
      run.problems.empty() ? "" : "FAILED",
  };
}

// The middle of what each pair says.
Ratio median_of(const std::vector<Ratio>& ratios) {
  std::vector<double> throughput;
  std::vector<double> cpu;
  for (const Ratio& ratio : ratios) {
    throughput.push_back(ratio.throughput);
    cpu.push_back(ratio.cpu);
  }
  return {.throughput = median(throughput), .cpu = median(cpu)};
}

Json latencies_json(const Histogram& times) {
  return {{"count", times.count()},          {"p50", times.at(0.5).count()},
          {"p90", times.at(0.9).count()},    {"p99", times.at(0.99).count()},
          {"p999", times.at(0.999).count()}, {"max", times.max().count()}};
}

Json run_json(const Figures& run) {
  const Tally& tally = run.tally;
  return {{"pair", run.pair},
          {"target", target_name(run.target)},
          {"time", run.time.count()},
          {"answered", run.answered},
          {"requests_a_second", run.requests_a_second()},
          {"latency", latencies_json(run.latencies)},
          {"cpu_a_request", run.a_request(run.user + run.system)},
          {"user_a_request", run.a_request(run.user)},
          {"system_a_request", run.a_request(run.system)},
          {"switches_a_request", run.switches_a_request()},
          {"resident_bytes", run.resident_bytes},
          {"resident_bytes_max", run.resident_bytes_max},
          {"load_cpu_a_request", run.a_request(run.own_cpu)},
          {"load_busiest_thread", run.busiest},
          {"others", run.others},
          {"whole_run",
           {{"sent", tally.sent},
            {"answered", tally.answered},
            {"errors", tally.errors},
            {"unasked", tally.unasked},
            {"mangled", tally.mangled},
            {"not_sent", tally.not_sent}}},
          {"problems", run.problems}};
}

Json options_json(const BenchOptions& options) {
  Json targets = Json::array();
  for (const Target target : options.targets)
    targets.push_back(target_name(target));
  return {{"clients", options.clients},
          {"outstanding", options.outstanding},
          {"workers", options.workers},
          {"slots", options.slots_a_worker()},
          {"body_bytes", options.body_bytes},
          {"parts", options.parts},
          {"models", options.models},
          {"duration", options.duration.count()},
          {"warm_up", options.warm_up.count()},
          {"rate", options.rate},
          {"targets", targets},
          {"runs", options.runs},
          {"seed", options.seed},
          {"threads", options.threads},
          {"settings", options.settings}};
}

}  // namespace

std::string short_time(Duration time) {
  const auto us = static_cast<double>(time.count());
  if (us < 1000) return decimal(us, 0) + "us";
  if (us < 999'500) return three_digits(us / 1e3) + "ms";
  return three_digits(us / 1e6) + "s";
}

std::string table_of(const std::vector<Figures>& runs) {
  using cli::Align;
  std::vector<cli::Column> columns = {{"PAIR", Align::right}, {"TARGET"}};
  for (const char* title : {"REQUESTS/S", "P50", "P90", "P99", "P99.9", "MAX", "CPU/REQUEST",
                            "USER", "SYSTEM", "SWITCHES", "RESIDENT", "OTHERS"}) {
    columns.push_back({title, Align::right});
  }
  columns.push_back({.drop_when_empty = true});
  std::vector<std::vector<std::string>> rows;
  for (const Figures& run : runs)
    rows.push_back(row_of(run));
  std::string text = cli::table(columns, rows);

  const std::vector<Ratio> ratios = ratios_of(runs);
  if (ratios.empty()) return text;
  rows.clear();
  const auto add = [&](std::string pair, const Ratio& ratio) {
    rows.push_back({std::move(pair), decimal(ratio.throughput, 2), decimal(ratio.cpu, 2)});
  };
  for (const Ratio& ratio : ratios)
    add(std::to_string(ratio.pair), ratio);
  add("median", median_of(ratios));
  return text + "\nmuster to proxy, which is 1\n" +
         cli::table(
             {{"PAIR", Align::right}, {"REQUESTS/S", Align::right}, {"CPU/REQUEST", Align::right}},
             rows);
}

std::string json_of(const BenchOptions& options, const std::vector<Figures>& runs) {
  Json all = {{"version", MUSTER_VERSION}, {"options", options_json(options)}};
  all["runs"] = Json::array();
  for (const Figures& run : runs)
    all["runs"].push_back(run_json(run));
  const std::vector<Ratio> ratios = ratios_of(runs);
  all["muster_to_proxy"] = Json::array();
  for (const Ratio& ratio : ratios)
    all["muster_to_proxy"].push_back(
        {{"pair", ratio.pair}, {"throughput", ratio.throughput}, {"cpu", ratio.cpu}});
  if (!ratios.empty()) {
    const Ratio middle = median_of(ratios);
    all["median"] = {{"throughput", middle.throughput}, {"cpu", middle.cpu}};
  }
  return all.dump(2) + "\n";
}

}  // namespace muster::bench
