#include "protocol/codec_tape.hpp"

#include <bit>
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
  std::vector<Token>& tokens;
  const char* base = nullptr;
  std::size_t depth = 0;
  bool too_deep = false;

  explicit Parser(std::vector<Token>& into) : tokens(into) {}
  [[nodiscard]] Parser& visitor() { return *this; }

  void begin(std::string_view header) {
    context::init();
    base = header.data();
  }
  void init() {
    tokens.clear();
    depth = 0;
    too_deep = false;
  }

  bool add(Kind kind, std::uint64_t bits, std::uint32_t count = 0) {
    tokens.push_back({kind, count, bits});
    return true;
  }
  bool add_bytes(Kind kind, const char* bytes, std::uint32_t size) {
    // The parser gives no address for an empty string.
    return add(kind, size == 0 ? 0 : static_cast<std::uint64_t>(bytes - base), size);
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

Tape::Tape() : parser_(std::make_unique<Parser>(tokens_)) {}
Tape::~Tape() = default;

Tape::Outcome Tape::parse(std::string_view header) {
  if (tokens_.capacity() > tape_kept_tokens_max) std::vector<Token>{}.swap(tokens_);
  header_ = header;
  parser_->begin(header);
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
