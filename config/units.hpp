#pragma once

// Durations and sizes as people write them. A number without a unit is refused: "timeout = 10" has
// meant seconds to one reader and milliseconds to the next for as long as there are such files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/time.hpp"

namespace muster::config {

// "250ms", "3s", "5m", "1h", "1.5s": a decimal number and a unit, nothing between them. Nothing
// where it is no such thing or longer than duration_max.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// The shortest exact form: "250ms", "3s", "10m", "1.5ms".
[[nodiscard]] std::string format_duration(Duration duration);

// "64KiB", "2GiB", "512B": powers of 1024 (KiB, MiB, GiB, TiB) or of 1000 (KB, MB, GB, TB).
// Fractions are fine where whole bytes come out. Nothing where it is no such thing or 2^63 and
// more.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// The shortest exact form: "64KiB", "1000B".
[[nodiscard]] std::string format_size(std::uint64_t bytes);

// Whether this is a number that only wants a unit.
[[nodiscard]] bool is_bare_number(std::string_view text);

}  // namespace muster::config
