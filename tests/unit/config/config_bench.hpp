#pragma once

// What the tests of the configuration share: a file that lives as long as its test, and faults as
// text.

#include <string>
#include <vector>

#include "config/configuration_loader.hpp"
#include "tests/support/temporary_file.hpp"

namespace muster::config::test {

using muster::test::TemporaryFile;

// Each fault as its line, with the file's path cut to "file".
inline std::vector<std::string> lines(const ConfigFaults& faults, const std::string& path = {}) {
  std::vector<std::string> result;
  for (const ConfigFault& fault : faults) {
    std::string line = fault.text();
    const std::size_t at = path.empty() ? std::string::npos : line.find(path);
    if (at != std::string::npos) line.replace(at, path.size(), "file");
    result.push_back(std::move(line));
  }
  return result;
}

template <class Loaded>
std::vector<std::string> faults_of(Result<Loaded, ConfigFaults> loaded,
                                   const std::string& path = {}) {
  return loaded.ok() ? std::vector<std::string>{} : lines(loaded.error(), path);
}

// What is wrong with this text as broker.toml and as agent.toml.
inline std::vector<std::string> broker_faults(std::string_view toml) {
  const TemporaryFile file(toml);
  return faults_of(load_broker({.file = file.path(), .environment = {}, .settings = {}}),
                   file.path());
}
inline std::vector<std::string> agent_faults(std::string_view toml) {
  const TemporaryFile file(toml);
  return faults_of(load_agent({.file = file.path(), .environment = {}, .settings = {}}),
                   file.path());
}

// What one key holds, as TOML, and where it came from.
inline EffectiveValue effective(const std::vector<EffectiveValue>& values, std::string_view key) {
  for (const EffectiveValue& value : values) {
    if (value.key == key) return value;
  }
  return {};
}

using Lines = std::vector<std::string>;

}  // namespace muster::config::test
