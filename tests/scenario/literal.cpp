#include "tests/scenario/literal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "config/units.hpp"
#include "protocol/time.hpp"

namespace muster::scenario {
namespace {

// Further from the first than this, an id is none that the broker has given.
constexpr std::uint64_t attempts_max = 100'000;
// A longer text of one letter is shown as that letter and how often.
constexpr std::size_t text_shown_max = 40;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_sign(char c) {
  return is_letter(c) || is_digit(c) || std::string_view{".:+-@%"}.find(c) != std::string::npos;
}

template <class Number>
std::optional<Number> as_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  return as_number<std::uint64_t>(text);
}

std::optional<Value> number_value(std::string_view word) {
  if (const auto whole = whole_number(word)) return Value{*whole};
  if (const auto negative = as_number<std::int64_t>(word)) return Value{*negative};
  const bool digits = !word.empty() && is_digit(word[word.starts_with('-') ? 1 : 0]);
  const auto real = digits ? as_number<double>(word) : std::nullopt;
  return real ? std::optional{Value{*real}} : std::nullopt;
}

// What a word without quotes stands for; nothing where it is no value.
std::optional<Value> meaning(std::string_view word) {
  if (word == "true" || word == "false") return Value{word == "true"};
  if (word == "nil") return Value{};
  if (const auto id = attempt_id(word)) return Value{*id};
  if (auto number = number_value(word)) return number;
  if (const auto duration = config::parse_duration(word)) return Value{to_wire_ms(*duration)};
  if (word.empty() || !is_letter(word[0]) || word.find("..") != std::string_view::npos) {
    return std::nullopt;
  }
  return Value{word};
}

// The words of "m1..m3"; of any other word only that.
std::vector<std::string> spread(const std::string& word) {
  const std::size_t dots = word.find("..");
  if (dots == std::string::npos) return {word};
  const auto stem_of = [](std::string_view name) {
    while (!name.empty() && is_digit(name.back()))
      name.remove_suffix(1);
    return name;
  };
  const std::string_view first = std::string_view{word}.substr(0, dots);
  const std::string_view last = std::string_view{word}.substr(dots + 2);
  const std::string_view stem = stem_of(first);
  const auto from = whole_number(first.substr(stem.size()));
  const auto to = whole_number(last.substr(std::min(stem.size(), last.size())));
  if (stem != stem_of(last) || !from || !to) return {word};
  std::vector<std::string> words;
  for (std::uint64_t i = *from; i <= *to; ++i)
    words.push_back(std::string{stem} + std::to_string(i));
  return words;
}

std::string shown_real(double real) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), real).ptr;
  std::string text(digits.data(), end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string attempt_name(std::uint64_t id) {
  if (id < first_attempt || id - first_attempt >= attempts_max) return std::to_string(id);
  return "a" + std::to_string(id - first_attempt + 1);
}

std::optional<std::uint64_t> attempt_id(std::string_view name) {
  if (!name.starts_with('a')) return std::nullopt;
  const auto count = whole_number(name.substr(1));
  if (!count || *count == 0 || *count > attempts_max) return std::nullopt;
  return first_attempt + *count - 1;
}

// ---- reading -----------------------------------------------------------------------------------

bool LineReader::at_end() {
  while (at_ < line_.size() && line_[at_] == ' ')
    ++at_;
  return at_ == line_.size() || line_[at_] == '#';
}

bool LineReader::next_is(char c) {
  return !failed() && !at_end() && line_[at_] == c;
}

bool LineReader::take(char c) {
  if (!next_is(c)) return false;
  ++at_;
  return true;
}

void LineReader::expect(char c) {
  if (!take(c))
    fail("a '" + std::string(1, c) + "' is missing at column " + std::to_string(at_ + 1));
}

std::string_view LineReader::next_word() {
  if (failed() || at_end()) return {};
  std::size_t end = at_;
  while (end < line_.size() && is_word_sign(line_[end]))
    ++end;
  return line_.substr(at_, end - at_);
}

bool LineReader::take_word(std::string_view word) {
  if (next_word() != word) return false;
  at_ += word.size();
  return true;
}

std::string LineReader::word() {
  const std::string_view word = next_word();
  if (word.empty()) fail("a word is missing at column " + std::to_string(at_ + 1));
  at_ += word.size();
  return std::string{word};
}

std::uint64_t LineReader::number() {
  const std::string digits = word();
  const auto number = whole_number(digits);
  if (!number) fail("'" + digits + "' is no number");
  return number.value_or(0);
}

std::string LineReader::text() {
  expect('"');
  std::string all;
  while (!failed() && at_ < line_.size() && line_[at_] != '"') {
    char c = line_[at_++];
    if (c == '\\' && at_ < line_.size()) {
      c = line_[at_++];
      if (c == 'n') c = '\n';
      if (c == 'x') {
        unsigned byte = 0;
        const std::string_view pair = line_.substr(at_, 2);
        const auto end = std::from_chars(pair.data(), pair.data() + pair.size(), byte, 16).ptr;
        if (end != pair.data() + 2) fail("\\x wants two hexadecimal digits");
        c = static_cast<char>(byte);
        at_ += pair.size();
      }
    }
    all += c;
  }
  if (!failed() && at_ == line_.size()) fail("a text has no closing quote");
  if (failed()) return {};
  ++at_;
  if (at_ < line_.size() && line_[at_] == '*') {
    ++at_;
    const std::uint64_t times = number();
    const std::string once = std::exchange(all, {});
    for (std::uint64_t i = 0; i < times; ++i)
      all += once;
  }
  return all;
}

std::string_view LineReader::rest() {
  if (failed() || at_end()) return {};
  std::string_view left = line_.substr(at_);
  left = left.substr(0, left.find('#'));
  left = left.substr(0, left.find_last_not_of(' ') + 1);
  at_ = line_.size();
  return left;
}

Value LineReader::value() {
  if (next_is('"')) return text();
  if (next_is('[')) return list();
  if (next_is('{')) return map();
  const std::string said = word();
  if (failed()) return {};
  if (auto value = meaning(said)) return *value;
  fail("'" + said + "' is no value; a text that is no single word stands between quotes");
  return {};
}

Value LineReader::list() {
  expect('[');
  Value::Array items;
  while (!failed() && !take(']')) {
    if (!items.empty()) expect(',');
    const std::string_view next = next_word();
    if (next.find("..") == std::string_view::npos) {
      items.push_back(value());
      continue;
    }
    for (const std::string& one : spread(word()))
      items.emplace_back(one);
  }
  return items;
}

Value LineReader::map() {
  expect('{');
  Value::Map members;
  while (!failed() && !take('}')) {
    if (!members.empty()) expect(',');
    const std::vector<std::string> keys =
        next_is('"') ? std::vector<std::string>{text()} : spread(word());
    expect('=');
    const Value member = value();
    for (const std::string& key : keys)
      members.emplace_back(key, member);
  }
  return members;
}

void LineReader::fail(std::string what) {
  if (!failed()) fault_ = std::move(what);
}

// ---- showing -----------------------------------------------------------------------------------

std::string quoted(std::string_view text) {
  const bool repeated =
      text.size() > text_shown_max && text.find_first_not_of(text[0]) == std::string_view::npos;
  std::string all = "\"";
  for (const char c : repeated ? text.substr(0, 1) : text) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      all += {'\\', c};
    } else if (c == '\n') {
      all += "\\n";
    } else if (byte < 0x20 || byte >= 0x7f) {
      all += {'\\', 'x', hex[byte >> 4], hex[byte & 0xf]};
    } else {
      all += c;
    }
  }
  all += '"';
  return repeated ? all + "*" + std::to_string(text.size()) : all;
}

