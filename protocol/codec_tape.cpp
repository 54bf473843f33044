#include "protocol/codec_tape.hpp"

#include <bit>
#include <boost/endian/conversion.hpp>
#include <msgpack/null_visitor.hpp>
#include <msgpack/parse.hpp>
#include <msgpack/unpack.hpp>

namespace muster::codec {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::nil:
      return "nil";
    case Kind::boolean:
      return "a boolean";
    case Kind::uint:
      return "an integer";
    case Kind::negative:
      return "an integer below 0";
    case Kind::real:
      return "a floating-point number";
    case Kind::string:
      return "a string";
    case Kind::binary:
      return "binary data";
    case Kind::extension:
      return "a msgpack extension";
    case Kind::array:
      return "an array";
    case Kind::map:
      return "a map";
  }
  return "";
}

// Both what msgpack-c calls for each item and what it parses with: msgpack::parse() makes the
// latter anew for each call, and allocates for it.
struct Tape::Parser : msgpack::detail::context<Tape::Parser>, msgpack::null_visitor {
  Tape& tape;
  std::size_t depth = 0;
  bool too_deep = false;

  explicit Parser(Tape& into) : tape(into) {}
  [[nodiscard]] Parser& visitor() { return *this; }

  void begin() { context::init(); }
  void init() {
    tape.size_ = 0;
    depth = 0;
    too_deep = false;
  }

  bool add(Kind kind, std::uint64_t bits, std::uint32_t count = 0) {
    tape.add({kind, count, bits});
    return true;
  }
  bool add_bytes(Kind kind, const char* bytes, std::uint32_t size) {
    // The parser gives no address for an empty string.
    const auto at = size == 0 ? 0 : static_cast<std::uint64_t>(bytes - tape.header_.data());
    return add(kind, at, size);
  }
  bool open(Kind kind, std::uint32_t count) {
    too_deep = ++depth > nesting_max;
    return !too_deep && add(kind, 0, count);
  }
  bool close() {
    --depth;
    return true;
  }

  bool visit_nil() { return add(Kind::nil, 0); }
  bool visit_boolean(bool b) { return add(Kind::boolean, b ? 1 : 0); }
  bool visit_positive_integer(std::uint64_t n) { return add(Kind::uint, n); }
  bool visit_negative_integer(std::int64_t n) {  // the signed forms, whatever they hold
    return add(n < 0 ? Kind::negative : Kind::uint, std::bit_cast<std::uint64_t>(n));
  }
  bool visit_float32(float f) { return visit_float64(double{f}); }
  bool visit_float64(double d) { return add(Kind::real, std::bit_cast<std::uint64_t>(d)); }
  bool visit_str(const char* s, std::uint32_t size) { return add_bytes(Kind::string, s, size); }
  bool visit_bin(const char* s, std::uint32_t size) { return add_bytes(Kind::binary, s, size); }
  bool visit_ext(const char*, std::uint32_t) { return add(Kind::extension, 0); }
  bool start_array(std::uint32_t count) { return open(Kind::array, count); }
  bool end_array() { return close(); }
  bool start_map(std::uint32_t count) { return open(Kind::map, count); }
  bool end_map() { return close(); }
};

Tape::Tape() : room_(plain_header_bytes_max), parser_(std::make_unique<Parser>(*this)) {}
Tape::~Tape() = default;

void Tape::add(Token token) {
  if (size_ == room_.size()) room_.resize(2 * size_);
  room_[size_++] = token;
}

Tape::Outcome Tape::parse(std::string_view header) {
  if (room_.size() > tape_kept_tokens_max) std::vector<Token>(plain_header_bytes_max).swap(room_);
  return parse_plain(header) ? Outcome::ok : parse_by_library(header);
}

// Small containers and short strings, numbers from 0 in their own forms, nil and booleans. False
// where anything else stands in the header, or it is not one whole item: msgpack-c tells then what
// it is. So few containers can't be nested too deep, however they lie in each other.
bool Tape::parse_plain(std::string_view header) {
  if (header.size() > plain_header_bytes_max) return false;
  header_ = header;
  const auto* const begin = reinterpret_cast<const unsigned char*>(header_.data());
  const auto* const end = begin + header_.size();
  const auto* at = begin;
  Token* to = room_.data();  // an item has a byte at least, and there is room for so many
  std::size_t items = 1;     // still to come
  std::size_t containers = 0;
  const auto text = [&](std::uint32_t bytes) {
    if (static_cast<std::size_t>(end - at) < bytes) return false;
    *to++ = {Kind::string, bytes, bytes == 0 ? 0 : static_cast<std::uint64_t>(at - begin)};
    at += bytes;
    return true;
  };
  for (; items > 0; --items) {
    if (at == end) return false;
    const unsigned lead = *at++;
    const auto left = static_cast<std::size_t>(end - at);
    if (lead <= 0x7f) {
      *to++ = {Kind::uint, 0, lead};
    } else if (lead <= 0x9f) {
      const bool map = lead <= 0x8f;
      const std::uint32_t count = lead & 0x0f;
      if (++containers > nesting_max) return false;
      *to++ = {map ? Kind::map : Kind::array, count, 0};
      items += map ? 2 * count : count;
    } else if (lead <= 0xbf) {
      if (!text(lead & 0x1f)) return false;
    } else if (lead == 0xc0) {
      *to++ = {Kind::nil, 0, 0};
    } else if (lead == 0xc2 || lead == 0xc3) {
      *to++ = {Kind::boolean, 0, lead & 1};
    } else if (lead == 0xcc && left >= 1) {
      *to++ = {Kind::uint, 0, *at++};
    } else if (lead == 0xcd && left >= 2) {
      *to++ = {Kind::uint, 0, boost::endian::load_big_u16(at)};
      at += 2;
    } else if (lead == 0xce && left >= 4) {
      *to++ = {Kind::uint, 0, boost::endian::load_big_u32(at)};
      at += 4;
    } else if (lead == 0xcf && left >= 8) {
      *to++ = {Kind::uint, 0, boost::endian::load_big_u64(at)};
      at += 8;
    } else if (lead == 0xd9 && left >= 1) {
      const std::uint32_t bytes = *at++;
      if (!text(bytes)) return false;
    } else {
      return false;
    }
  }
  size_ = static_cast<std::size_t>(to - room_.data());
  return at == end;
}

Tape::Outcome Tape::parse_by_library(std::string_view header) {
  header_ = header;
  size_ = 0;
  parser_->begin();
  if (header.empty()) return Outcome::malformed;
  std::size_t end = 0;
  try {
    // A success also where bytes are left over; none where they run out or the visitor stops.
    if (parser_->execute(header.data(), header.size(), end) == msgpack::PARSE_SUCCESS)
      return end == header.size() ? Outcome::ok : Outcome::malformed;
  } catch (const msgpack::unpack_error&) {
    // Lengths that a 32-bit machine can't hold.
  }
  return parser_->too_deep ? Outcome::nested_too_deep : Outcome::malformed;
}

}  // namespace muster::codec
