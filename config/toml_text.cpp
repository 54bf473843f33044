#include "config/toml_text.hpp"

#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <type_traits>

namespace muster::config {
namespace {

// How deep a tree is looked into: a model's table within an array within a section needs 5.
constexpr int depth_max = 16;

// How many parts a dotted key may have. toml++ makes a table for each and frees them recursively,
// so a key of half a million parts would overflow the stack; values nested in brackets it bounds by
// itself.
constexpr int key_parts_max = 16;

// A file is read in steps of this: most are shorter.
constexpr std::size_t read_bytes = std::size_t{16} * 1024;

void set_position(const toml::source_region& source, std::uint64_t& line, std::uint64_t& column) {
  line = source.begin.line;
  column = source.begin.column;
}

Node convert(const toml::node& from, int depth);

Node::Table convert_table(const toml::table& from, int depth) {
  Node::Table table;
  for (const auto& [key, value] : from) {
    Member member;
    member.key = std::string(key.str());
    set_position(key.source(), member.line, member.column);
    member.value = convert(value, depth);
    table.push_back(std::move(member));
  }
  return table;
}

Node::Array convert_array(const toml::array& from, int depth) {
  Node::Array array;
  for (const auto& value : from)
    array.push_back(convert(value, depth));
  return array;
}

Node convert(const toml::node& from, int depth) {
  Node node;
  set_position(from.source(), node.line, node.column);
  from.visit([&](const auto& value) {
    using T = std::decay_t<decltype(value)>;
    if constexpr (toml::is_table<T> || toml::is_array<T>) {
      if (depth >= depth_max) {
        node.data = Node::Other{"a value nested too deeply"};
      } else if constexpr (toml::is_table<T>) {
        node.data = convert_table(value, depth + 1);
      } else {
        node.data = convert_array(value, depth + 1);
      }
    } else if constexpr (toml::is_string<T> || toml::is_integer<T> || toml::is_floating_point<T> ||
                         toml::is_boolean<T>) {
      node.data = value.get();
    } else {
      node.data = Node::Other{"a date or time"};
    }
  });
  return node;
}

struct Place {
  std::uint64_t line = 1;
  std::uint64_t column = 1;
};

// Walks over TOML text and knows where strings and comments are; nothing else of the grammar.
class KeyScanner {
 public:
  explicit KeyScanner(std::string_view text) : text_(text) {}

  // Where a key has more than key_parts_max parts, if anywhere.
  std::optional<Place> find_long_key() {
    int points = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      if (c == '#') {
        skip_until('\n');
        continue;
      }
      if (c == '.') {
        if (++points >= key_parts_max) return place_;
      } else if (std::string_view("\n,=[]{}").find(c) != std::string_view::npos) {
        points = 0;
      }
      step();
    }
    return std::nullopt;
  }

 private:
  void step() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0u) != 0x80) {
      ++place_.column;
    }
  }

  void skip_until(char end) {
    while (at_ < text_.size() && text_[at_] != end)
      step();
  }

  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool multi_line = text_.substr(at_, 3) == triple;
    for (int i = 0; i < (multi_line ? 3 : 1); ++i)
      step();
    while (at_ < text_.size()) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) {
        step();
      } else if (multi_line && text_.substr(at_, 3) == triple) {
        for (int i = 0; i < 3; ++i)
          step();
        // Up to two quotes right before the closing three belong to the text.
        for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] == quote; ++i)
          step();
        return;
      } else if (!multi_line && (text_[at_] == quote || text_[at_] == '\n')) {
        step();
        return;
      }
      step();
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Place place_;
};

ConfigFault file_fault(const std::string& name, Place place, std::string what) {
  return {{Origin::Kind::file, name, place.line, place.column}, "", std::move(what)};
}

ConfigFault unreadable(const std::string& name, const std::string& why) {
  return file_fault(name, {0, 0},
                    "the file cannot be read: " + why +
                        "; --config takes the path of a TOML file of at most 1 MiB");
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<Node, ConfigFault> read_toml_text(std::string_view text, const std::string& name) {
  if (const auto place = KeyScanner(text).find_long_key()) {
    return failure(file_fault(name, *place,
                              "a key has more than " + std::to_string(key_parts_max) + " parts"));
  }
  try {
    const toml::table table = toml::parse(text, name);
    return convert(table, 0);
  } catch (const toml::parse_error& error) {
    Place place;
    set_position(error.source(), place.line, place.column);
    return failure(
        file_fault(name, place, "this is not TOML: " + std::string(error.description())));
  }
}

Result<Node, ConfigFault> read_toml_file(const std::string& name) {
  const OpenFile file(name);
  if (file.fd() < 0) return failure(unreadable(name, std::strerror(errno)));
  std::string text;
  for (;;) {
    const std::size_t size = text.size();
    if (size > file_bytes_max) return failure(unreadable(name, "it is larger than 1 MiB"));
    text.resize(size + read_bytes);
    const ssize_t n = ::read(file.fd(), text.data() + size, read_bytes);
    const int error = errno;
    text.resize(size + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n == 0) break;
    if (n < 0 && error != EINTR) return failure(unreadable(name, std::strerror(error)));
  }
  return read_toml_text(text, name);
}

Result<Node> read_toml_value(std::string_view text) {
  auto table = read_toml_text("value = " + std::string(text), "");
  if (!table) return failure(std::move(table.error().what));
  auto& members = std::get<Node::Table>(table->data);
  if (members.size() != 1) return failure("this is more than one value");
  return std::move(members.front().value);
}

}  // namespace muster::config
