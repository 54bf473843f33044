#pragma once

// What the echo model is asked: the bodies of OpenAI's API, as far as it needs them. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace muster::agent {

enum class EchoShape : std::uint8_t { chat, completion };

// A text to say back, word by word.
struct EchoPrompt {
  EchoShape shape{};
  std::string model;  // empty: not named
  std::string text;
  std::uint64_t prompt_words = 0;  // of the whole prompt, not only of what is said back
  std::optional<std::uint64_t> words_max;
  bool stream = false;
  bool include_usage = false;
};

struct EchoEmbeddings {
  std::string model;
  std::vector<std::string> inputs;
};

struct EchoModels {};

// What is wrong with a request, as OpenAI's API says it.
struct EchoFault {
  std::uint64_t status = 400;
  std::string message;
  std::string param;  // the field, where there is one
};

using EchoRequest = std::variant<EchoPrompt, EchoEmbeddings, EchoModels, EchoFault>;

inline constexpr std::size_t echo_body_bytes_max = std::size_t{8} * 1024 * 1024;  // else: 413
inline constexpr std::size_t echo_inputs_max = 2048;  // of one embeddings request

[[nodiscard]] EchoRequest read_echo_request(std::string_view path, std::string_view body);

// The next word of `text` at or after `at`, which is moved behind it; empty: there is none. Words
// are what stands between spaces, tabs and line ends.
[[nodiscard]] std::string_view next_word(std::string_view text, std::size_t& at);
[[nodiscard]] std::uint64_t count_words(std::string_view text);

}  // namespace muster::agent
