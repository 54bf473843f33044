#pragma once

// What a process has used so far, and what the machine has, as Linux tells under /proc.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/time.hpp"

namespace muster::bench {

struct Usage {
  Duration user{};  // of all threads, in steps of 10 ms
  Duration system{};
  std::uint64_t switches = 0;        // of context, wanted or not, of all threads that still run
  std::uint64_t resident_bytes = 0;  // now
  std::uint64_t resident_bytes_max = 0;

  [[nodiscard]] Duration cpu() const { return user + system; }
};

// Nothing where there is no such process.
[[nodiscard]] std::optional<Usage> usage_of(pid_t pid);

struct MachineTime {
  Duration busy{};
  Duration all{};  // idle time too; of all processors together
};
[[nodiscard]] std::optional<MachineTime> machine_time();

// ---- the texts of /proc; times in ticks of the system's clock ----------------------------------

struct CpuTicks {
  std::uint64_t user = 0;
  std::uint64_t system = 0;
};
// `text`: of /proc/PID/stat.
[[nodiscard]] std::optional<CpuTicks> parse_stat(std::string_view text);

// The number of the line "KEY: NUMBER" of /proc/PID/status; 0 where there is none.
[[nodiscard]] std::uint64_t parse_status(std::string_view text, std::string_view key);

struct MachineTicks {
  std::uint64_t busy = 0;
  std::uint64_t all = 0;
};
// `text`: of /proc/stat.
[[nodiscard]] std::optional<MachineTicks> parse_machine(std::string_view text);

}  // namespace muster::bench
