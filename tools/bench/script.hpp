#pragma once

// Script: what all clients and workers of one driver say and expect to hear; made once, so that
// nothing is composed while it is measured.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <zmq.hpp>

#include "protocol/time.hpp"
#include "tools/bench/histogram.hpp"
#include "tools/bench/options.hpp"
#include "tools/bench/stencil.hpp"

namespace muster::bench {

struct Script {
  Script(const BenchOptions& asked, Target asked_of);

  const BenchOptions options;
  const Target target;
  const Headers headers;
  // Each shared by all that carry it, so that sending it copies no bytes.
  zmq::message_t body;         // of a request
  zmq::message_t answer_body;  // of each part of its answer

  // Whether the parts of an answer are sent at intervals: then each body starts with when it was.
  [[nodiscard]] bool paced() const { return options.part_interval > Duration{}; }

  // Whether part `i` of an answer has the body: all CHUNKs, or the FINAL that is alone.
  [[nodiscard]] bool has_body(std::size_t i) const {
    return i == 0 || i + 1 < headers.answer.size();
  }
};

// What stands at the start of a paced part's body.
inline constexpr std::size_t time_bytes = sizeof(Duration::rep);
[[nodiscard]] Time time_in(std::span<const std::byte> body);
void write_time(Time at, std::span<std::byte> body);

// Requests are sent from `start` until `until`. Those of between `from` and `to` are measured: `to`
// is somewhat earlier, so that the end of what is measured is not the end of the load.
struct Window {
  Time start;
  Time from;
  Time to;
  Time until;
};

// What the clients and workers of one driver have to show.
struct Yield {
  Histogram latencies;       // of measured requests, but for those that ended with an ERROR
  Histogram part_latencies;  // of the parts that a worker has sent at intervals: of each alone
  // By how much a worker's wait for its broker's next heartbeat was longer than the interval; where
  // it was shorter, 0.
  Histogram heartbeats_late;
  std::uint64_t crowd_heard = 0;           // heartbeats that the target has sent to the crowd
  std::atomic<std::uint64_t> answered{0};  // so far; other threads look at it
};

}  // namespace muster::bench
