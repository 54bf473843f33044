#include "tools/bench/usage.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace muster::bench {

namespace {

// Empty where it can't be read: processes and threads go.
std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(word.size());
  return word;
}

std::optional<std::uint64_t> number_in(std::string_view word) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size()) return std::nullopt;
  return number;
}

Duration from_ticks(std::uint64_t ticks) {
  static const auto a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return Duration{static_cast<Duration::rep>(ticks * 1'000'000 / a_second)};
}

}  // namespace

std::optional<CpuTicks> parse_stat(std::string_view text) {
  // The second field is the program's name in brackets, whatever that contains; utime and stime are
  // the fourteenth and the fifteenth.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  for (int field = 3; field < 14; ++field)
    (void)next_word(text);
  const auto user = number_in(next_word(text));
  const auto system = number_in(next_word(text));
  if (!user || !system) return std::nullopt;
  return CpuTicks{*user, *system};
}

std::uint64_t parse_status(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(':')) continue;
    line.remove_prefix(key.size() + 1);
    return number_in(next_word(line)).value_or(0);
  }
  return 0;
}

std::optional<MachineTicks> parse_machine(std::string_view text) {
  if (next_word(text) != "cpu") return std::nullopt;
  // user nice system idle iowait irq softirq steal; what guests use is in user already.
  std::vector<std::uint64_t> ticks;
  while (ticks.size() < 8) {
    const auto number = number_in(next_word(text));
    if (!number) return std::nullopt;
    ticks.push_back(*number);
  }
  MachineTicks machine;
  for (const std::uint64_t one : ticks)
    machine.all += one;
  machine.busy = machine.all - ticks[3] - ticks[4];
  return machine;
}

std::optional<Usage> usage_of(pid_t pid) {
  const std::filesystem::path folder = "/proc/" + std::to_string(pid);
  const auto ticks = parse_stat(read_file(folder / "stat"));
  if (!ticks) return std::nullopt;
  Usage usage;
  usage.user = from_ticks(ticks->user);
  usage.system = from_ticks(ticks->system);
  const std::string status = read_file(folder / "status");
  usage.resident_bytes = parse_status(status, "VmRSS") * 1024;
  usage.resident_bytes_max = parse_status(status, "VmHWM") * 1024;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(folder / "task", gone)) {
    const std::string of_thread = read_file(thread.path() / "status");
    usage.switches += parse_status(of_thread, "voluntary_ctxt_switches") +
                      parse_status(of_thread, "nonvoluntary_ctxt_switches");
  }
  return usage;
}

std::optional<MachineTime> machine_time() {
  const auto ticks = parse_machine(read_file("/proc/stat"));
  if (!ticks) return std::nullopt;
  return MachineTime{from_ticks(ticks->busy), from_ticks(ticks->all)};
}

}  // namespace muster::bench
