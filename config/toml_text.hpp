#pragma once

// TOML text -> Node. Broken TOML, and text that could hurt (too large, keys of endlessly many
// parts), comes back as a fault with line and column.

#include <string>

#include "config/fault.hpp"
#include "config/node.hpp"
#include "protocol/result.hpp"

namespace muster::config {

inline constexpr std::size_t file_bytes_max = std::size_t{1024} * 1024;

// The table of a whole file. `name` stands in faults.
[[nodiscard]] Result<Node, ConfigFault> read_toml_file(const std::string& name);
[[nodiscard]] Result<Node, ConfigFault> read_toml_text(std::string_view text,
                                                       const std::string& name);

// One value, as it would stand behind a key: `["a", "b"]`. The error is a sentence part.
[[nodiscard]] Result<Node> read_toml_value(std::string_view text);

}  // namespace muster::config
