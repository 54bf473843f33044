#pragma once

// A picture of the runs, as SVG.

#include <string>
#include <vector>

#include "tools/bench/figures.hpp"
#include "tools/bench/options.hpp"

namespace muster::bench {

// Which latency so many of the requests did not exceed, a line for each target: all its sound runs
// together. Both axes are logarithmic: the right half shows the slowest hundredth.
[[nodiscard]] std::string plot_of(const BenchOptions& options, const std::vector<Figures>& runs);

}  // namespace muster::bench
