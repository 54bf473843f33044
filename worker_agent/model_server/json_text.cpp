#include "worker_agent/model_server/json_text.hpp"

namespace muster::agent {
namespace {

// Follows a text from byte to byte: how deep it stands in brackets, strings left out.
class BracketWalk {
 public:
  void step(char c) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
      return;
    }
    if (c == '"') in_string_ = true;
    if (c == '[' || c == '{') ++depth_;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
  }
  [[nodiscard]] std::size_t depth() const { return depth_; }

 private:
  bool in_string_ = false;
  bool escaped_ = false;
  std::size_t depth_ = 0;
};

}  // namespace

bool json_nests_within(std::string_view text, std::size_t depth) {
  BracketWalk walk;
  for (const char c : text) {
    walk.step(c);
    if (walk.depth() > depth) return false;
  }
  return true;
}

std::size_t json_extent(std::string_view text) {
  BracketWalk walk;
  for (std::size_t i = 0; i < text.size(); ++i) {
    walk.step(text[i]);
    if (walk.depth() == 0) return i + 1;
  }
  return 0;
}

void append_json_escaped(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::size_t plain = 0;  // where the bytes begin that are taken as they are
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += hex[byte >> 4];
        out += hex[byte & 15];
    }
  }
  out.append(text.substr(plain));
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

}  // namespace muster::agent
