#pragma once

// What a person is shown of the runs, and what a program is given.

#include <string>
#include <vector>

#include "tools/bench/figures.hpp"
#include "tools/bench/options.hpp"

namespace muster::bench {

// A line for each run; then, where several targets were measured, what the rounds say of each
// beside the proxy, or beside the last target where the proxy is not among them.
[[nodiscard]] std::string table_of(const std::vector<Figures>& runs);

// All options and figures, as one JSON object. Times are in microseconds.
[[nodiscard]] std::string json_of(const BenchOptions& options, const std::vector<Figures>& runs);

// With so many digits behind the point.
[[nodiscard]] std::string decimal(double number, int digits);

// "412us", "12.3ms", "1.25s": three digits.
[[nodiscard]] std::string short_time(Duration time);

}  // namespace muster::bench
