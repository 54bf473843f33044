#pragma once

// What a text must be beyond being a text. A rule says what is allowed, or nothing where `text` is.

#include <optional>
#include <string>

namespace muster::config {

// Names of brokers, workers and models: 1 to 128 bytes of UTF-8 (docs/protocol.md, section 2)
// without control characters.
[[nodiscard]] std::optional<std::string> name_rule(const std::string& text);
// The same, or empty.
[[nodiscard]] std::optional<std::string> name_or_empty_rule(const std::string& text);

// Where a socket can be bound, and where one can connect to: "tcp://host:port", "ipc:///path".
[[nodiscard]] std::optional<std::string> bind_endpoint_rule(const std::string& text);
[[nodiscard]] std::optional<std::string> connect_endpoint_rule(const std::string& text);
// The same, for a client: the two sides of a broker are easily mistaken for each other.
[[nodiscard]] std::optional<std::string> frontend_rule(const std::string& text);

// Empty, or "http://host:port" with whatever path.
[[nodiscard]] std::optional<std::string> url_or_empty_rule(const std::string& text);

// A file's path, or empty.
[[nodiscard]] std::optional<std::string> path_or_empty_rule(const std::string& text);

}  // namespace muster::config
