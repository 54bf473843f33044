#include "tools/cli/answer_json.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

namespace muster::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t shown_bytes_max = 500;  // of a body that is shown in a sentence

// The UTF-16 unit of the escape that stands here, if one does: of `\ud83d`.
std::optional<std::uint16_t> escaped_unit(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) != "\\u" || text.size() - at < 6) return std::nullopt;
  std::uint16_t unit = 0;
  const char* const digits = text.data() + at + 2;
  const auto [end, error] = std::from_chars(digits, digits + 4, unit, 16);
  if (error != std::errc{} || end != digits + 4) return std::nullopt;
  return unit;
}

// A character beyond U+FFFF is escaped in two halves.
bool is_first_half(std::optional<std::uint16_t> unit) {
  return unit && *unit >= 0xd800 && *unit < 0xdc00;
}
bool is_second_half(std::optional<std::uint16_t> unit) {
  return unit && *unit >= 0xdc00 && *unit < 0xe000;
}

// The text with U+FFFD for each half that is alone. A server that cuts its answer between the two
// sends such halves, and the parser takes none.
std::string with_whole_characters(std::string_view text) {
  std::string whole;
  whole.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto unit = escaped_unit(text, at);
    const bool both = is_first_half(unit) && is_second_half(escaped_unit(text, at + 6));
    const bool alone = !both && (is_first_half(unit) || is_second_half(unit));
    // An escaped backslash goes as one, lest its second byte begin another escape.
    const std::size_t other = text[at] == '\\' ? 2 : 1;
    const std::size_t length = both ? 12 : unit ? 6 : other;
    whole += alone ? "\\ufffd" : text.substr(at, length);
    at += length;
  }
  return whole;
}

Json parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) json = Json::parse(with_whole_characters(text), nullptr, false);
  return json;
}

// The member of an object, or nothing.
const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

const std::string* string_member(const Json& json, const char* key) {
  const Json* value = member(json, key);
  return value != nullptr ? value->get_ptr<const std::string*>() : nullptr;
}

// `delta` of a streamed chat, `message` of a whole one, `text` of a completion.
const std::string* text_of(const Json& answer) {
  const Json* choices = member(answer, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return nullptr;
  const Json& choice = choices->front();
  for (const char* holder : {"delta", "message"}) {
    const Json* said = member(choice, holder);
    const std::string* content = said != nullptr ? string_member(*said, "content") : nullptr;
    if (content != nullptr) return content;
  }
  return string_member(choice, "text");
}

std::string shortened(std::string_view text) {
  if (text.size() <= shown_bytes_max) return std::string{text};
  std::size_t end = shown_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return std::string{text.substr(0, end)} + "...";
}

// {"error": {"message": ...}} as OpenAI has it, {"error": "..."}, {"object": "error", "message":
// ...} of older servers, {"detail": ...} of web frameworks.
std::optional<std::string> error_of(const Json& json, std::string_view text) {
  if (const Json* error = member(json, "error"); error != nullptr && !error->is_null()) {
    if (const std::string* said = error->get_ptr<const std::string*>()) return *said;
    if (const std::string* message = string_member(*error, "message")) return *message;
    return shortened(text);
  }
  if (const std::string* object = string_member(json, "object"); object && *object == "error") {
    const std::string* message = string_member(json, "message");
    return message != nullptr ? *message : shortened(text);
  }
  return std::nullopt;
}

}  // namespace

std::string request_body(const AskOptions& options, std::string_view model) {
  Json body;
  body["model"] = model;
  if (options.completion) {
    body["prompt"] = options.prompt;
  } else {
    Json messages = Json::array();
    if (!options.system.empty()) {
      messages.push_back({{"role", "system"}, {"content", options.system}});
    }
    messages.push_back({{"role", "user"}, {"content", options.prompt}});
    body["messages"] = std::move(messages);
  }
  if (options.max_tokens) body["max_tokens"] = *options.max_tokens;
  if (options.temperature) body["temperature"] = *options.temperature;
  body["stream"] = options.stream;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

AnswerJson read_answer(std::string_view json) {
  const Json answer = parse(json);
  if (answer.is_discarded()) return {};
  AnswerJson read{.is_json = true, .error = error_of(answer, json)};
  if (const std::string* text = text_of(answer)) {
    read.has_text = true;
    read.text = *text;
  }
  return read;
}

std::string error_message_in(std::string_view body) {
  const Json json = parse(body);
  if (auto error = error_of(json, body)) return *error;
  if (const std::string* detail = string_member(json, "detail")) return *detail;
  if (const std::string* message = string_member(json, "message")) return *message;
  return shortened(body);
}

ModelChoice choose_model(std::string_view models_json) {
  const Json answer = parse(models_json);
  std::vector<std::string> served;
  if (const Json* models = member(answer, "models"); models != nullptr && models->is_array()) {
    for (const Json& model : *models) {
      if (const std::string* name = string_member(model, "name")) served.push_back(*name);
    }
  }
  if (served.size() == 1) return {.model = served.front()};
  if (served.empty()) {
    return {.complaint =
                "NO_WORKER: no worker serves any model yet; see `muster workers` for who is "
                "there and in which state",
            .none_served = true};
  }
  std::string names;
  for (const std::string& name : served)
    names += (names.empty() ? "" : ", ") + name;
  return {.complaint = "several models are served, so name one with --model: " + names};
}

}  // namespace muster::cli
