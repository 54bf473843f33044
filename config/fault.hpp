#pragma once

// What is wrong with a configuration, and where a value came from. Every fault of every source is
// collected and reported in one go: whoever repairs a file wants to do it once.

#include <cstdint>
#include <string>
#include <vector>

namespace muster::config {

// Where a value came from. Lines and columns count from 1; 0: none to tell.
struct Origin {
  enum class Kind : std::uint8_t { file, environment, flag, built_in };
  Kind kind = Kind::built_in;
  std::string name;  // the file's path, the variable's name, or the flag
  std::uint64_t line = 0;
  std::uint64_t column = 0;

  // "default", "broker.toml:12:9", "environment variable MUSTER_LOG__LEVEL", "--set".
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Origin&, const Origin&) = default;
};

struct ConfigFault {
  Origin origin;
  std::string key;   // "heartbeat.interval"; empty where the source as a whole is at fault
  std::string what;  // what was found and what is allowed

  // One line: "broker.toml:12:9: heartbeat.interval: found the number 5; ...".
  [[nodiscard]] std::string text() const;
};

using ConfigFaults = std::vector<ConfigFault>;

// How many faults are told. Beyond, one more says that there are others.
inline constexpr std::size_t faults_max = 100;
void add_fault(ConfigFaults& faults, ConfigFault fault);

// What came from outside, made fit for one line of text: quoted, escaped, cut where it is long.
[[nodiscard]] std::string in_quotes(const std::string& text);
// The same for a key: as it is where it is short, and of letters, digits and "_-.".
[[nodiscard]] std::string shown_key(const std::string& key);

}  // namespace muster::config
