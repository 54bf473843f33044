#pragma once

// The even split of a worker's slots among its brokers, what is left over to the first ones. The
// sum is never more than the slots. With fewer slots than brokers the last ones get none. What is
// granted begins with it, and moves (slot_grants.hpp).

#include <algorithm>
#include <cstdint>

#include "protocol/message.hpp"

namespace muster::agent {

// REQUIRES: index < brokers.
[[nodiscard]] constexpr std::uint64_t slot_share(std::uint64_t slots, std::uint64_t brokers,
                                                 std::uint64_t index) {
  return std::min(slots / brokers + (index < slots % brokers ? 1 : 0), slots_max);
}

}  // namespace muster::agent
