#pragma once

// A broker's answers (docs/protocol.md, section 9) as text for people. Fields that a broker does
// not give are left empty; counters that this program does not know are shown all the same.

#include <string>
#include <string_view>

namespace muster::cli {

[[nodiscard]] std::string models_view(std::string_view json);
[[nodiscard]] std::string workers_view(std::string_view json);
[[nodiscard]] std::string status_view(std::string_view json);

// The same JSON, laid out for reading.
[[nodiscard]] std::string pretty(std::string_view json);

}  // namespace muster::cli
