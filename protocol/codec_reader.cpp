#include "protocol/codec_reader.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "protocol/check.hpp"
#include "protocol/codec_utf8.hpp"

namespace muster::codec {
namespace {

constexpr std::string_view not_utf8 = "is not valid UTF-8; strings must be.";

std::string range_sentence(std::uint64_t min, std::uint64_t max) {
  if (max == std::numeric_limits<std::uint64_t>::max()) {
    return "an integer, " + std::to_string(min) + " or more";
  }
  return "an integer from " + std::to_string(min) + " to " + std::to_string(max);
}

// Of members with the same key, the last stays (docs/protocol.md, section 2). Sorting keeps this
// cheap however many there are.
void keep_last_of_each_key(Value::Map& members) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int compared = members[a].first.compare(members[b].first);
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<bool> superseded(members.size());
  bool any = false;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    if (members[order[i]].first != members[order[i + 1]].first) continue;
    superseded[order[i]] = true;
    any = true;
  }
  if (!any) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (superseded[i]) continue;
    if (kept != i) members[kept] = std::move(members[i]);
    ++kept;
  }
  members.resize(kept);
}

// A container on its way to becoming a Value: its items come one by one.
struct OpenContainer {
  bool is_map = false;
  std::uint32_t left = 0;
  std::string key;  // of the member that comes next
  Value::Array items;
  Value::Map members;

  void add(Value item) {
    if (is_map) {
      members.emplace_back(std::move(key), std::move(item));
    } else {
      items.push_back(std::move(item));
    }
    --left;
  }
  Value close() {
    if (!is_map) return Value{std::move(items)};
    if (members.size() > 1) keep_last_of_each_key(members);
    return Value{std::move(members)};
  }
};

// Puts a completed item where it belongs, which may complete what it is in, and so on. Gives the
// whole once nothing is open any more.
std::optional<Value> settle(std::vector<OpenContainer>& open, Value done) {
  while (!open.empty()) {
    open.back().add(std::move(done));
    if (open.back().left > 0) return std::nullopt;
    done = open.back().close();
    open.pop_back();
  }
  return done;
}

}  // namespace

Reader::Reader(const Tape& tape, std::string_view message, const WireLimits& limits,
               Decoder::Keep keep)
    : tape_(tape), message_(message), limits_(limits), keep_all_(keep == Decoder::Keep::all) {
  CHECK(tape.tokens().size() >= 3 && tape.tokens()[0].count >= 2, "a reader needs a header");
  elements_left_ = tape.tokens()[0].count - 2;
  at_ = 3;  // after the array itself, the version and the type, which are plain numbers
}

// ---- the way through the tape ---------------------------------------------------------------

Kind Reader::next_kind() const {
  return at_ < tape_.tokens().size() ? tape_.tokens()[at_].kind : Kind::nil;
}

bool Reader::absent() {
  if (next_kind() != Kind::nil) return false;
  if (at_ < tape_.tokens().size()) ++at_;
  return true;
}

const Token* Reader::take(Kind kind, std::string_view wanted) {
  if (failed()) return nullptr;
  if (next_kind() != kind) {
    expected(wanted);
    return nullptr;
  }
  return &tape_.tokens()[at_++];
}

void Reader::skip() {
  std::uint64_t left = 1;
  while (left > 0 && at_ < tape_.tokens().size()) {
    const Token& token = tape_.tokens()[at_++];
    --left;
    if (token.kind == Kind::array) left += token.count;
    if (token.kind == Kind::map) left += std::uint64_t{2} * token.count;
  }
}

void Reader::next_element(std::string_view name, bool nil_allowed) {
  if (failed()) return;
  path_.clear();
  push({name, 0});
  if (elements_left_ == 0) {
    fail(FaultReason::malformed, "is missing; it must be there.");
    return;
  }
  --elements_left_;
  if (!nil_allowed && next_kind() == Kind::nil) {
    fail(FaultReason::malformed, "is nil; it must have a value.");
  }
}

void Reader::element(std::string_view name) {
  next_element(name, false);
}

void Reader::element_or_nil(std::string_view name) {
  next_element(name, true);
}

void Reader::push(Step step) {
  CHECK(path_.size() < path_max, "a message is nested deeper than a fault can tell");
  path_.push_back(step);
}

void Reader::pop() {
  path_.pop_back();
}

