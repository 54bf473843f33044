#include "worker_agent/model_server/server_facts.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "worker_agent/model_server/http_rules.hpp"
#include "worker_agent/model_server/json_text.hpp"

namespace muster::agent {
namespace {

using Json = nlohmann::json;

constexpr std::size_t nesting_max = 64;
constexpr std::size_t version_bytes_max = 128;
constexpr std::size_t loading_text_bytes_max = 4096;
constexpr std::size_t error_body_bytes_max = std::size_t{64} * 1024;  // larger ones are not read
constexpr std::string_view ellipsis = "\u2026";

Json parsed(std::string_view body) {
  if (!json_nests_within(body, nesting_max)) return {};
  return Json::parse(body, nullptr, false);
}

// The member of an object; null where this is none or has no such member.
const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> positive(const Json* json) {
  if (json == nullptr || !json->is_number_unsigned()) return std::nullopt;
  const auto number = json->get<std::uint64_t>();
  return number > 0 ? std::optional{number} : std::nullopt;
}

// A name as the protocol takes it (docs/protocol.md, section 2); empty where this is none.
std::string name_in(const Json& json) {
  if (!json.is_string()) return {};
  const auto& name = json.get_ref<const std::string&>();
  const bool control = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  return control || name.size() > WireLimits{}.name_bytes ? std::string{} : name;
}

std::optional<std::uint64_t> context_length(const Json& model) {
  if (const auto length = positive(member(model, "max_model_len"))) return length;
  const Json* meta = member(model, "meta");
  if (meta == nullptr) return std::nullopt;
  if (const auto length = positive(member(*meta, "n_ctx"))) return length;
  return positive(member(*meta, "n_ctx_train"));
}

std::string words_in(std::string_view body) {
  const Json json = parsed(body);
  const Json* error = member(json, "error");
  for (const Json* said : {error != nullptr ? member(*error, "message") : nullptr, error,
                           member(json, "message"), member(json, "detail")})
    if (said != nullptr && said->is_string()) return said->get<std::string>();
  const std::string_view line = body.substr(0, body.find_first_of("\r\n"));
  const bool markup = line.starts_with('<') || line.starts_with('{') || line.starts_with('[');
  return markup || !is_header_text(line) ? std::string{} : std::string{line};
}

}  // namespace

std::optional<ListedModels> read_models(std::string_view body) {
  const Json json = parsed(body);
  const Json* data = member(json, "data");
  if (data == nullptr || !data->is_array()) return std::nullopt;
  ListedModels listed;
  std::size_t bytes = 0;
  for (const Json& item : *data) {
    const Json* id = member(item, "id");
    ModelDescription model;
    if (id != nullptr) model.name = name_in(*id);
    std::size_t model_bytes = model.name.size();
    if (const Json* aliases = member(item, "aliases"); aliases != nullptr && aliases->is_array()) {
      for (const Json& alias : *aliases) {
        std::string name = name_in(alias);
        if (name.empty() || name == model.name) continue;
        model_bytes += name.size();
        model.aliases.push_back(std::move(name));
      }
    }
    model.context_length = context_length(item);
    if (model.name.empty() || listed.models.size() == models_max ||
        bytes + model_bytes > model_bytes_max) {
      ++listed.left_out;
      continue;
    }
    bytes += model_bytes;
    listed.models.push_back(std::move(model));
  }
  return listed;
}

ServerFacts read_facts(std::string_view body) {
  ServerFacts facts;
  const Json json = parsed(body);
  std::optional<std::uint64_t> slots = positive(member(json, "total_slots"));
  if (!slots) {
    const Json* states = member(json, "internal_states");
    std::uint64_t sum = 0;
    if (states != nullptr && states->is_array()) {
      for (const Json& state : *states) {
        const auto own = positive(member(state, "effective_max_running_requests_per_dp"));
        sum += std::min(own.value_or(0), slots_max);
      }
    }
    slots = sum > 0 ? std::optional{sum} : positive(member(json, "max_running_requests"));
  }
  if (slots) facts.slots = std::min(*slots, slots_max);
  for (const char* key : {"build_info", "version"}) {
    const Json* version = member(json, key);
    if (version == nullptr || !version->is_string()) continue;
    const auto& text = version->get_ref<const std::string&>();
    if (text.size() <= version_bytes_max && is_header_text(text)) facts.version = text;
  }
  return facts;
}

std::string error_words(std::string_view body) {
  if (body.size() > error_body_bytes_max) return {};
  std::string words = words_in(body);
  for (char& c : words)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  if (words.size() <= error_words_bytes_max) return words;
  std::size_t end = error_words_bytes_max - ellipsis.size();
  while ((static_cast<unsigned char>(words[end]) & 0xc0) == 0x80)  // within a character
    --end;
  words.resize(end);
  return words.append(ellipsis);
}

bool says_loading(std::string_view body) {
  return lower_case(body.substr(0, loading_text_bytes_max)).find("loading") != std::string::npos;
}

}  // namespace muster::agent
