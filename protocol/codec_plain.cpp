#include "protocol/codec_plain.hpp"

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstring>
#include <limits>

#include "protocol/codec_preamble.hpp"
#include "protocol/codec_utf8.hpp"

namespace muster::codec {
namespace {

// A version, a type, an id, and two elements more: an array of five, of small numbers in front.
constexpr unsigned char array_of_five = 0x95;
constexpr std::size_t id_at = 3;

template <std::size_t size>
bool is(std::string_view key, const char (&word)[size]) {
  return key.size() == size - 1 && std::memcmp(key.data(), word, size - 1) == 0;
}

// Walks over a header. Each reading takes what comes next if it has the form that is asked for, and
// says whether it had.
class PlainCursor {
 public:
  explicit PlainCursor(std::string_view bytes)
      : next_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(next_ + bytes.size()) {}

  [[nodiscard]] bool at_end() const { return next_ == end_; }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - next_); }

  [[nodiscard]] bool uint(std::uint64_t& number) {
    if (at_end()) return false;
    const unsigned lead = *next_;
    if (lead <= 0x7f) {
      number = lead;
      ++next_;
      return true;
    }
    if (lead < 0xcc || lead > 0xcf) return false;
    const std::size_t width = std::size_t{1} << (lead - 0xcc);
    if (left() < 1 + width) return false;
    const unsigned char* const digits = next_ + 1;
    number = width == 8   ? boost::endian::load_big_u64(digits)
             : width == 4 ? boost::endian::load_big_u32(digits)
             : width == 2 ? boost::endian::load_big_u16(digits)
                          : *digits;
    next_ = digits + width;
    return true;
  }

  [[nodiscard]] bool milliseconds(std::optional<Duration>& duration) {
    std::uint64_t number = 0;
    if (!uint(number)) return false;
    duration = from_wire_ms(number);
    return true;
  }

  [[nodiscard]] bool boolean(bool& value) {
    if (at_end() || (*next_ & 0xfe) != 0xc2) return false;
    value = (*next_++ & 1) != 0;
    return true;
  }

  // A small map: so many pairs follow.
  [[nodiscard]] bool map(std::size_t& pairs) {
    if (at_end() || (*next_ & 0xf0) != 0x80) return false;
    pairs = *next_++ & 0x0f;
    return true;
  }

  // A short string, whatever is in it.
  [[nodiscard]] bool bytes(std::string_view& text) {
    if (at_end()) return false;
    std::size_t size = *next_ & 0x1f;
    std::size_t lead = 1;
    if ((*next_ & 0xe0) != 0xa0) {
      if (*next_ != 0xd9 || left() < 2) return false;
      size = next_[1];
      lead = 2;
    }
    if (left() < lead + size) return false;
    text = {reinterpret_cast<const char*>(next_ + lead), size};
    next_ += lead + size;
    return true;
  }

  [[nodiscard]] bool text(std::string_view& text) { return bytes(text) && is_utf8(text); }
  [[nodiscard]] bool skip_text() {
    std::string_view passed;
    return text(passed);
  }
  [[nodiscard]] bool text(std::string& into) {
    std::string_view found;
    if (!text(found)) return false;
    into = found;
    return true;
  }
  [[nodiscard]] bool name(std::string& into, const WireLimits& limits) {
    return text(into) && into.size() <= limits.name_bytes;
  }

  // A map of strings, which is not kept.
  [[nodiscard]] bool strings() {
    std::size_t pairs = 0;
    if (!map(pairs)) return false;
    for (; pairs > 0; --pairs) {
      if (!skip_text() || !skip_text()) return false;
    }
    return true;
  }
  // ... and of numbers.
  [[nodiscard]] bool numbers() {
    std::size_t pairs = 0;
    std::uint64_t passed = 0;
    if (!map(pairs)) return false;
    for (; pairs > 0; --pairs) {
      if (!skip_text() || !uint(passed)) return false;
    }
    return true;
  }

 private:
  const unsigned char* next_;
  const unsigned char* end_;
};

// ---- what messages are made of (docs/protocol.md, section 4; codec_messages.cpp) ----------------

bool read_option(PlainCursor& in, std::string_view key, const WireLimits& limits,
                 RequestOptions& o) {
  switch (key.size()) {
    case 4:
      return (is(key, "path") || is(key, "type")) && in.skip_text();
    case 5:
      if (is(key, "trace")) return in.skip_text();
      return is(key, "retry") && in.boolean(o.retry);
    case 6:
      if (is(key, "stream")) return in.boolean(o.stream);
      return is(key, "tenant") && in.name(o.tenant, limits);
    case 7:
      if (is(key, "timeout")) return in.milliseconds(o.timeout);
      if (is(key, "session")) return in.name(o.session, limits);
      return is(key, "headers") && in.strings();
    case 8: {
      std::uint64_t number = 0;
      if (!is(key, "priority") || !in.uint(number)) return false;
      o.priority = static_cast<std::int64_t>(number);
      return number <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    }
    case 10:
      return is(key, "request_id") && in.text(o.request_id);
    case 12:
      return is(key, "idle_timeout") && in.milliseconds(o.idle_timeout);
    case 13:
      return is(key, "first_timeout") && in.milliseconds(o.first_timeout);
    default:
      return false;
  }
}

