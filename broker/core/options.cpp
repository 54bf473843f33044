#include "broker/core/options.hpp"

#include <algorithm>
#include <array>

namespace muster::broker {
namespace {

using OptionFault = ControllerOptions::OptionFault;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array duration_units = {Unit{"h", 3'600'000'000}, Unit{"m", 60'000'000},
                                       Unit{"s", 1'000'000}, Unit{"ms", 1'000}, Unit{"us", 1}};
constexpr std::array size_units = {Unit{"GiB", gib}, Unit{"MiB", mib}, Unit{"KiB", kib},
                                   Unit{"B", 1}};

// In the largest unit that it is a whole number of.
template <std::size_t N>
std::string in_units(std::uint64_t amount, const std::array<Unit, N>& units) {
  const auto whole = [&](const Unit& unit) { return amount != 0 && amount % unit.factor == 0; };
  const auto found = std::ranges::find_if(units, whole);
  const Unit& unit = found == units.end() ? units.back() : *found;
  return std::to_string(amount / unit.factor) + std::string(unit.name);
}

std::string words(Duration duration) {
  if (duration == Duration{0}) return "0s";
  const bool negative = duration < Duration{0};
  return (negative ? "-" : "") +
         in_units(static_cast<std::uint64_t>(std::abs(duration.count())), duration_units);
}

std::string words(std::uint64_t amount) {
  return std::to_string(amount);
}

std::string words(double number) {
  std::string text = std::to_string(number);  // "0.500000"
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// A size in bytes, to be told as one.
enum class Bytes : std::uint64_t {};
std::string words(Bytes bytes) {
  return in_units(static_cast<std::uint64_t>(bytes), size_units);
}

class Validation {
 public:
  template <class T>
  void range(const char* key, T value, T min, T max) {
    if (value >= min && value <= max) return;
    faults_.push_back(
        {key, "found " + words(value) + "; allowed is " + words(min) + " to " + words(max)});
  }

  template <class T>
  void at_most(const char* key, T value, const char* other_key, T other) {
    if (value <= other) return;
    faults_.push_back({key, "found " + words(value) + ", more than " + other_key + ", which is " +
                                words(other) + "; lower the one or raise the other"});
  }

  void name(const char* key, const std::string& value, std::uint64_t bytes_max) {
    const bool control = std::ranges::any_of(value, [](char c) { return c >= 0 && c < ' '; });
    if (!value.empty() && value.size() <= bytes_max && !control) return;
    faults_.push_back({key, "found a name of " + words(value.size()) + " bytes" +
                                (control ? " with control characters" : "") +
                                "; allowed is one of 1 to " + words(bytes_max) +
                                " bytes without control characters"});
  }

  [[nodiscard]] std::vector<OptionFault> take() { return std::move(faults_); }

 private:
  std::vector<OptionFault> faults_;
};

}  // namespace

std::string_view policy_name(RoutingPolicyKind kind) {
  switch (kind) {
    case RoutingPolicyKind::lottery:
      return "lottery";
    case RoutingPolicyKind::shortest_queue:
      return "shortest_queue";
    case RoutingPolicyKind::round_robin:
      return "round_robin";
    case RoutingPolicyKind::power_of_two:
      return "power_of_two";
  }
  return "unknown";
}

std::vector<OptionFault> ControllerOptions::validate() const {
  constexpr Duration request_max = hours{24 * 30};
  Validation check;
  check.name("broker.name", name, limits.name_bytes);
  check.range<Duration>("heartbeat.interval", heartbeat_interval, milliseconds{10}, minutes{1});
  check.range<std::uint64_t>("heartbeat.liveness", heartbeat_liveness, 2, 100);
  check.range<Duration>("requests.timeout", request_timeout, milliseconds{1}, request_max);
  check.range<Duration>("requests.timeout_max", request_timeout_max, milliseconds{1}, request_max);
  check.at_most("requests.timeout", request_timeout, "requests.timeout_max", request_timeout_max);
  check.range<Duration>("requests.first_timeout", first_timeout, Duration{0}, request_max);
  check.range<Duration>("requests.idle_timeout", idle_timeout, Duration{0}, request_max);
  check.range<std::uint64_t>("queue.depth_max", queue_depth_max, 0, 1'000'000);
  check.range<std::uint64_t>("requests.retries", retries, 0, 100);
  check.range<Duration>("no_worker.wait", no_worker_wait, Duration{0}, hours{1});
  check.range<Duration>("no_worker.restart_grace", restart_grace, Duration{0}, hours{1});
  check.range<std::uint64_t>("ejection.failures", ejection_failures, 0, 1'000'000);
  check.range<Duration>("ejection.duration", ejection_duration, milliseconds{1}, hours{24});
  check.range<double>("ejection.share_max", ejection_share_max, 0, 1);
  check.range<Duration>("worker.stall", stall, Duration{0}, hours{24});
  check.range("limits.header_bytes_max", Bytes{limits.header_bytes}, Bytes{4 * kib},
              Bytes{16 * mib});
  check.range("limits.frame_bytes_max", Bytes{limits.frame_bytes}, Bytes{kib}, Bytes{4 * gib});
  check.range("limits.message_bytes_max", Bytes{limits.message_bytes}, Bytes{4 * kib},
              Bytes{16 * gib});
  check.at_most("limits.header_bytes_max", Bytes{limits.header_bytes}, "limits.message_bytes_max",
                Bytes{limits.message_bytes});
  check.at_most("limits.frame_bytes_max", Bytes{limits.frame_bytes}, "limits.message_bytes_max",
                Bytes{limits.message_bytes});
  check.range<std::uint64_t>("limits.frames_max", limits.frames, 2, 1024);
  check.range("limits.held_bytes_max", Bytes{held_bytes_max}, Bytes{mib}, Bytes{1024 * gib});
  check.at_most("limits.message_bytes_max", Bytes{limits.message_bytes}, "limits.held_bytes_max",
                Bytes{held_bytes_max});
  check.range<std::uint64_t>("limits.outstanding_per_client_max", outstanding_per_client_max, 1,
                             10'000'000);
  return check.take();
}

}  // namespace muster::broker
