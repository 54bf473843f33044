#pragma once

// The only clocks and the only entropy of the house. Shells read the clock once a loop turn.

#include <cstdint>

#include "protocol/ids.hpp"
#include "protocol/time.hpp"

namespace muster::transport {

[[nodiscard]] Time monotonic_now();
[[nodiscard]] std::uint64_t unix_ms_now();

// 64 bits of the system's randomness (getrandom).
[[nodiscard]] std::uint64_t system_random();

// A new instance number (docs/protocol.md, section 6): Unix ms x 1024 + random below 1024.
[[nodiscard]] Instance new_instance();

}  // namespace muster::transport