// ---- faults ---------------------------------------------------------------------------------

std::string Reader::path() const {
  std::string text;
  for (const Step& step : path_) {
    if (step.field.empty()) {
      text += '[' + std::to_string(step.item) + ']';
    } else {
      if (!text.empty()) text += '.';
      text += step.field;
    }
  }
  return text;
}

void Reader::fail(FaultReason reason, std::string_view what) {
  if (failed()) return;
  std::string sentence{message_};
  sentence += ": `";
  sentence += path();
  sentence += "` ";
  sentence += what;
  fault_ = Fault{reason, std::move(sentence), {}, {}};
  at_ = tape_.tokens().size();
}

// A header element of another kind makes the message malformed; a field within one is at fault by
// itself.
void Reader::expected(std::string_view wanted) {
  std::string what = "is ";
  what += kind_name(next_kind());
  what += "; it must be ";
  what += wanted;
  what += '.';
  fail(path_.size() <= 1 ? FaultReason::malformed : FaultReason::field, what);
}

// ---- numbers --------------------------------------------------------------------------------

std::uint64_t Reader::uint(std::uint64_t min, std::uint64_t max) {
  if (absent() || failed()) return 0;
  if (next_kind() != Kind::uint) {
    expected(range_sentence(min, max));
    return 0;
  }
  const std::uint64_t number = tape_.tokens()[at_++].bits;
  if (number < min || number > max) {
    impossible("is " + std::to_string(number) + "; it must be " + range_sentence(min, max) + ".");
    return 0;
  }
  return number;
}

std::optional<std::uint64_t> Reader::uint_or_none() {
  if (absent()) return std::nullopt;
  return uint();
}

std::int64_t Reader::integer() {
  if (absent() || failed()) return 0;
  if (next_kind() == Kind::negative) return std::bit_cast<std::int64_t>(tape_.tokens()[at_++].bits);
  constexpr std::string_view wanted = "a signed 64-bit integer";
  if (next_kind() != Kind::uint) {
    expected(wanted);
    return 0;
  }
  const std::uint64_t number = tape_.tokens()[at_++].bits;
  if (number > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    impossible("is " + std::to_string(number) + "; it must be " + std::string{wanted} + ".");
    return 0;
  }
  return static_cast<std::int64_t>(number);
}

Duration Reader::milliseconds(std::uint64_t min, std::uint64_t max) {
  return from_wire_ms(uint(min, max));
}

std::optional<Duration> Reader::milliseconds_or_none() {
  if (absent()) return std::nullopt;
  return from_wire_ms(uint());
}

std::optional<double> Reader::real() {
  if (absent() || failed()) return std::nullopt;
  const Kind kind = next_kind();
  if (kind != Kind::real && kind != Kind::uint && kind != Kind::negative) {
    expected("a number");
    return std::nullopt;
  }
  const std::uint64_t bits = tape_.tokens()[at_++].bits;
  if (kind == Kind::uint) return static_cast<double>(bits);
  if (kind == Kind::negative) return static_cast<double>(std::bit_cast<std::int64_t>(bits));
  const auto number = std::bit_cast<double>(bits);
  if (!std::isfinite(number)) impossible("is not a finite number; it must be one.");
  return number;
}

bool Reader::boolean(bool fallback) {
  if (absent()) return fallback;
  const Token* token = take(Kind::boolean, "a boolean");
  return token != nullptr && token->bits != 0;
}

// ---- strings --------------------------------------------------------------------------------

std::string_view Reader::take_text() {
  const Token* token = take(Kind::string, "a string");
  if (token == nullptr) return {};
  const std::string_view text = tape_.text(*token);
  if (!is_utf8(text)) {
    impossible(not_utf8);
    return {};
  }
  return text;
}

std::string_view Reader::take_key() {
  if (failed()) return {};
  if (next_kind() != Kind::string) {
    std::string what = "has a key that is ";
    what += kind_name(next_kind());
    what += "; keys must be strings.";
    fail(FaultReason::malformed, what);
    return {};
  }
  return tape_.text(tape_.tokens()[at_++]);
}

bool Reader::check_name(std::string_view text, std::string_view whose) {
  if (text.size() <= limits_.name_bytes) return true;
  std::string what{whose};
  what += std::to_string(text.size());
  what += " bytes long; names have at most ";
  what += std::to_string(limits_.name_bytes);
  what += '.';
  fail(FaultReason::name_too_long, what);
  return false;
}

