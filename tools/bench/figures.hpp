#pragma once

// Figures: what one run has given, and what several of one round say when they are held side by
// side.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/time.hpp"
#include "tools/bench/histogram.hpp"
#include "tools/bench/ledger.hpp"
#include "tools/bench/options.hpp"

namespace muster::bench {

struct Figures {
  Target target{};
  std::uint64_t round = 0;  // which, from 1

  // Of the measured time.
  Duration time{};
  std::uint64_t answered = 0;
  Histogram latencies;            // of what was sent in it, whenever it was answered
  Histogram part_latencies;       // likewise of the parts of paced answers, each alone
  Histogram bulk_latencies;       // of the requests with large bodies
  Histogram heartbeats_late;      // the target's to its workers, of the whole run
  std::uint64_t crowd_heard = 0;  // likewise, those to the crowd
  Duration user{};                // of the target's process alone
  Duration system{};
  std::uint64_t switches = 0;
  std::uint64_t resident_bytes = 0;  // at its end
  std::uint64_t resident_bytes_max = 0;
  Duration own_cpu{};  // of this program, which plays clients and workers
  double busiest = 0;  // share of the time that its busiest thread had a processor
  double others = 0;   // share of the machine that neither of the two has used

  Tally tally;                        // of the whole run
  std::vector<std::string> problems;  // why this run counts for nothing; empty: it counts

  [[nodiscard]] double requests_a_second() const;
  // Microseconds, and times, for each answer; 0 where there was none.
  [[nodiscard]] double a_request(Duration cpu) const;
  [[nodiscard]] double switches_a_request() const;
  // Microseconds for each part that came in the measured time; 0 where none did.
  [[nodiscard]] double cpu_a_part() const;
};

// What a target has given and cost, another being 1. Of two runs of one round.
struct Ratio {
  double throughput = 0;
  double cpu = 0;      // a request
  double latency = 0;  // of half of the requests
};
// One for each round that has both, and both of them sound.
[[nodiscard]] std::vector<Ratio> ratios_of(const std::vector<Figures>& runs, Target target,
                                           Target base);

// The middle of each figure.  REQUIRES: !ratios.empty().
[[nodiscard]] Ratio median_of(const std::vector<Ratio>& ratios);

// The middle one, or the mean of both in the middle. REQUIRES: !numbers.empty().
[[nodiscard]] double median(std::vector<double> numbers);

// What is wrong with the answers of a run, in sentences.
[[nodiscard]] std::vector<std::string> problems_of(const Tally& tally);

}  // namespace muster::bench
