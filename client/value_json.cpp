// The one file of the library that knows JSON.

#include <nlohmann/json.hpp>

#include "client/translate.hpp"

namespace muster::client {

namespace {

using Json = nlohmann::ordered_json;

// Recursive: the decoder has bounded how deep a Value goes.
Json build(const Value& value) {
  return std::visit(
      [](const auto& data) -> Json {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (std::is_same_v<Data, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<Data, Value::Array>) {
          Json array = Json::array();
          for (const Value& item : data)
            array.push_back(build(item));
          return array;
        } else if constexpr (std::is_same_v<Data, Value::Map>) {
          Json object = Json::object();
          for (const auto& [key, member] : data)
            object[key] = build(member);
          return object;
        } else {
          return data;
        }
      },
      value.data());
}

// `levels`: how many more may be nested.
std::optional<Value> read(const Json& json, int levels) {
  if (levels == 0) return std::nullopt;
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value{json.get<bool>()};
    case Json::value_t::number_integer:
      return Value{json.get<std::int64_t>()};
    case Json::value_t::number_unsigned:
      return Value{json.get<std::uint64_t>()};
    case Json::value_t::number_float:
      return Value{json.get<double>()};
    case Json::value_t::string:
      return Value{json.get<std::string>()};
    case Json::value_t::array: {
      Value::Array array;
      for (const Json& item : json) {
        auto value = read(item, levels - 1);
        if (!value) return std::nullopt;
        array.push_back(std::move(*value));
      }
      return Value{std::move(array)};
    }
    case Json::value_t::object: {
      Value::Map map;
      for (const auto& [key, member] : json.items()) {
        auto value = read(member, levels - 1);
        if (!value) return std::nullopt;
        map.emplace_back(key, std::move(*value));
      }
      return Value{std::move(map)};
    }
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      return Value{};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Value> args_of_json(std::string_view json) {
  if (json.empty()) return Value{Value::Map{}};
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  constexpr int levels = 15;  // and the header's own array (docs/protocol.md, section 2)
  return read(parsed, levels);
}

std::string to_json(const Value& value) {
  return build(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace muster::client
