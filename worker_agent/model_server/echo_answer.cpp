#include "worker_agent/model_server/echo_answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "protocol/check.hpp"
#include "protocol/prng.hpp"
#include "worker_agent/model_server/json_text.hpp"

namespace muster::agent {
namespace {

constexpr std::size_t dimensions = 8;

std::string usage_json(std::uint64_t prompt, std::uint64_t completion) {
  return "{\"prompt_tokens\":" + std::to_string(prompt) +
         ",\"completion_tokens\":" + std::to_string(completion) +
         ",\"total_tokens\":" + std::to_string(prompt + completion) + "}";
}

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

void append_vector(std::string& out, std::string_view text) {
  Prng prng{hash_of(text)};
  std::array<double, dimensions> numbers{};
  double squares = 0;
  for (double& number : numbers) {
    number = 2 * prng.unit() - 1;
    squares += number * number;
  }
  const double length = squares > 0 ? std::sqrt(squares) : 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    std::array<char, 32> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                            numbers[i] / length, std::chars_format::fixed, 8);
    CHECK(error == std::errc{}, "a number in [-1, 1] takes more than 32 digits");
    out += i == 0 ? '[' : ',';
    out.append(digits.data(), end);
  }
  out += ']';
}

}  // namespace

EchoAnswer::EchoAnswer(EchoPrompt prompt, std::string_view model, std::uint64_t number)
    : prompt_(std::move(prompt)), words_in_text_(count_words(prompt_.text)) {
  append_json_string(model_, prompt_.model.empty() ? model : std::string_view{prompt_.model});
  const bool chat = prompt_.shape == EchoShape::chat;
  id_ = (chat ? "chatcmpl-echo-" : "cmpl-echo-") + std::to_string(number);
  words_ = std::min(words_in_text_, prompt_.words_max.value_or(words_in_text_));
  before_ = "data: ";
  append_head(before_, chat ? "chat.completion.chunk" : "text_completion");
  before_ += chat ? "\"choices\":[{\"index\":0,\"delta\":{\"content\":\""
                  : "\"choices\":[{\"index\":0,\"text\":\"";
  after_ = chat ? "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
                : "\",\"logprobs\":null,\"finish_reason\":null}]}\n\n";
}

void EchoAnswer::append_head(std::string& out, std::string_view object) const {
  out += "{\"id\":\"" + id_ + "\",\"object\":\"";
  out += object;
  out += "\",\"created\":0,\"model\":" + model_ + ",";
}

void EchoAnswer::append_opening(std::string& out) const {
  if (prompt_.shape != EchoShape::chat) return;
  out += "data: ";
  append_head(out, "chat.completion.chunk");
  out +=
      "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
      "\"logprobs\":null,\"finish_reason\":null}]}\n\n";
}

void EchoAnswer::next_piece(std::string& out) {
  CHECK(said_ < words_, "the echo model has said all already");
  if (said_ > 0) out += ' ';
  append_json_escaped(out, next_word(prompt_.text, at_));
  ++said_;
}

void EchoAnswer::append_word(std::string& out) {
  out += before_;
  next_piece(out);
  out += after_;
}

std::string_view EchoAnswer::finish_reason() const {
  return words_ < words_in_text_ ? "length" : "stop";
}

void EchoAnswer::append_usage(std::string& out) const {
  out += "\"usage\":" + usage_json(prompt_.prompt_words, said_);
}

void EchoAnswer::append_closing(std::string& out) const {
  const bool chat = prompt_.shape == EchoShape::chat;
  const std::string_view object = chat ? "chat.completion.chunk" : "text_completion";
  out += "data: ";
  append_head(out, object);
  out +=
      chat ? "\"choices\":[{\"index\":0,\"delta\":{}" : "\"choices\":[{\"index\":0,\"text\":\"\"";
  out += ",\"logprobs\":null,\"finish_reason\":\"";
  out += finish_reason();
  out += "\"}]}\n\n";
  if (prompt_.include_usage) {
    out += "data: ";
    append_head(out, object);
    out += "\"choices\":[],";
    append_usage(out);
    out += "}\n\n";
  }
  out += "data: [DONE]\n\n";
}

std::string EchoAnswer::whole() {
  const bool chat = prompt_.shape == EchoShape::chat;
  std::string out;
  append_head(out, chat ? "chat.completion" : "text_completion");
  out += chat ? "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
              : "\"choices\":[{\"index\":0,\"text\":\"";
  while (said_ < words_)
    next_piece(out);
  out += chat ? "\"},\"logprobs\":null,\"finish_reason\":\""
              : "\",\"logprobs\":null,\"finish_reason\":\"";
  out += finish_reason();
  out += "\"}],";
  append_usage(out);
  out += '}';
  return out;
}

Value EchoAnswer::usage() const {
  return Value::Map{{"prompt_tokens", prompt_.prompt_words},
                    {"completion_tokens", said_},
                    {"total_tokens", prompt_.prompt_words + said_}};
}

std::string echo_embeddings(const EchoEmbeddings& request, std::string_view model) {
  std::string out = "{\"object\":\"list\",\"data\":[";
  std::uint64_t words = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    if (i > 0) out += ',';
    out += "{\"object\":\"embedding\",\"index\":" + std::to_string(i) + ",\"embedding\":";
    append_vector(out, request.inputs[i]);
    out += '}';
    words += count_words(request.inputs[i]);
  }
  out += "],\"model\":";
  append_json_string(out, request.model.empty() ? model : std::string_view{request.model});
  out += ",\"usage\":{\"prompt_tokens\":" + std::to_string(words) +
         ",\"total_tokens\":" + std::to_string(words) + "}}";
  return out;
}

Value echo_embeddings_usage(const EchoEmbeddings& request) {
  std::uint64_t words = 0;
  for (const std::string& input : request.inputs)
    words += count_words(input);
  return Value::Map{{"prompt_tokens", words}, {"total_tokens", words}};
}

std::string echo_models(std::string_view model) {
  std::string out = "{\"object\":\"list\",\"data\":[{\"id\":";
  append_json_string(out, model);
  out += ",\"object\":\"model\",\"created\":0,\"owned_by\":\"muster\"}]}";
  return out;
}

std::string echo_fault(const EchoFault& fault) {
  std::string out = "{\"error\":{\"message\":";
  append_json_string(out, fault.message);
  out += ",\"type\":\"invalid_request_error\",\"param\":";
  if (fault.param.empty()) {
    out += "null";
  } else {
    append_json_string(out, fault.param);
  }
  out += ",\"code\":null}}";
  return out;
}

}  // namespace muster::agent
