#pragma once

// What the echo model says, in the shapes of OpenAI's API. The fixed text around each word is made
// once a request, so a word of a stream costs little more than its bytes: the echo model is what
// the brokers are measured with. Pure.
//
// `created` is 0 throughout: nothing here reads a clock.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/value.hpp"
#include "worker_agent/model_server/echo_request.hpp"

namespace muster::agent {

// The answer to one prompt, told word by word.
class EchoAnswer {
 public:
  // `number` makes the answer's id.
  EchoAnswer(EchoPrompt prompt, std::string_view model, std::uint64_t number);

  // How many words it says: the prompt's, up to its max_tokens.
  [[nodiscard]] std::uint64_t words() const { return words_; }
  [[nodiscard]] std::uint64_t said() const { return said_; }
  [[nodiscard]] bool streams() const { return prompt_.stream; }
  // No whole answer is longer, opening and closing aside; an escaped byte takes up to six.
  [[nodiscard]] std::uint64_t bytes_bound() const {
    const std::uint64_t around = streams() ? before_.size() + after_.size() : 1;
    return words_ * around + 6 * prompt_.text.size();
  }

  // Of a stream: the event that opens it (chat names the role; completions have none).
  void append_opening(std::string& out) const;
  // Of a stream: the event of the next word. REQUIRES: said() < words().
  void append_word(std::string& out);
  // Of a stream: what ends it: the reason, the usage if it was asked for, and [DONE].
  void append_closing(std::string& out) const;

  // The whole answer in one JSON object.
  [[nodiscard]] std::string whole();

  [[nodiscard]] Value usage() const;

 private:
  void next_piece(std::string& out);
  void append_head(std::string& out, std::string_view object) const;
  void append_usage(std::string& out) const;
  [[nodiscard]] std::string_view finish_reason() const;

  EchoPrompt prompt_;
  std::string model_;  // as JSON
  std::string id_;
  std::uint64_t words_ = 0;
  std::uint64_t words_in_text_ = 0;
  std::uint64_t said_ = 0;
  std::size_t at_ = 0;  // in the prompt's text
  std::string before_;  // what stands before and after the text of each event
  std::string_view after_;
};

// Eight numbers for each input, a unit vector that depends on its text alone.
[[nodiscard]] std::string echo_embeddings(const EchoEmbeddings& request, std::string_view model);
[[nodiscard]] Value echo_embeddings_usage(const EchoEmbeddings& request);
[[nodiscard]] std::string echo_models(std::string_view model);
[[nodiscard]] std::string echo_fault(const EchoFault& fault);

}  // namespace muster::agent
