#pragma once

// One run: a target, the drivers that put load on it, and what came of it.

#include <functional>
#include <string_view>

#include "protocol/result.hpp"
#include "tools/bench/figures.hpp"
#include "tools/bench/options.hpp"

namespace muster::bench {

// Called a few times a second: what is going on, and how many requests a second are answered.
using Progress = std::function<void(std::string_view phase, double requests_a_second)>;

// Where nothing could be measured, a sentence says why. To be called by the main thread.
[[nodiscard]] Result<Figures> measure(const BenchOptions& options, Target target,
                                      std::uint64_t round, const Progress& progress);

}  // namespace muster::bench
