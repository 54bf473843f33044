#pragma once

// Reading one value: where it came from, where its faults go, and the few judgements that several
// kinds of value share. What does not fit is reported here, in words, and comes back as nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/fault.hpp"
#include "config/node.hpp"

namespace muster::config {

class Reading {
 public:
  Reading(Origin source, std::string key, ConfigFaults& faults)
      : source_(std::move(source)), key_(std::move(key)), faults_(faults) {}

  // The same source, one step down: the key "worker.models" and the step "[1]".
  [[nodiscard]] Reading below(const std::string& step) const {
    return {source_, key_ + step, faults_};
  }
  void fault(const Node& at, std::string what) { fault(at.line, at.column, std::move(what)); }
  void fault(std::uint64_t line, std::uint64_t column, std::string what);

 private:
  Origin source_;
  std::string key_;
  ConfigFaults& faults_;
};

// "found 5; allowed is ...".
[[nodiscard]] std::string not_allowed(const Node& node, const std::string& allowed);

// What a text must be beyond being one: says what is allowed, or nothing where `text` is
// (rules.hpp).
using TextRule = std::optional<std::string> (*)(const std::string& text);

// A text that keeps its rule.
[[nodiscard]] std::optional<std::string> read_text(const Node& node, Reading& reading,
                                                   TextRule rule);
// The largest number of TOML. As an upper bound: the option's owner has a say of its own.
inline constexpr std::uint64_t any_integer_max = INT64_MAX;

// A whole number within bounds; `or_else` says what else would be allowed: "\"auto\" or ".
[[nodiscard]] std::optional<std::uint64_t> read_integer(const Node& node, Reading& reading,
                                                        std::uint64_t min, std::uint64_t max,
                                                        const std::string& or_else = "");
// An array of different texts that each keep the rule.
[[nodiscard]] std::optional<std::vector<std::string>> read_texts(const Node& node, Reading& reading,
                                                                 std::size_t count_min,
                                                                 std::size_t count_max,
                                                                 TextRule rule);

// As TOML writes them.
[[nodiscard]] std::string toml_string(std::string_view text);
[[nodiscard]] std::string toml_key(const std::string& key);
[[nodiscard]] std::string toml_list(const std::vector<std::string>& texts);
[[nodiscard]] std::string toml_number(double number);

}  // namespace muster::config