std::string Reader::text() {
  if (absent()) return {};
  return std::string{take_text()};
}

std::string Reader::name(Empty empty) {
  if (absent()) return {};
  const std::string_view text = take_text();
  if (failed() || !check_name(text, "is ")) return {};
  if (text.empty() && empty == Empty::forbidden) {
    impossible("is empty; it must have at least one character.");
  }
  return std::string{text};
}

std::vector<std::string> Reader::names() {
  std::vector<std::string> all;
  items([&] { all.push_back(name(Empty::forbidden)); });
  return all;
}

std::vector<std::uint64_t> Reader::uints() {
  std::vector<std::uint64_t> all;
  items([&] { all.push_back(uint()); });
  return all;
}

template <class OnPair>
void Reader::string_pairs(Keys keys, OnPair on_pair) {
  if (absent()) return;
  const Token* map = take(Kind::map, "a map of strings");
  for (std::uint32_t i = 0; map != nullptr && i < map->count; ++i) {
    const std::string_view key = take_key();
    if (failed()) return;
    if (!is_utf8(key)) return impossible("has a key that is not valid UTF-8; strings must be.");
    if (keys == Keys::names && !check_name(key, "has a key that is ")) return;
    if (next_kind() != Kind::string) {
      std::string what = "has a value that is ";
      what += kind_name(next_kind());
      what += "; all of its values must be strings.";
      return impossible(what);
    }
    const std::string_view text = take_text();
    if (failed()) return;
    on_pair(key, text);
  }
}

StringMap Reader::string_map(Keys keys) {
  StringMap strings;
  string_pairs(keys, [&](std::string_view key, std::string_view text) {
    strings.insert_or_assign(std::string{key}, std::string{text});
  });
  return strings;
}

// ---- what the ends alone need ---------------------------------------------------------------

std::string Reader::end_text() {
  if (absent()) return {};
  const std::string_view text = take_text();
  return keep_all_ ? std::string{text} : std::string{};
}

StringMap Reader::end_string_map() {
  if (keep_all_) return string_map(Keys::any);
  string_pairs(Keys::any, [](std::string_view, std::string_view) {});
  return {};
}

// ---- free data ------------------------------------------------------------------------------

std::optional<Value> Reader::scalar(const Token& token) {
  switch (token.kind) {
    case Kind::nil:
      return Value{};
    case Kind::boolean:
      return Value{token.bits != 0};
    case Kind::uint:
      return Value{token.bits};
    case Kind::negative:
      return Value{std::bit_cast<std::int64_t>(token.bits)};
    case Kind::real:
      return Value{std::bit_cast<double>(token.bits)};
    case Kind::string:
      if (is_utf8(tape_.text(token))) return Value{tape_.text(token)};
      impossible("has a string that is not valid UTF-8; strings must be.");
      return std::nullopt;
    case Kind::binary:  // what some libraries make of strings
      if (is_utf8(tape_.text(token))) return Value{tape_.text(token)};
      impossible("has binary data in it that is not UTF-8; only text may stand there.");
      return std::nullopt;
    case Kind::extension:
      impossible("has a msgpack extension in it; none may stand there.");
      return std::nullopt;
    case Kind::array:
    case Kind::map:
      break;
  }
  CHECK(false, "a container was read as a scalar");
}

Value Reader::value() {
  std::vector<OpenContainer> open;  // nesting_max bounds it
  while (!failed()) {
    if (!open.empty() && open.back().is_map) {
      const std::string_view key = take_key();
      if (!failed() && !is_utf8(key)) {
        impossible("has a key that is not valid UTF-8; strings must be.");
      }
      if (failed()) break;
      open.back().key = key;
    }
    const Token& token = tape_.tokens()[at_++];
    Value done;
    if (token.kind == Kind::array || token.kind == Kind::map) {
      open.push_back({token.kind == Kind::map, token.count, {}, {}, {}});
      if (token.count > 0) continue;
      done = open.back().close();
      open.pop_back();
    } else if (auto plain = scalar(token)) {
      done = std::move(*plain);
    } else {
      break;
    }
    if (auto whole = settle(open, std::move(done))) return std::move(*whole);
  }
  return {};
}

}  // namespace muster::codec
