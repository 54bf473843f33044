#include "tests/scenario/messages.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <msgpack.hpp>
#include <vector>

#include "config/schema.hpp"
#include "protocol/error_code.hpp"

namespace muster::scenario {
namespace {

struct Shape {
  std::string_view name;
  std::uint64_t type = 0;
  std::string_view elements;  // in order; the map that some end with is called "fields"
  std::string_view fields{};  // what that map may hold, in the order in which it is shown
};

constexpr std::string_view info =
    "worker instance models slots state why speed queue_length labels version active";

constexpr std::array shapes = {
    Shape{"REQUEST", 0x01, "id model fields",
          "timeout first_timeout idle_timeout stream path type headers request_id trace session "
          "prefix require priority tenant retry"},
    Shape{"CANCEL", 0x02, "id"},
    Shape{"CHUNK", 0x11, "id seq fields", "status type headers worker usage"},
    Shape{"FINAL", 0x12, "id seq fields", "status type headers worker usage"},
    Shape{"ERROR", 0x13, "id code message fields",
          "reason retryable retry_after worker status duplicate"},
    Shape{"HEARTBEAT", 0x20, "fields",
          "slots grant queue_length state why progress kv_cache_usage models"},
    Shape{"REGISTER", 0x21, "fields", info},
    Shape{"REGISTERED", 0x22, "fields"},
    Shape{"REREGISTER", 0x23, ""},
    Shape{"DEREGISTER", 0x24, "reason"},
    Shape{"DISMISS", 0x25, "code reason"},
    Shape{"PROBE", 0x26, "nonce"},
    Shape{"STATUS", 0x27, "nonce fields", info},
    Shape{"DRAIN", 0x28, "on"},
    Shape{"QUERY", 0x30, "id name args"},
    Shape{"ANSWER", 0x31, "id result"},
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// The one of `known` that was most likely meant, for a sentence.
std::string nearest(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t least = 4;
  for (const std::string_view one : known) {
    const std::size_t distance = config::edit_distance(word, one);
    if (distance >= least) continue;
    least = distance;
    best = one;
  }
  return best.empty() ? "" : "; " + std::string{best} + " is near";
}

const Shape* shape_of(LineReader& in, const std::string& name) {
  std::vector<std::string_view> names;
  for (const Shape& shape : shapes) {
    if (shape.name == name) return &shape;
    names.push_back(shape.name);
  }
  in.fail("there is no message '" + name + "'" + nearest(name, names));
  return nullptr;
}

// ---- msgpack -----------------------------------------------------------------------------------

// Writes each number in its shortest form, and a real one as 64 bits: the packer would make 7.0
// a 7.
struct Writer {
  msgpack::sbuffer& bytes;
  msgpack::packer<msgpack::sbuffer> packer{bytes};

  void operator()(std::monostate) { packer.pack_nil(); }
  void operator()(bool b) { b ? packer.pack_true() : packer.pack_false(); }
  void operator()(std::int64_t n) { packer.pack_int64(n); }
  void operator()(std::uint64_t n) { packer.pack_uint64(n); }
  void operator()(double d) {
    const auto bits = std::bit_cast<std::uint64_t>(d);
    std::string form = "\xcb";
    for (int shift = 56; shift >= 0; shift -= 8)
      form += static_cast<char>(bits >> shift);
    bytes.write(form.data(), form.size());
  }
  void operator()(const std::string& s) {
    packer.pack_str(static_cast<std::uint32_t>(s.size()));
    packer.pack_str_body(s.data(), static_cast<std::uint32_t>(s.size()));
  }
  void operator()(const Value::Array& items) {
    packer.pack_array(static_cast<std::uint32_t>(items.size()));
    for (const Value& item : items)
      std::visit(*this, item.data());
  }
  void operator()(const Value::Map& members) {
    packer.pack_map(static_cast<std::uint32_t>(members.size()));
    for (const auto& [key, member] : members) {
      (*this)(key);
      std::visit(*this, member.data());
    }
  }
};

std::string packed(const Value& value) {
  msgpack::sbuffer bytes;
  Writer writer{bytes};
  std::visit(writer, value.data());
  return {bytes.data(), bytes.size()};
}

Value unpacked(const msgpack::object& object) {
  switch (object.type) {
    case msgpack::type::NIL:
      return {};
    case msgpack::type::BOOLEAN:
      return object.via.boolean;
    case msgpack::type::POSITIVE_INTEGER:
      return object.via.u64;
    case msgpack::type::NEGATIVE_INTEGER:
      return object.via.i64;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return object.via.f64;
    case msgpack::type::STR:
      return std::string_view{object.via.str.ptr, object.via.str.size};
    case msgpack::type::BIN:
      return std::string_view{object.via.bin.ptr, object.via.bin.size};
    case msgpack::type::ARRAY: {
      Value::Array items;
      for (const msgpack::object& item : object.via.array)
        items.push_back(unpacked(item));
      return items;
    }
    case msgpack::type::MAP: {
      Value::Map members;
      for (const msgpack::object_kv& member : object.via.map)
        members.emplace_back(unpacked(member.key).string_or("?"), unpacked(member.val));
      return members;
    }
    case msgpack::type::EXT:
      return "an ext";
  }
  return {};
}

// Nothing where the bytes are no msgpack.
std::optional<Value> unpacked(std::string_view bytes) {
  try {
    return unpacked(msgpack::unpack(bytes.data(), bytes.size()).get());
  } catch (const msgpack::unpack_error&) {
    return std::nullopt;
  }
}

// ---- what a line says --------------------------------------------------------------------------

// NO_WORKER, or any number.
Value read_code(LineReader& in) {
  const std::string said = in.word();
  std::uint64_t number = 0;
  const auto end = std::from_chars(said.data(), said.data() + said.size(), number).ptr;
  if (!said.empty() && end == said.data() + said.size()) return number;
  for (std::uint32_t code = 40'000; code < 60'000; ++code) {
    const auto listed = static_cast<ErrorCode>(code);
    if (is_listed(listed) && error_name(listed) == said) return std::uint64_t{code};
  }
  in.fail("'" + said + "' is no code of section 5");
  return {};
}

void put(Value::Map& fields, const std::string& key, Value value) {
  for (auto& [known, old] : fields) {
    if (known != key) continue;
    old = std::move(value);
    return;
  }
  fields.emplace_back(key, std::move(value));
}

bool nothing_left(LineReader& in) {
  return in.failed() || in.at_end() || in.next_is('|');
}

void read_payload(LineReader& in, Payload& payload) {
  while (!nothing_left(in))
    payload.add(Frame{std::string_view{in.text()}});
}

// Fields until the first text that no '=' follows: that is the first payload frame.
void read_fields(LineReader& in, const Shape& shape, Value::Map& fields, Payload& payload) {
  while (!nothing_left(in)) {
    if (in.next_is('"')) {
      const std::string text = in.text();
      if (!in.take('=')) {
        payload.add(Frame{std::string_view{text}});
        return;
      }
      put(fields, text, in.value());
      continue;
    }
    const std::string key = in.word();
    const auto known = words_of(shape.fields);
    if (!in.failed() && std::find(known.begin(), known.end(), key) == known.end()) {
      in.fail(std::string{shape.name} + " has no field '" + key + "'" + nearest(key, known));
    }
    put(fields, key, in.take('=') ? in.value() : Value{true});
  }
}

Spoken read_message(LineReader& in, const Shape& shape, std::optional<std::uint64_t> id,
                    const Value::Map& defaults) {
  Spoken spoken;
  Value::Array header = {1, shape.type};
  for (const std::string_view element : words_of(shape.elements)) {
    if (element == "id") {
      if (!id)
        in.fail(std::string{shape.name} + " has an id: c1/7 says it under 7, w1/a1 under a1");
      header.emplace_back(id.value_or(0));
    } else if (element == "fields") {
      Value::Map fields = defaults;
      read_fields(in, shape, fields, spoken.payload);
      header.emplace_back(std::move(fields));
    } else if (element == "code") {
      header.push_back(read_code(in));
    } else if (element == "args" && nothing_left(in)) {
      header.emplace_back();
    } else {
      header.push_back(in.value());
    }
  }
  if (id && !shape.elements.starts_with("id")) {
    in.fail(std::string{shape.name} + " has no id");
  }
  read_payload(in, spoken.payload);
  spoken.header = packed(header);
  return spoken;
}

std::string read_bytes(LineReader& in) {
  std::string bytes;
  while (!nothing_left(in) && !in.next_is('"')) {
    const std::string pair = in.word();
    unsigned byte = 0;
    const auto end = std::from_chars(pair.data(), pair.data() + pair.size(), byte, 16).ptr;
    if (pair.size() != 2 || end != pair.data() + 2) in.fail("'" + pair + "' is no byte");
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

// ---- what bytes say ----------------------------------------------------------------------------

// A map's order says nothing: it is shown by the table.
Value in_order(const Value& value, const Shape& shape) {
  if (value.map() == nullptr) return value;
  const auto known = words_of(shape.fields);
  const auto place = [&](const auto& member) {
    return std::ranges::find(known, std::string_view{member.first}) - known.begin();
  };
  Value::Map members = *value.map();
  std::ranges::stable_sort(members, {}, place);
  return members;
}

}  // namespace

Spoken read_spoken(LineReader& in, std::optional<std::uint64_t> id, const Value::Map& defaults) {
  Spoken spoken;
  if (in.next_is('[')) {
    spoken.header = packed(in.value());
    read_payload(in, spoken.payload);
    return spoken;
  }
  const std::string name = in.word();
  if (name == "bytes") {
    spoken.header = read_bytes(in);
    read_payload(in, spoken.payload);
    return spoken;
  }
  const Shape* shape = in.failed() ? nullptr : shape_of(in, name);
  return shape != nullptr ? read_message(in, *shape, id, defaults) : std::move(spoken);
}

std::optional<Header> take_apart(std::string_view bytes) {
  const std::optional<Value> value = unpacked(bytes);
  const Value::Array* array = value ? value->array() : nullptr;
  if (array == nullptr || array->size() < 2) return std::nullopt;
  const auto shape = std::ranges::find(shapes, (*array)[1].uint_or(0), &Shape::type);
  if (shape == shapes.end()) return std::nullopt;
  Header header{.name = std::string{shape->name}, .id = {}, .elements = {}, .more = {}};
  std::size_t at = 2;
  for (const std::string_view element : words_of(shape->elements)) {
    if (at == array->size()) return std::nullopt;
    if (element == "id") {
      header.id = (*array)[at++].uint_or(0);
    } else {
      header.elements.emplace_back(element, in_order((*array)[at++], *shape));
    }
  }
  header.more.assign(array->begin() + static_cast<std::ptrdiff_t>(at), array->end());
  return header;
}

std::string shown_payload(const Payload& payload) {
  std::string all;
  for (std::size_t i = 0; i < payload.frame_count(); ++i)
    all += " " + quoted(payload.frame(i).text());
  return all;
}

std::string shown_bytes(std::string_view bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string all;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!all.empty()) all += ' ';
    all += {hex[byte >> 4], hex[byte & 0xf]};
  }
  return all;
}

}  // namespace muster::scenario
