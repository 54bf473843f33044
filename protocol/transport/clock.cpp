#include "protocol/transport/clock.hpp"

#include <sys/random.h>
#include <time.h>

#include <cerrno>
#include <chrono>

#include "protocol/check.hpp"

namespace muster::transport {

Time monotonic_now() {
  // CLOCK_MONOTONIC, not CLOCK_BOOTTIME: while the machine slept nobody could have been heard, so a
  // sleep must not look like a silence.
  timespec now{};
  CHECK(::clock_gettime(CLOCK_MONOTONIC, &now) == 0, "the monotonic clock can't be read");
  return Time{std::chrono::duration_cast<Duration>(std::chrono::seconds{now.tv_sec} +
                                                   std::chrono::nanoseconds{now.tv_nsec})};
}

std::uint64_t unix_ms_now() {
  timespec now{};
  CHECK(::clock_gettime(CLOCK_REALTIME, &now) == 0, "the wall clock can't be read");
  if (now.tv_sec < 0) return 0;
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
         static_cast<std::uint64_t>(now.tv_nsec / 1'000'000);
}

std::uint64_t system_random() {
  std::uint64_t bits = 0;
  while (true) {
    // Up to 256 bytes come whole; only a signal before the system's pool is ready interrupts.
    const auto got = ::getrandom(&bits, sizeof bits, 0);
    if (got == sizeof bits) return bits;
    CHECK(got < 0 && errno == EINTR, "the system's randomness can't be read");
  }
}

Instance new_instance() {
  // The clock's part leaves ten bits; a clock beyond the year 2248 would not fit into 53.
  constexpr std::uint64_t ms_max = instance_max >> 10;
  const std::uint64_t ms = unix_ms_now();
  return Instance{((ms < ms_max ? ms : ms_max) << 10) | (system_random() & 1023)};
}

}  // namespace muster::transport
