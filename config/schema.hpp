#pragma once

// What a program's configuration consists of: a list of keys, each bound to the option that it
// fills. Everything else comes from that list: files, environment, flags, --print-config, the keys
// in --help, the nearest known key, and the test that holds the annotated files to the defaults.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/kinds.hpp"

namespace muster::config {

struct Key {
  std::string path;      // "heartbeat.interval"
  std::string_view doc;  // a few words, for --help
  KindPtr kind;
  bool live = false;  // takes effect while the program runs (reloading.hpp)
};

// What is wrong with values that are each right by themselves.
struct CrossFault {
  std::string key;   // the one to be repaired
  std::string what;  // what was found and what is allowed
};

struct Schema {
  std::vector<Key> keys;  // section by section, as the annotated file has them
  std::function<std::vector<CrossFault>()> validate;
  // Variables of the environment that are shorter than MUSTER_SECTION__KEY: name -> key. Where both
  // are there the longer one counts; an empty one is as none.
  std::map<std::string, std::string> short_variables{};

  [[nodiscard]] const Key* find(std::string_view path) const;
  // Whether keys stand below `path`: "heartbeat".
  [[nodiscard]] bool is_section(std::string_view path) const;
  // The known key or section that was most likely meant; empty: none is near.
  [[nodiscard]] std::string nearest_key(std::string_view path) const;
  [[nodiscard]] std::string nearest_section(std::string_view path) const;
};

// How many letters must be put in, left out, replaced or swapped with their neighbour to make one
// of the other: Damerau and Levenshtein's distance, restricted to swaps of letters next to each
// other. O(a x b).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace muster::config
