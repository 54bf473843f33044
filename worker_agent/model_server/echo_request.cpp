#include "worker_agent/model_server/echo_request.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "worker_agent/model_server/json_text.hpp"

namespace muster::agent {
namespace {

using Json = nlohmann::json;

constexpr std::size_t nesting_max = 64;
constexpr std::string_view spaces = " \t\r\n\f\v";

// The member of an object; null where it is missing or JSON's null.
const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

EchoFault fault(std::string message, std::string param) {
  return {400, std::move(message), std::move(param)};
}

// A message's content: a string, or parts of which those of type `text` count.
bool append_content(const Json& content, std::string& text) {
  if (content.is_string()) {
    text += content.get_ref<const std::string&>();
    return true;
  }
  if (!content.is_array()) return false;
  for (const Json& part : content) {
    const Json* said = part.is_object() ? member(part, "text") : nullptr;
    if (said == nullptr || !said->is_string()) continue;
    if (!text.empty()) text += ' ';
    text += said->get_ref<const std::string&>();
  }
  return true;
}

std::optional<EchoFault> read_messages(const Json& body, EchoPrompt& prompt) {
  const Json* messages = member(body, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty())
    return fault("'messages' must be an array with at least one message.", "messages");
  bool from_user = false;
  for (const Json& message : *messages) {
    const Json* role = message.is_object() ? member(message, "role") : nullptr;
    if (role == nullptr || !role->is_string())
      return fault("Each message must be an object with a 'role'.", "messages");
    std::string text;
    const Json* content = member(message, "content");
    if (content != nullptr && !append_content(*content, text))
      return fault("The 'content' of a message must be a string or an array of parts.", "messages");
    prompt.prompt_words += count_words(text);
    if (role->get_ref<const std::string&>() != "user") continue;
    from_user = true;
    prompt.text = std::move(text);
  }
  if (!from_user) return fault("There is no message from the user to echo.", "messages");
  return std::nullopt;
}

std::optional<EchoFault> read_prompt(const Json& body, EchoPrompt& prompt) {
  const Json* text = member(body, "prompt");
  if (text != nullptr && text->is_array() && text->size() == 1) text = &text->front();
  if (text == nullptr || !text->is_string())
    return fault("'prompt' must be a string, or an array of one: the echo model takes one prompt.",
                 "prompt");
  prompt.text = text->get_ref<const std::string&>();
  prompt.prompt_words = count_words(prompt.text);
  return std::nullopt;
}

std::optional<EchoFault> read_words_max(const Json& body, EchoPrompt& prompt) {
  for (const char* key : {"max_tokens", "max_completion_tokens"}) {
    const Json* number = member(body, key);
    if (number == nullptr) continue;
    if (!number->is_number_unsigned())
      return fault("'" + std::string{key} + "' must be a whole number, 0 or more.", key);
    prompt.words_max = number->get<std::uint64_t>();
  }
  return std::nullopt;
}

bool is_true(const Json* json) {
  return json != nullptr && json->is_boolean() && json->get<bool>();
}

std::string model_in(const Json& body) {
  const Json* model = member(body, "model");
  return model != nullptr && model->is_string() ? model->get<std::string>() : std::string{};
}

EchoRequest read_generation(EchoShape shape, const Json& body) {
  EchoPrompt prompt;
  prompt.shape = shape;
  auto wrong = shape == EchoShape::chat ? read_messages(body, prompt) : read_prompt(body, prompt);
  if (!wrong) wrong = read_words_max(body, prompt);
  if (wrong) return *std::move(wrong);
  prompt.model = model_in(body);
  prompt.stream = is_true(member(body, "stream"));
  const Json* options = member(body, "stream_options");
  prompt.include_usage =
      options != nullptr && options->is_object() && is_true(member(*options, "include_usage"));
  return prompt;
}

EchoRequest read_embeddings(const Json& body) {
  EchoEmbeddings request;
  const Json* input = member(body, "input");
  if (input != nullptr && input->is_string()) {
    request.inputs.push_back(input->get<std::string>());
  } else if (input != nullptr && input->is_array() && input->size() <= echo_inputs_max) {
    for (const Json& text : *input) {
      if (text.is_string()) request.inputs.push_back(text.get<std::string>());
    }
  }
  const std::size_t wanted = input != nullptr && input->is_array() ? input->size() : 1;
  if (request.inputs.empty() || request.inputs.size() != wanted)
    return fault("'input' must be a string or an array of 1 to 2048 strings.", "input");
  request.model = model_in(body);
  return request;
}

}  // namespace

EchoRequest read_echo_request(std::string_view path, std::string_view body) {
  path = path.substr(0, path.find('?'));
  if (path == "/v1/models") return EchoModels{};
  const bool chat = path == "/v1/chat/completions";
  const bool completion = path == "/v1/completions";
  if (!chat && !completion && path != "/v1/embeddings")
    return EchoFault{404, "The echo model has nothing at " + std::string{path} + ".", {}};
  if (body.size() > echo_body_bytes_max)
    return EchoFault{413, "The echo model takes bodies of up to 8 MiB.", {}};
  const Json json =
      json_nests_within(body, nesting_max) ? Json::parse(body, nullptr, false) : Json{};
  if (!json.is_object())
    return fault("The body of the request is not a JSON object that can be read.", {});
  if (path == "/v1/embeddings") return read_embeddings(json);
  return read_generation(chat ? EchoShape::chat : EchoShape::completion, json);
}

std::string_view next_word(std::string_view text, std::size_t& at) {
  const std::size_t begin = text.find_first_not_of(spaces, at);
  if (begin == std::string_view::npos) {
    at = text.size();
    return {};
  }
  at = std::min(text.find_first_of(spaces, begin), text.size());
  return text.substr(begin, at - begin);
}

std::uint64_t count_words(std::string_view text) {
  std::uint64_t count = 0;
  for (std::size_t at = 0; !next_word(text, at).empty();)
    ++count;
  return count;
}

}  // namespace muster::agent
