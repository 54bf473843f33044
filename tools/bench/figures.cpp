#include "tools/bench/figures.hpp"

#include <algorithm>

#include "protocol/check.hpp"

namespace muster::bench {

namespace {

double share_of(double sum, std::uint64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

double seconds(Duration time) {
  return static_cast<double>(time.count()) / 1e6;
}

// Of a pair; null where it is missing or not sound.
const Figures* sound_run(const std::vector<Figures>& runs, std::uint64_t pair, Target target) {
  const auto found = std::ranges::find_if(runs, [&](const Figures& run) {
    return run.pair == pair && run.target == target && run.problems.empty() && run.answered > 0;
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

std::vector<Ratio> ratios_of(const std::vector<Figures>& runs) {
  std::vector<Ratio> ratios;
  for (const Figures& run : runs) {
    if (run.target != Target::muster) continue;
    const Figures* muster = sound_run(runs, run.pair, Target::muster);
    const Figures* proxy = sound_run(runs, run.pair, Target::proxy);
    if (muster == nullptr || proxy == nullptr) continue;
    const double proxy_cpu = proxy->a_request(proxy->user + proxy->system);
    if (proxy_cpu <= 0) continue;  // too short for the system's clock
    ratios.push_back({.pair = run.pair,
                      .throughput = muster->requests_a_second() / proxy->requests_a_second(),
                      .cpu = muster->a_request(muster->user + muster->system) / proxy_cpu});
  }
  return ratios;
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
