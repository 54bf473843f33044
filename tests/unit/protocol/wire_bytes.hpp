#pragma once

// Msgpack written by hand for the tests of the codec, sharing no code with it: what a test says is
// what stands on the wire, right or wrong.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/payload.hpp"

namespace muster::wire_bytes {

inline std::string big_endian(std::uint64_t number, std::size_t width) {
  std::string bytes;
  for (std::size_t i = 0; i < width; ++i)
    bytes += static_cast<char>(number >> (8 * (width - 1 - i)));
  return bytes;
}

// Hex pairs; from ';' to the end of a line is comment.
inline std::string hex(std::string_view text) {
  std::string bytes;
  std::string pair;
  bool comment = false;
  for (const char c : text) {
    if (c == ';') comment = true;
    if (c == '\n') comment = false;
    if (comment || c == ' ' || c == '\n') continue;
    pair += c;
    if (pair.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
    pair.clear();
  }
  return bytes;
}

inline std::string nil() {
  return "\xc0";
}
inline std::string boolean(bool b) {
  return b ? "\xc3" : "\xc2";
}
inline std::string u8(std::uint64_t n) {
  return '\xcc' + big_endian(n, 1);
}
inline std::string u16(std::uint64_t n) {
  return '\xcd' + big_endian(n, 2);
}
inline std::string u32(std::uint64_t n) {
  return '\xce' + big_endian(n, 4);
}
inline std::string u64(std::uint64_t n) {
  return '\xcf' + big_endian(n, 8);
}
inline std::string i64(std::int64_t n) {
  return '\xd3' + big_endian(static_cast<std::uint64_t>(n), 8);
}
// The shortest form.
inline std::string num(std::uint64_t n) {
  if (n < 0x80) return std::string(1, static_cast<char>(n));
  if (n < 0x100) return u8(n);
  if (n < 0x10000) return u16(n);
  if (n < 0x100000000) return u32(n);
  return u64(n);
}
inline std::string f32_one_and_a_half() {
  return hex("ca 3f c0 00 00");
}
inline std::string f64(double d) {
  std::uint64_t bits = 0;
  static_assert(sizeof(bits) == sizeof(d));
  __builtin_memcpy(&bits, &d, sizeof(d));
  return '\xcb' + big_endian(bits, 8);
}
inline std::string str(std::string_view s) {
  std::string bytes;
  if (s.size() < 32) {
    bytes = static_cast<char>(0xa0 + s.size());
  } else if (s.size() < 0x100) {
    bytes = '\xd9' + big_endian(s.size(), 1);
  } else if (s.size() < 0x10000) {
    bytes = '\xda' + big_endian(s.size(), 2);
  } else {
    bytes = '\xdb' + big_endian(s.size(), 4);
  }
  bytes += s;
  return bytes;
}
inline std::string bin(std::string_view s) {
  return '\xc4' + big_endian(s.size(), 1) + std::string{s};
}
inline std::string ext() {
  return hex("d4 05 00");
}
inline std::string arr(std::initializer_list<std::string> items) {
  std::string bytes(1, static_cast<char>(0x90 + items.size()));
  for (const auto& item : items)
    bytes += item;
  return bytes;
}
inline std::string map(std::initializer_list<std::pair<std::string_view, std::string>> members) {
  std::string bytes(1, static_cast<char>(0x80 + members.size()));
  for (const auto& [key, member] : members)
    bytes += str(key) + member;
  return bytes;
}
// `item` in so many arrays of one.
inline std::string nested(std::size_t levels, const std::string& item) {
  return std::string(levels, '\x91') + item;
}

}  // namespace muster::wire_bytes
