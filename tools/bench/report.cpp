#include "tools/bench/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "tools/cli/text.hpp"

namespace muster::bench {

namespace {

using Json = nlohmann::ordered_json;

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
      std::to_string(run.round),
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

// The targets of these runs, in the order in which they came first.
std::vector<Target> targets_of(const std::vector<Figures>& runs) {
  std::vector<Target> targets;
  for (const Figures& run : runs) {
    if (std::ranges::find(targets, run.target) == targets.end()) targets.push_back(run.target);
  }
  return targets;
}

// What the others are held against: the proxy, where there is one.
std::optional<Target> base_of(const std::vector<Target>& targets) {
  if (targets.size() < 2) return std::nullopt;
  const bool proxy = std::ranges::find(targets, Target::proxy) != targets.end();
  return proxy ? Target::proxy : targets.back();
}

struct Comparison {
  Target target{};
  std::vector<Ratio> ratios;
};

std::vector<Comparison> comparisons_of(const std::vector<Figures>& runs, Target base) {
  std::vector<Comparison> all;
  for (const Target target : targets_of(runs)) {
    if (target == base) continue;
    auto ratios = ratios_of(runs, target, base);
    if (!ratios.empty()) all.push_back({target, std::move(ratios)});
  }
  return all;
}

// The median, and in brackets from where to where, where that differs.
std::string spread(const std::vector<Ratio>& ratios, double Ratio::*figure) {
  const auto [least, most] = std::ranges::minmax(ratios, {}, figure);
  std::string text = decimal(median_of(ratios).*figure, 2);
  if (ratios.size() > 1)
    text += " (" + decimal(least.*figure, 2) + " to " + decimal(most.*figure, 2) + ")";
  return text;
}

// What each target's runs say together, beside the one that is 1.
std::string comparison_table(const std::vector<Figures>& runs) {
  using cli::Align;
  const auto base = base_of(targets_of(runs));
  if (!base) return {};
  std::vector<std::vector<std::string>> rows;
  for (const auto& [target, ratios] : comparisons_of(runs, *base)) {
    rows.push_back({std::string{target_name(target)}, std::to_string(ratios.size()),
                    spread(ratios, &Ratio::throughput), spread(ratios, &Ratio::cpu),
                    spread(ratios, &Ratio::latency)});
  }
  if (rows.empty()) return {};
  return "\nto " + std::string{target_name(*base)} + ", which is 1: medians of the rounds\n" +
         cli::table(
             {{"TARGET"}, {"ROUNDS", Align::right}, {"REQUESTS/S"}, {"CPU/REQUEST"}, {"P50"}},
             rows);
}

// How long the parts of paced answers were on their way; empty where there were none.
std::string parts_table(const std::vector<Figures>& runs) {
  using cli::Align;
  std::vector<std::vector<std::string>> rows;
  for (const Figures& run : runs) {
    const Histogram& times = run.part_latencies;
    if (times.count() == 0) continue;
    rows.push_back({std::to_string(run.round), std::string{target_name(run.target)},
                    cli::human_count(times.count()), short_time(times.at(0.5)),
                    short_time(times.at(0.9)), short_time(times.at(0.99)),
                    short_time(times.at(0.999)), short_time(times.max()),
                    micros(run.cpu_a_part())});
  }
  if (rows.empty()) return {};
  std::vector<cli::Column> columns = {{"ROUND", Align::right}, {"TARGET"}};
  for (const char* title : {"PARTS", "P50", "P90", "P99", "P99.9", "MAX", "CPU/PART"})
    columns.push_back({title, Align::right});
  return "\nparts of answers, each on its way\n" + cli::table(columns, rows);
}

// What large bodies beside the others were given, and what these did to heartbeats; empty where
// there were none.
std::string bulk_table(const std::vector<Figures>& runs) {
  using cli::Align;
  std::vector<std::vector<std::string>> rows;
  for (const Figures& run : runs) {
    const Histogram& times = run.bulk_latencies;
    if (times.count() == 0) continue;
    rows.push_back({std::to_string(run.round), std::string{target_name(run.target)},
                    cli::human_count(times.count()), short_time(times.at(0.5)),
                    short_time(times.at(0.99)), short_time(times.max()),
                    short_time(run.heartbeats_late.at(0.5)),
                    short_time(run.heartbeats_late.max())});
  }
  if (rows.empty()) return {};
  std::vector<cli::Column> columns = {{"ROUND", Align::right}, {"TARGET"}};
  for (const char* title : {"BULK", "P50", "P99", "MAX", "HEARTBEATS LATE P50", "MAX"})
    columns.push_back({title, Align::right});
  return "\nrequests with large bodies beside them\n" + cli::table(columns, rows);
}

Json ratio_json(const Ratio& ratio) {
  return {{"throughput", ratio.throughput}, {"cpu", ratio.cpu}, {"latency", ratio.latency}};
}

Json comparisons_json(const std::vector<Figures>& runs) {
  const auto base = base_of(targets_of(runs));
  if (!base) return nullptr;
  Json all = {{"base", target_name(*base)}, {"targets", Json::object()}};
  for (const auto& [target, ratios] : comparisons_of(runs, *base)) {
    Json rounds = Json::array();
    for (const Ratio& ratio : ratios)
      rounds.push_back(ratio_json(ratio));
    all["targets"][std::string{target_name(target)}] = {{"rounds", rounds},
                                                        {"median", ratio_json(median_of(ratios))}};
  }
  return all;
}

Json latencies_json(const Histogram& times) {
  return {{"count", times.count()},          {"p50", times.at(0.5).count()},
          {"p90", times.at(0.9).count()},    {"p99", times.at(0.99).count()},
          {"p999", times.at(0.999).count()}, {"max", times.max().count()}};
}

Json run_json(const Figures& run) {
  const Tally& tally = run.tally;
  return {{"round", run.round},
          {"target", target_name(run.target)},
          {"time", run.time.count()},
          {"answered", run.answered},
          {"requests_a_second", run.requests_a_second()},
          {"latency", latencies_json(run.latencies)},
          {"part_latency", latencies_json(run.part_latencies)},
          {"bulk_latency", latencies_json(run.bulk_latencies)},
          {"heartbeats_late", latencies_json(run.heartbeats_late)},
          {"crowd_heard", run.crowd_heard},
          {"cpu_a_part", run.cpu_a_part()},
          {"cpu", (run.user + run.system).count()},
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
          {"answer_bytes", options.answer_size()},
          {"part_interval", options.part_interval.count()},
          {"bulk", options.bulk},
          {"bulk_bytes", options.bulk_bytes},
          {"crowd", options.crowd},
          {"crowd_models", options.crowd_models},
          {"parts", options.parts},
          {"models", options.models},
          {"duration", options.duration.count()},
          {"warm_up", options.warm_up.count()},
          {"rate", options.rate},
          {"targets", targets},
          {"runs", options.runs},
          {"seed", options.seed},
          {"threads", options.threads},
          {"link", options.link == LinkKind::zmtp ? "zmtp" : "libzmq"},
          {"settings", options.settings}};
}

}  // namespace

std::string decimal(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string short_time(Duration time) {
  const auto us = static_cast<double>(time.count());
  if (us < 1000) return decimal(us, 0) + "us";
  if (us < 999'500) return three_digits(us / 1e3) + "ms";
  return three_digits(us / 1e6) + "s";
}

std::string table_of(const std::vector<Figures>& runs) {
  using cli::Align;
  std::vector<cli::Column> columns = {{"ROUND", Align::right}, {"TARGET"}};
  for (const char* title : {"REQUESTS/S", "P50", "P90", "P99", "P99.9", "MAX", "CPU/REQUEST",
                            "USER", "SYSTEM", "SWITCHES", "RESIDENT", "OTHERS"}) {
    columns.push_back({title, Align::right});
  }
  columns.push_back({.drop_when_empty = true});
  std::vector<std::vector<std::string>> rows;
  for (const Figures& run : runs)
    rows.push_back(row_of(run));
  return cli::table(columns, rows) + parts_table(runs) + bulk_table(runs) + comparison_table(runs);
}

std::string json_of(const BenchOptions& options, const std::vector<Figures>& runs) {
  Json all = {{"version", MUSTER_VERSION}, {"options", options_json(options)}};
  all["runs"] = Json::array();
  for (const Figures& run : runs)
    all["runs"].push_back(run_json(run));
  all["comparison"] = comparisons_json(runs);
  return all.dump(2) + "\n";
}

}  // namespace muster::bench
