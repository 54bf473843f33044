#pragma once

// What a key can hold. A Kind knows the option that it fills, reads a Node into it, and shows what
// the option holds as TOML. What does not fit is reported, and leaves the option as it was.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/node.hpp"
#include "config/reading.hpp"
#include "protocol/message.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

namespace muster::config {

// How a value is written where there is only text: in the environment and on the command line.
enum class Shape : std::uint8_t {
  text,    // as it is
  number,  // 12, 0.5
  flag,    // true, false
  list,    // a,b,c or a TOML array; given several times on a command line, it adds up
  map,     // a=x,b=y or a TOML inline table; an entry also as section.key.a=x
};

// A text that can be no such value comes back as a text: its Kind will say what is allowed. An
// error is only for a list or map that is broken TOML.
[[nodiscard]] Result<Node> node_of_text(Shape shape, const std::string& text);

class Kind {
 public:
  explicit Kind(Shape shape) : shape_(shape) {}
  virtual ~Kind() = default;
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;

  // Fills the option, or reports why not.
  virtual void read(const Node& node, Reading& reading) = 0;
  // What the option holds; read again, it gives the same.
  [[nodiscard]] virtual std::string show() const = 0;
  [[nodiscard]] Shape shape() const { return shape_; }

 private:
  Shape shape_;
};
using KindPtr = std::unique_ptr<Kind>;

// The factories: each fills `option`, which must outlive the Kind. Bounds are inclusive.
[[nodiscard]] KindPtr text_kind(std::string& option, TextRule rule);
[[nodiscard]] KindPtr flag_kind(bool& option);
[[nodiscard]] KindPtr integer_kind(std::uint64_t& option, std::uint64_t min, std::uint64_t max);
[[nodiscard]] KindPtr number_kind(double& option, double min, double max);
[[nodiscard]] KindPtr duration_kind(Duration& option, Duration min, Duration max);
[[nodiscard]] KindPtr size_kind(std::uint64_t& option, std::uint64_t min, std::uint64_t max);
// A number, or "auto" for none.
[[nodiscard]] KindPtr auto_or_integer_kind(std::optional<std::uint64_t>& option, std::uint64_t min,
                                           std::uint64_t max);
[[nodiscard]] KindPtr text_list_kind(std::vector<std::string>& option, std::size_t count_min,
                                     std::size_t count_max, TextRule rule);
[[nodiscard]] KindPtr text_map_kind(StringMap& option, std::size_t count_max);
// Names, or tables of name, aliases, context_length, modalities, operations.
[[nodiscard]] KindPtr models_kind(std::vector<ModelDescription>& option, std::size_t count_max);

// One of a few words, by its place among them.
[[nodiscard]] KindPtr choice_kind(std::vector<std::string_view> words,
                                  std::function<std::size_t()> get,
                                  std::function<void(std::size_t)> set);

// The same for an enumeration: each word with its enumerator.
template <class Enum>
[[nodiscard]] KindPtr choice_kind(Enum& option,
                                  std::vector<std::pair<std::string_view, Enum>> choices) {
  std::vector<std::string_view> words;
  words.reserve(choices.size());
  for (const auto& choice : choices)
    words.push_back(choice.first);
  return choice_kind(
      words,
      [&option, choices] {
        std::size_t i = 0;
        while (i + 1 < choices.size() && choices[i].second != option)
          ++i;
        return i;
      },
      [&option, choices](std::size_t i) { option = choices[i].second; });
}

}  // namespace muster::config
