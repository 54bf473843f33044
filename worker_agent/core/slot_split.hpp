#pragma once

// A worker's slots, split among its brokers (docs/protocol.md, section 8): evenly, what is left
// over to the first ones. The sum is never more than the slots, so brokers that keep to their
// grants together never exceed what the model server can do. With fewer slots than brokers the
// last ones get none.

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
