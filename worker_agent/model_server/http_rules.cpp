#include "worker_agent/model_server/http_rules.hpp"

#include <algorithm>
#include <array>

namespace muster::agent {
namespace {

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

// Headers of one hop (RFC 9110, section 7.6.1) or of the framing of a message.
bool is_of_one_hop(std::string_view name) {
  static constexpr std::array<std::string_view, 11> names = {
      "connection", "content-length", "expect",  "host",     "keep-alive",       "proxy-connection",
      "te",         "trailer",        "upgrade", "trailers", "transfer-encoding"};
  return std::find(names.begin(), names.end(), name) != names.end() || name.starts_with("proxy-");
}

// Whether the segment, its dots perhaps percent-encoded, is `..`.
bool climbs(std::string_view segment) {
  int dots = 0;
  for (std::size_t i = 0; i < segment.size(); ++dots) {
    if (segment[i] == '.') {
      i += 1;
    } else if (lower_case(segment.substr(i, 3)) == "%2e") {
      i += 3;
    } else {
      return false;
    }
  }
  return dots == 2;
}

}  // namespace

Outcome check_path(std::string_view path) {
  if (path.empty())
    return failure("the request names no path: a model server needs one, as /v1/chat/completions");
  if (path.front() != '/') return failure("the path of the request does not begin with '/'");
  for (const char c : path) {
    if (c <= ' ' || c >= 0x7f || c == '\\' || c == '#')
      return failure(
          "the path of the request holds a character that must be percent-encoded: printable "
          "ASCII without space, '\\' and '#' is taken");
  }
  std::string_view rest = path.substr(0, path.find('?'));
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const std::string_view segment = rest.substr(0, rest.find('/'));
    if (climbs(segment)) return failure("the path of the request has a '..' segment");
    rest.remove_prefix(segment.size());
  }
  return Done{};
}

Result<std::vector<std::string>> request_headers(const RequestOptions& options, bool has_body,
                                                 std::string_view api_key) {
  std::vector<std::string> lines;
  bool has_type = false;
  bool has_authorization = false;
  for (const auto& [name, value] : options.headers) {
    if (!is_token(name)) return failure("a header of the request has a name that is not a token");
    if (!is_field_value(value))
      return failure("the header " + name + " of the request holds a control character");
    const std::string plain = lower_case(name);
    if (is_of_one_hop(plain)) continue;
    if (plain == "content-type") {
      if (!options.type.empty()) continue;
      has_type = true;
    }
    if (plain == "authorization") has_authorization = true;
    // libcurl takes "Name;" for a header without a value; "Name:" would take one of its own away.
    const bool blank = value.find_first_not_of(" \t") == std::string::npos;
    lines.push_back(name + (blank ? ";" : ": "));
    if (!blank) lines.back() += value;
  }
  if (!is_field_value(options.type))
    return failure("the content type of the request holds a control character");
  if (!options.type.empty()) {
    lines.push_back("Content-Type: " + options.type);
  } else if (has_body && !has_type) {
    lines.emplace_back("Content-Type: application/json");
  }
  if (!api_key.empty() && !has_authorization)
    lines.push_back("Authorization: Bearer " + std::string{api_key});
  return lines;
}

bool is_header_relayed(std::string_view name) {
  static constexpr std::array<std::string_view, 5> names = {"content-type", "date", "server",
                                                            "set-cookie", "vary"};
  return !is_of_one_hop(name) && std::find(names.begin(), names.end(), name) == names.end() &&
         !name.starts_with("access-control-");
}

bool is_token(std::string_view text) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool is_header_text(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string media_type(std::string_view content_type) {
  const std::string_view bare = content_type.substr(0, content_type.find(';'));
  const std::size_t begin = bare.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return lower_case(bare.substr(begin, bare.find_last_not_of(" \t") - begin + 1));
}

}  // namespace muster::agent
