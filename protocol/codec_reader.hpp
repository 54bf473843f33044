#pragma once

// Internal to the codec: a pull reader over a tape. Each call consumes one item (with all that is
// in it) and returns it as what the protocol wants there.
//
// The first thing that does not fit is remembered as a fault, with a sentence that names the place,
// what stands there and what may. From then on every reading gives nothing and every loop ends, so
// that a message's reader is a plain list of its fields and asks failed() once, at its end.
//
// An optional field that is nil counts as absent. Where something must stand (header elements,
// mandatory fields, items of arrays) nil is a fault, told before the field's own reading is called.

#include <array>
#include <boost/container/static_vector.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/codec_tape.hpp"
#include "protocol/message.hpp"

namespace muster::codec {

class Reader {
 public:
  enum class Empty : std::uint8_t { allowed, forbidden };
  enum class Keys : std::uint8_t { any, names };

  // REQUIRES: `tape` starts with an array of two items or more. Reading starts after these two.
  Reader(const Tape& tape, std::string_view message, const WireLimits& limits,
         Decoder::Keep keep = Decoder::Keep::all);

  [[nodiscard]] bool failed() const { return fault_.has_value(); }
  // REQUIRES: failed().
  [[nodiscard]] const Fault& fault() const { return *fault_; }

  // The next header element: what is read next is this. Only a Value may be nil.
  void element(std::string_view name);
  void element_or_nil(std::string_view name);

  // A map's fields: `on_field(key)` reads or skips one. All of `required` must be there, not nil.
  template <std::size_t N, class OnField>
  void fields(const std::array<std::string_view, N>& required, OnField on_field);
  template <class OnField>
  void fields(OnField on_field) {
    fields(std::array<std::string_view, 0>{}, on_field);
  }

  // An array's items: `on_item()` reads one.
  template <class OnItem>
  void items(OnItem on_item);

  [[nodiscard]] std::uint64_t uint(std::uint64_t min = 0,
                                   std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  [[nodiscard]] std::optional<std::uint64_t> uint_or_none();
  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] Duration milliseconds(std::uint64_t min, std::uint64_t max);
  [[nodiscard]] std::optional<Duration> milliseconds_or_none();
  [[nodiscard]] std::optional<double> real();  // finite
  [[nodiscard]] bool boolean(bool fallback);
  [[nodiscard]] std::string text();
  [[nodiscard]] std::string name(Empty empty);
  [[nodiscard]] std::vector<std::string> names();
  [[nodiscard]] std::vector<std::uint64_t> uints();
  [[nodiscard]] StringMap string_map(Keys keys);
  [[nodiscard]] Value value();
  void skip();

  // Whether what the ends alone need is kept too. The same readings for such a field: it is checked
  // alike, and given only where all is kept.
  [[nodiscard]] bool keeps_all() const { return keep_all_; }
  [[nodiscard]] std::string end_text();
  [[nodiscard]] StringMap end_string_map();

  [[nodiscard]] Kind next_kind() const;
  // What comes next is of a wrong kind: "... is an integer; it must be `wanted`."
  void expected(std::string_view wanted);
  // The item read last has an impossible value: `what` completes "`opts.x` ...".
  void impossible(std::string_view what) { fail(FaultReason::field, what); }

 private:
  // Where the reading is: an element or field, or an item of an array.
  struct Step {
    std::string_view field;
    std::size_t item = 0;
  };
  static constexpr std::size_t path_max = 8;  // the deepest is info.models[i].aliases[i]

  [[nodiscard]] bool absent();
  [[nodiscard]] const Token* take(Kind kind, std::string_view wanted);
  [[nodiscard]] std::string_view take_text();
  [[nodiscard]] std::string_view take_key();
  template <class OnPair>
  void string_pairs(Keys keys, OnPair on_pair);
  [[nodiscard]] bool check_name(std::string_view text, std::string_view whose);
  void next_element(std::string_view name, bool nil_allowed);
  [[nodiscard]] std::optional<Value> scalar(const Token& token);
  void push(Step step);
  void pop();
  [[nodiscard]] std::string path() const;
  void fail(FaultReason reason, std::string_view what);

  const Tape& tape_;
  std::string_view message_;
  const WireLimits& limits_;
  const bool keep_all_;
  std::size_t at_ = 0;
  std::size_t elements_left_ = 0;
  boost::container::static_vector<Step, path_max> path_;
  std::optional<Fault> fault_;
};

template <std::size_t N, class OnField>
void Reader::fields(const std::array<std::string_view, N>& required, OnField on_field) {
  if (absent()) return;
  const Token* map = take(Kind::map, "a map");
  if (map == nullptr) return;
  std::array<bool, N> seen{};
  for (std::uint32_t i = 0; i < map->count && !failed(); ++i) {
    const std::string_view key = take_key();
    if (failed()) return;
    push({key, 0});
    for (std::size_t r = 0; r < N; ++r) {
      if (required[r] != key) continue;
      seen[r] = true;
      if (next_kind() == Kind::nil) fail(FaultReason::field, "is nil; it must have a value.");
    }
    if (!failed()) on_field(key);
    pop();
  }
  for (std::size_t r = 0; r < N && !failed(); ++r) {
    if (seen[r]) continue;
    push({required[r], 0});
    fail(FaultReason::field, "is missing; it must be there.");
    pop();
  }
}

template <class OnItem>
void Reader::items(OnItem on_item) {
  if (absent()) return;
  const Token* array = take(Kind::array, "an array");
  if (array == nullptr) return;
  for (std::size_t i = 0; i < array->count && !failed(); ++i) {
    push({{}, i});
    if (next_kind() == Kind::nil) fail(FaultReason::field, "is nil; it must have a value.");
    if (!failed()) on_item();
    pop();
  }
}

}  // namespace muster::codec
