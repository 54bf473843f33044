#pragma once

// A fuzzer's input, taken from its front: numbers and pieces of bytes. What is beyond its end is 0
// or empty, so that every input is good for something.

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::test {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool spent() const { return left_.empty(); }

  [[nodiscard]] std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return first;
  }

  // REQUIRES: bound > 0. Takes as many bytes as the bound needs.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
    std::uint64_t number = 0;
    for (std::uint64_t rest = bound - 1; rest != 0; rest >>= 8)
      number = number << 8 | byte();
    return number % bound;
  }

  // A byte that says how many, and so many bytes.
  [[nodiscard]] std::string_view piece() { return take(byte()); }
  // All that is left.
  [[nodiscard]] std::string_view rest() { return take(left_.size()); }

 private:
  std::string_view take(std::size_t count) {
    const std::string_view piece = left_.substr(0, count);
    left_.remove_prefix(piece.size());
    return piece;
  }

  std::string_view left_;
};

}  // namespace muster::test