std::string shown(const Value& value) {
  struct Shower {
    std::string operator()(std::monostate) const { return "nil"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t n) const { return std::to_string(n); }
    std::string operator()(std::uint64_t n) const { return std::to_string(n); }
    std::string operator()(double d) const { return shown_real(d); }
    std::string operator()(const std::string& s) const {
      const bool one_word = std::all_of(s.begin(), s.end(), is_word_sign) &&
                            meaning(s) == Value{s} && s.size() <= text_shown_max;
      return one_word ? s : quoted(s);
    }
    std::string operator()(const Value::Array& items) const {
      std::string all;
      for (const Value& item : items)
        all += (all.empty() ? "" : ", ") + shown(item);
      return "[" + all + "]";
    }
    std::string operator()(const Value::Map& members) const {
      std::string all;
      for (const auto& [key, member] : members)
        all += (all.empty() ? "" : ", ") + (*this)(key) + "=" + shown(member);
      return "{" + all + "}";
    }
  };
  return std::visit(Shower{}, value.data());
}

std::string shown_field(std::string_view key, const Value& value) {
  constexpr std::array times = {std::string_view{"timeout"},      std::string_view{"first_timeout"},
                                std::string_view{"idle_timeout"}, std::string_view{"retry_after"},
                                std::string_view{"interval"},     std::string_view{"idle"},
                                std::string_view{"heard"},        std::string_view{"gone"},
                                std::string_view{"uptime"}};
  const std::string name = shown(Value{key});
  if (value == Value{true}) return name;
  const auto* milliseconds = std::get_if<std::uint64_t>(&value.data());
  if (milliseconds != nullptr && std::ranges::find(times, key) != times.end()) {
    const Duration duration = from_wire_ms(*milliseconds);
    // One that is longer than any duration is shown as it stands on the wire.
    if (to_wire_ms(duration) == *milliseconds) {
      return name + "=" + config::format_duration(duration);
    }
  }
  return name + "=" + shown(value);
}

}  // namespace muster::scenario