bool read_meta_field(PlainCursor& in, std::string_view key, const WireLimits& limits,
                     PartMeta& meta) {
  if (is(key, "status")) {
    std::uint64_t status = 0;
    if (!in.uint(status)) return false;
    meta.status = status;
    return true;
  }
  if (is(key, "type")) return in.skip_text();
  if (is(key, "worker")) return in.name(meta.worker, limits);
  if (is(key, "headers")) return in.strings();
  return is(key, "usage") && in.numbers();
}

// ---- as made, without making it anew -----------------------------------------------------------

void clear(Request& message) {
  RequestOptions& o = message.options;
  o.timeout.reset();
  o.first_timeout.reset();
  o.idle_timeout.reset();
  o.stream = false;
  o.path.clear();
  o.type.clear();
  o.headers.clear();
  o.request_id.clear();
  o.trace.clear();
  o.session.clear();
  o.prefix.clear();
  o.require.clear();
  o.priority = 0;
  o.tenant.clear();
  o.retry = true;
}

template <class Part>
void clear(Part& message) {
  PartMeta& meta = message.meta;
  meta.status.reset();
  meta.type.clear();
  meta.headers.clear();
  meta.worker.clear();
  if (!meta.usage.is_nil()) meta.usage = Value{};
}

template <class Message, class Messages>
Message& as_made(Messages& messages) {
  auto* same = std::get_if<Message>(&messages);
  if (same == nullptr) return messages.template emplace<Message>();
  clear(*same);
  return *same;
}

// ---- messages ----------------------------------------------------------------------------------

bool read(PlainCursor& in, const WireLimits& limits, Request& message) {
  std::size_t options = 0;
  std::string_view key;
  if (!in.name(message.model, limits) || message.model.empty() || !in.map(options)) return false;
  for (; options > 0; --options) {
    if (!in.bytes(key) || !read_option(in, key, limits, message.options)) return false;
  }
  return true;
}

template <class Part>
bool read(PlainCursor& in, const WireLimits& limits, Part& message) {
  std::size_t fields = 0;
  std::string_view key;
  if (!in.uint(message.seq) || !in.map(fields)) return false;
  for (; fields > 0; --fields) {
    if (!in.bytes(key) || !read_meta_field(in, key, limits, message.meta)) return false;
  }
  return true;
}

template <class Message, class Messages>
std::optional<IdSpan> read_as(std::string_view header, const WireLimits& limits,
                              Messages& messages) {
  PlainCursor in{header.substr(id_at)};
  auto& message = as_made<Message>(messages);
  if (!in.uint(message.id.value)) return std::nullopt;
  const auto width = static_cast<std::uint8_t>(header.size() - id_at - in.left());
  if (!read(in, limits, message) || !in.at_end()) return std::nullopt;
  return IdSpan{id_at, width};
}

// The type of a message that starts as those do that are read here; nothing: it does not.
std::optional<MessageType> type_of(std::string_view header) {
  if (header.size() <= id_at || static_cast<unsigned char>(header[0]) != array_of_five ||
      static_cast<unsigned char>(header[1]) != protocol_version) {
    return std::nullopt;
  }
  return static_cast<MessageType>(header[2]);
}

}  // namespace

std::optional<WireId> plain_id_of(std::string_view header) {
  constexpr std::size_t long_form_width = 9;
  if (header.size() < id_at + long_form_width || static_cast<unsigned char>(header[id_at]) != 0xcf)
    return std::nullopt;
  const auto type = type_of(header);
  if (type != MessageType::chunk && type != MessageType::final) return std::nullopt;
  const auto* const digits = reinterpret_cast<const unsigned char*>(header.data()) + id_at + 1;
  return WireId{boost::endian::load_big_u64(digits)};
}

std::optional<IdSpan> read_plain(std::string_view header, const WireLimits& limits,
                                 FromClient& message) {
  if (type_of(header) != MessageType::request) return std::nullopt;
  return read_as<Request>(header, limits, message);
}

std::optional<IdSpan> read_plain(std::string_view header, const WireLimits& limits,
                                 FromWorker& message) {
  const auto type = type_of(header);
  if (type == MessageType::chunk) return read_as<Chunk>(header, limits, message);
  if (type == MessageType::final) return read_as<Final>(header, limits, message);
  return std::nullopt;
}

}  // namespace muster::codec
