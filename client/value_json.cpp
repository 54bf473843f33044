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

}  // namespace

std::string to_json(const Value& value) {
  return build(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace muster::client
