#pragma once

// A value of a configuration as its source gave it, before anything is known of its key: the small
// tree that stands between toml++ (toml_text.cpp alone sees it) and the kinds of value that keys
// take.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace muster::config {

struct Member;

struct Node {
  using Array = std::vector<Node>;
  using Table = std::vector<Member>;  // in the order of their keys
  // What TOML can say and no key of Muster takes: a date, a time, or a tree nested too deeply.
  struct Other {
    std::string what;
  };
  std::variant<std::string, std::int64_t, double, bool, Array, Table, Other> data;

  // In a file, from 1; 0 elsewhere.
  std::uint64_t line = 0;
  std::uint64_t column = 0;
};

struct Member {
  std::string key;
  std::uint64_t line = 0;  // where the key stands
  std::uint64_t column = 0;
  Node value;
};

// What was found, for a fault's sentence: `"abc"`, "the number 5", "a table".
[[nodiscard]] std::string found(const Node& node);

}  // namespace muster::config
