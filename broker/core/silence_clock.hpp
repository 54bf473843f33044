#pragma once

// SilenceClock: how long a peer has been silent, counting only what is its own silence. Two things
// are the broker's instead: what has arrived and is not read yet, so that time is taken as of the
// last moment at which everything that had arrived was read; and a pause of the broker itself
// (frozen, starved: it missed its own Tick), after which nobody is judged for one interval, which
// is the time in which every live peer speaks.

#include <algorithm>

#include "broker/core/options.hpp"

namespace muster::broker {

class SilenceClock {
 public:
  // Shorter than this no turn of the broker counts as a pause of its own, however short the
  // interval: under load turns may take so long, and somebody must be judged then too.
  static constexpr Duration pause_min = std::chrono::milliseconds{100};

  SilenceClock(const ControllerOptions& options, Time now)
      : options_(options), last_tick_(now), read_up_to_(now), judge_from_(now) {}

  // `all_read`: everything that had arrived by `now` has been read.
  void tick(Time now, bool all_read) {
    const Duration interval = options_.heartbeat_interval;
    if (now - last_tick_ > std::max<Duration>(interval * 3 / 2, pause_min))
      judge_from_ = now + interval;
    last_tick_ = now;
    // Under a load that never lets the sockets run empty, time lags: judged late, not never. Where
    // nobody is due it lags, too, and nobody is judged by it.
    read_up_to_ = all_read ? now : std::max(read_up_to_, now - options_.expiry());
  }

  [[nodiscard]] Time last_tick() const { return last_tick_; }
  [[nodiscard]] Time read_up_to() const { return read_up_to_; }
  // Nobody is judged before.
  [[nodiscard]] Time judge_from() const { return judge_from_; }
  [[nodiscard]] Duration silence(Time last_heard) const { return read_up_to_ - last_heard; }

 private:
  const ControllerOptions& options_;
  Time last_tick_;
  Time read_up_to_;
  Time judge_from_;
};

}  // namespace muster::broker
