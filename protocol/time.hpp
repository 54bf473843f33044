#pragma once

// Time as the cores see it: points on a monotonic line whose origin means nothing. Nothing here
// reads a clock; the shells do (protocol/transport/clock.hpp), once a loop turn.

#include <chrono>
#include <cstdint>

namespace muster {

struct MonotonicTimeline {
  using rep = std::int64_t;
  using period = std::micro;
  using duration = std::chrono::microseconds;
  using time_point = std::chrono::time_point<MonotonicTimeline, duration>;
  static constexpr bool is_steady = true;
};

using Duration = std::chrono::microseconds;
using Time = MonotonicTimeline::time_point;

inline constexpr Time time_never = Time::max();

// The longest duration that the wire or a configuration can give: a hundred years. Larger numbers
// are clamped to it, so that adding one to a Time can't overflow.
inline constexpr Duration duration_max = std::chrono::hours{24 * 365 * 100};

// Whole milliseconds, as on the wire; rounded up, so that what is left of a time is never told as
// 0; negative durations are 0.
[[nodiscard]] constexpr std::uint64_t to_wire_ms(Duration d) {
  return d.count() <= 0 ? 0 : static_cast<std::uint64_t>((d.count() + 999) / 1000);
}

[[nodiscard]] constexpr Duration from_wire_ms(std::uint64_t ms) {
  constexpr auto ms_max = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(duration_max).count());
  return std::chrono::milliseconds{static_cast<std::int64_t>(ms < ms_max ? ms : ms_max)};
}

}  // namespace muster
