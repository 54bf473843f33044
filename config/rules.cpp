#include "config/rules.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "protocol/message.hpp"

namespace muster::config {
namespace {

constexpr std::size_t path_bytes_max = 4096;
constexpr std::size_t url_bytes_max = 2048;
constexpr std::size_t host_bytes_max = 255;
constexpr std::size_t ipc_path_bytes_max = 107;  // what a Unix socket's address has room for

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_port(std::string_view text, std::uint32_t min) {
  constexpr std::uint32_t port_max = 65535;
  std::uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= min &&
         port <= port_max;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool has_space_or_control(std::string_view text) {
  return has_control_character(text) || text.find(' ') != std::string_view::npos;
}

enum class Side : std::uint8_t { bind, connect };

bool is_endpoint(std::string_view text, Side side) {
  if (has_space_or_control(text)) return false;
  if (take_prefix(text, "ipc://")) return !text.empty() && text.size() <= ipc_path_bytes_max;
  if (!take_prefix(text, "tcp://")) return false;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon > host_bytes_max) return false;
  const std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) return false;  // IPv6 wants brackets
  if (side == Side::bind) return port == "*" || is_port(port, 0);
  return host != "*" && is_port(port, 1);
}

}  // namespace

std::optional<std::string> name_rule(const std::string& text) {
  const WireLimits limits;
  if (!text.empty() && text.size() <= limits.name_bytes && !has_control_character(text)) {
    return std::nullopt;
  }
  return "a name of 1 to " + std::to_string(limits.name_bytes) +
         " bytes without control characters";
}

std::optional<std::string> name_or_empty_rule(const std::string& text) {
  return text.empty() ? std::nullopt : name_rule(text);
}

std::optional<std::string> bind_endpoint_rule(const std::string& text) {
  if (is_endpoint(text, Side::bind)) return std::nullopt;
  return "an address to listen on, \"tcp://ADDRESS:PORT\" (ADDRESS * is every "
         "interface) or \"ipc:///PATH\"";
}

std::optional<std::string> connect_endpoint_rule(const std::string& text) {
  if (is_endpoint(text, Side::connect)) return std::nullopt;
  return "the address of a broker's backend, \"tcp://HOST:PORT\" or \"ipc:///PATH\"";
}

std::optional<std::string> frontend_rule(const std::string& text) {
  if (is_endpoint(text, Side::connect)) return std::nullopt;
  return "the address of a broker's frontend, \"tcp://HOST:PORT\" or \"ipc:///PATH\"";
}

std::optional<std::string> url_or_empty_rule(const std::string& text) {
  std::string_view rest = text;
  const bool web = take_prefix(rest, "http://") || take_prefix(rest, "https://");
  const bool has_host = !rest.empty() && rest.front() != '/' && rest.front() != ':';
  if (text.empty() ||
      (web && has_host && !has_space_or_control(rest) && text.size() <= url_bytes_max)) {
    return std::nullopt;
  }
  return "the address of a model server, like \"http://127.0.0.1:8000\", or \"\"";
}

std::optional<std::string> path_or_empty_rule(const std::string& text) {
  if (text.size() <= path_bytes_max && !has_control_character(text)) return std::nullopt;
  return "the path of a file, of at most " + std::to_string(path_bytes_max) +
         " bytes without control characters, or \"\"";
}

}  // namespace muster::config
