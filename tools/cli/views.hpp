#pragma once

// A broker's answers (docs/protocol.md, section 9) as text for people. Fields that a broker does
// not give are left empty; counters that this program does not know are shown all the same.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::cli {

[[nodiscard]] std::string models_view(std::string_view json);
[[nodiscard]] std::string workers_view(std::string_view json);
[[nodiscard]] std::string status_view(std::string_view json);

[[nodiscard]] std::string why_view(std::string_view json);

// The same JSON, laid out for reading. Control characters are escaped in it, also those that JSON
// lets stand (DEL, and U+0080 to U+009F): a terminal might obey them.
[[nodiscard]] std::string pretty(std::string_view json);

// One worker in the answer to `workers`; nothing where it is not in it.
struct WorkerNow {
  bool gone = false;
  std::string state{};
  std::uint64_t in_flight = 0;
};
[[nodiscard]] std::optional<WorkerNow> find_worker(std::string_view json, std::string_view worker);

// What queries are given, as JSON. Empty texts are left out.
[[nodiscard]] std::string why_args(const std::string& model);
[[nodiscard]] std::string worker_args(const std::string& worker);
[[nodiscard]] std::string drain_args(const std::string& worker, bool on, const std::string& reason);

}  // namespace muster::cli
