#pragma once

// Value: a small tree of what msgpack can say, for the few places of the protocol that carry data
// whose shape the code does not fix: QUERY's args, ANSWER's result, `usage`. Maps keep their order
// and have string keys (docs/protocol.md, section 2), so the same data always encodes alike.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muster {

class Value {
 public:
  using Array = std::vector<Value>;
  using Map = std::vector<std::pair<std::string, Value>>;
  using Data = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
                            Array, Map>;

  Value() = default;
  Value(bool b) : data_(b) {}
  // Numbers from 0 are kept unsigned however they were given, so that equal numbers compare equal
  // and come back from the wire as they were.
  Value(std::int64_t n) {
    if (n < 0) {
      data_ = n;
    } else {
      data_ = static_cast<std::uint64_t>(n);
    }
  }
  Value(std::uint64_t n) : data_(n) {}
  Value(int n) : Value(std::int64_t{n}) {}
  Value(unsigned n) : data_(std::uint64_t{n}) {}
  Value(double d) : data_(d) {}
  Value(std::string s) : data_(std::move(s)) {}
  Value(std::string_view s) : data_(std::string{s}) {}
  Value(const char* s) : data_(std::string{s}) {}
  Value(Array a) : data_(std::move(a)) {}
  Value(Map m) : data_(std::move(m)) {}

  [[nodiscard]] const Data& data() const { return data_; }
  [[nodiscard]] bool is_nil() const { return std::holds_alternative<std::monostate>(data_); }
  [[nodiscard]] const Array* array() const { return std::get_if<Array>(&data_); }
  [[nodiscard]] const Map* map() const { return std::get_if<Map>(&data_); }
  [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&data_); }

  // The member of a map by its key; null where this is no map or has no such key.
  [[nodiscard]] const Value* find(std::string_view key) const;

  // Lenient readings, for those who show data: the fallback where the kind does not fit.
  [[nodiscard]] std::string_view string_or(std::string_view fallback) const;
  [[nodiscard]] std::uint64_t uint_or(std::uint64_t fallback) const;
  [[nodiscard]] double number_or(double fallback) const;
  [[nodiscard]] bool bool_or(bool fallback) const;

  friend bool operator==(const Value&, const Value&) = default;

 private:
  Data data_;
};

}  // namespace muster
