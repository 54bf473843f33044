#include "protocol/value.hpp"

namespace muster {

const Value* Value::find(std::string_view key) const {
  const Map* members = map();
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string_view Value::string_or(std::string_view fallback) const {
  const std::string* s = string();
  return s != nullptr ? std::string_view{*s} : fallback;
}

std::uint64_t Value::uint_or(std::uint64_t fallback) const {
  const auto* u = std::get_if<std::uint64_t>(&data_);
  return u != nullptr ? *u : fallback;
}

double Value::number_or(double fallback) const {
  if (const auto* d = std::get_if<double>(&data_)) return *d;
  if (const auto* u = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*u);
  if (const auto* i = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*i);
  return fallback;
}

bool Value::bool_or(bool fallback) const {
  const auto* b = std::get_if<bool>(&data_);
  return b != nullptr ? *b : fallback;
}

}  // namespace muster
