#pragma once

// The JSON that OpenAI-compatible model servers take and give, as far as `muster ask` needs it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/cli/ask.hpp"

namespace muster::cli {

// The body of the request: /v1/chat/completions, or /v1/completions with `completion`.
[[nodiscard]] std::string request_body(const AskOptions& options, std::string_view model);

// What one JSON text of an answer holds: a whole answer, or one event of a stream.
struct AnswerJson {
  bool is_json = false;
  bool has_text = false;               // whether there is a first choice that says anything
  std::string text{};                  // of it
  std::optional<std::string> error{};  // the server's own words for what went wrong
};
[[nodiscard]] AnswerJson read_answer(std::string_view json);

// The server's words in an error body; the body itself, cut short, where it holds none that are
// known.
[[nodiscard]] std::string error_message_in(std::string_view body);

// Which model is meant where none was named: the only one that is served.
struct ModelChoice {
  std::string model{};      // empty: there is no single one, and `complaint` says why
  std::string complaint{};  // one sentence
  bool none_served = false;
};
[[nodiscard]] ModelChoice choose_model(std::string_view models_json);

}  // namespace muster::cli
