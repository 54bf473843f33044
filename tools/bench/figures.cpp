#include "tools/bench/figures.hpp"

#include <algorithm>
#include <utility>

#include "protocol/check.hpp"

namespace muster::bench {

namespace {

double share_of(double sum, std::uint64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

double seconds(Duration time) {
  return static_cast<double>(time.count()) / 1e6;
}

// Null where it is missing or not sound.
const Figures* sound_run(const std::vector<Figures>& runs, std::uint64_t round, Target target) {
  const auto found = std::ranges::find_if(runs, [&](const Figures& run) {
    return run.round == round && run.target == target && run.problems.empty() && run.answered > 0;
  });
  return found != runs.end() ? &*found : nullptr;
}

}  // namespace

double Figures::requests_a_second() const {
  return time > Duration::zero() ? static_cast<double>(answered) / seconds(time) : 0;
}

double Figures::a_request(Duration cpu) const {
  return share_of(static_cast<double>(cpu.count()), answered);
}

double Figures::switches_a_request() const {
  return share_of(static_cast<double>(switches), answered);
}

double Figures::cpu_a_part() const {
  return share_of(static_cast<double>((user + system).count()), part_latencies.count());
}

std::vector<Ratio> ratios_of(const std::vector<Figures>& runs, Target target, Target base) {
  std::vector<Ratio> ratios;
  for (const Figures& run : runs) {
    if (run.target != target) continue;
    const Figures* one = sound_run(runs, run.round, target);
    const Figures* other = sound_run(runs, run.round, base);
    if (one == nullptr || other == nullptr) continue;
    const double other_cpu = other->a_request(other->user + other->system);
    const auto other_latency = static_cast<double>(other->latencies.at(0.5).count());
    if (other_cpu <= 0 || other_latency <= 0) continue;  // too short for the clocks
    ratios.push_back(
        {.throughput = one->requests_a_second() / other->requests_a_second(),
         .cpu = one->a_request(one->user + one->system) / other_cpu,
         .latency = static_cast<double>(one->latencies.at(0.5).count()) / other_latency});
  }
  return ratios;
}

Ratio median_of(const std::vector<Ratio>& ratios) {
  const auto middle = [&ratios](double Ratio::*figure) {
    std::vector<double> all;
    for (const Ratio& ratio : ratios)
      all.push_back(ratio.*figure);
    return median(std::move(all));
  };
  return {.throughput = middle(&Ratio::throughput),
          .cpu = middle(&Ratio::cpu),
          .latency = middle(&Ratio::latency)};
}

double median(std::vector<double> numbers) {
  CHECK(!numbers.empty(), "a median of nothing");
  std::ranges::sort(numbers);
  const std::size_t middle = numbers.size() / 2;
  if (numbers.size() % 2 == 1) return numbers[middle];
  return (numbers[middle - 1] + numbers[middle]) / 2;
}

std::vector<std::string> problems_of(const Tally& tally) {
  std::vector<std::string> problems;
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) problems.push_back(std::to_string(count) + what);
  };
  add(tally.sent - tally.answered, " requests were never answered");
  add(tally.errors, " requests ended with an ERROR");
  add(tally.unasked, " answers came to what nobody had asked");
  add(tally.mangled, " parts of answers were not what the workers have sent");
  if (!tally.first_complaint.empty())
    problems.push_back("the first of it: " + tally.first_complaint);
  if (tally.sent == 0) problems.push_back("nothing was sent");
  return problems;
}

}  // namespace muster::bench
