#include "worker_agent/model_server/usage.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "worker_agent/model_server/json_text.hpp"

namespace muster::agent {
namespace {

using Json = nlohmann::json;

constexpr std::size_t tries_max = 16;  // occurrences of the key that are looked at
constexpr std::size_t object_bytes_max = 4096;
constexpr std::size_t members_max = 32;
constexpr int levels_max = 2;
constexpr std::size_t nesting_max = 16;

Value to_value(const Json& json, int level);

Value map_of(const Json& object, int level) {
  Value::Map members;
  for (const auto& [name, member] : object.items()) {
    if (members.size() == members_max) break;
    Value value = to_value(member, level);
    if (!value.is_nil()) members.emplace_back(name, std::move(value));
  }
  return Value{std::move(members)};
}

Value to_value(const Json& json, int level) {
  if (json.is_number_unsigned()) return Value{json.get<std::uint64_t>()};
  if (json.is_number_integer()) return Value{json.get<std::int64_t>()};
  if (json.is_number_float()) return Value{json.get<double>()};
  if (json.is_boolean()) return Value{json.get<bool>()};
  if (json.is_string()) return Value{json.get_ref<const std::string&>()};
  if (json.is_object() && level < levels_max) return map_of(json, level + 1);
  return Value{};
}

std::string_view after_spaces(std::string_view text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

}  // namespace

Value usage_of(std::string_view answer) {
  static constexpr std::string_view key = "\"usage\"";
  if (answer.size() > usage_tail_bytes) answer.remove_prefix(answer.size() - usage_tail_bytes);
  std::size_t before = std::string_view::npos;
  for (std::size_t tries = 0; tries < tries_max; ++tries) {
    const std::size_t at = answer.rfind(key, before);
    if (at == std::string_view::npos) return {};
    // In a string of the answer the quotes are escaped: this can only be a key, or a whole string.
    std::string_view behind = after_spaces(answer.substr(at + key.size()));
    if (behind.starts_with(':')) {
      behind = after_spaces(behind.substr(1)).substr(0, object_bytes_max);
      const std::size_t size = behind.starts_with('{') ? json_extent(behind) : 0;
      if (size > 0 && json_nests_within(behind.substr(0, size), nesting_max)) {
        const Json object = Json::parse(behind.substr(0, size), nullptr, false);
        if (object.is_object()) return map_of(object, 1);
      }
    }
    if (at == 0) return {};
    before = at - 1;
  }
  return {};
}

}  // namespace muster::agent
