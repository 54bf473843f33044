#pragma once

// Two texts, line by line: what is only in the first is marked '-', what is only in the second '+';
// of what is in both, a few lines around.

#include <string>
#include <string_view>

namespace muster::scenario {

// Empty where they are equal. Each stretch begins with the number of its first line in `expected`.
// O(lines x lines).
[[nodiscard]] std::string difference(std::string_view expected, std::string_view found);

}  // namespace muster::scenario
