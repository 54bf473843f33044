#pragma once

// The three times that a request can set itself (docs/protocol.md, section 4), for one job: until
// its end, until its first part, and between parts; of the latter two, 0 is none. An answer without
// parts has its end for a first part. Pure: `now` is passed in.

#include <algorithm>
#include <optional>
#include <string_view>

#include "protocol/error_code.hpp"
#include "protocol/message.hpp"
#include "protocol/time.hpp"
#include "worker_agent/model_server/model_server.hpp"

namespace muster::agent {

class JobClock {
 public:
  JobClock(const RequestOptions& options, Time now)
      : end_(after(now, options.timeout)),
        part_(after(now, unless_zero(options.first_timeout))),
        idle_(unless_zero(options.idle_timeout)) {}

  void part_went_out(Time now) {
    had_part_ = true;
    part_ = after(now, idle_);
  }

  // The next of the three; time_never where none is set.
  [[nodiscard]] Time deadline() const { return std::min(end_, part_); }

  // The `reason` of WORKER_TIMEOUT where a time has run out by `now`.
  [[nodiscard]] std::optional<std::string_view> expired(Time now) const {
    if (now >= end_) return reason::running;
    if (now >= part_) return had_part_ ? reason::idle : reason::first;
    return std::nullopt;
  }

 private:
  static std::optional<Duration> unless_zero(std::optional<Duration> time) {
    return time == Duration::zero() ? std::nullopt : time;
  }
  static Time after(Time now, std::optional<Duration> time) {
    return time ? now + std::min(*time, duration_max) : time_never;
  }

  Time end_;
  Time part_;  // until the first part, then until the next
  std::optional<Duration> idle_;
  bool had_part_ = false;
};

// WORKER_TIMEOUT with that reason.
[[nodiscard]] JobFailed timeout_failure(JobId id, std::string_view which);

}  // namespace muster::agent
