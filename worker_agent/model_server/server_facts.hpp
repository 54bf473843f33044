#pragma once

// What model servers tell of themselves, read leniently: a field that is missing or of another kind
// is one that was not told.
//
// models    /v1/models of all of them: `data[].id`; `max_model_len` (vLLM, SGLang), `meta.n_ctx` or
//           `meta.n_ctx_train` and `aliases` (llama.cpp)
// slots     `total_slots` (llama.cpp, /props); `effective_max_running_requests_per_dp` of each
//           `internal_states` or else `max_running_requests` (SGLang, /get_server_info)
// version   `build_info` (llama.cpp, /props), `version` (SGLang, and vLLM's /version)

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"

namespace muster::agent {

// All models of a worker go into one header frame (docs/protocol.md, section 2): these keep them
// well inside it.
inline constexpr std::size_t models_max = 256;
inline constexpr std::size_t model_bytes_max =
    std::size_t{32} * 1024;  // of names and aliases, together

struct ListedModels {
  std::vector<ModelDescription> models;
  std::size_t left_out = 0;  // over a bound, or with a name that can't be one
};

// Nothing where `body` is no list of models in OpenAI's shape.
[[nodiscard]] std::optional<ListedModels> read_models(std::string_view body);

struct ServerFacts {
  std::optional<std::uint64_t> slots;  // 1 to slots_max
  std::string version;
};

[[nodiscard]] ServerFacts read_facts(std::string_view body);

// What the body of an error says to people, in one line of UTF-8: `error.message`, `error`,
// `message` or `detail` of a JSON object, or the first line of a plain text. Empty where there is
// none. At most `error_words_bytes_max`; what is longer is cut, and shows it.
inline constexpr std::size_t error_words_bytes_max = 256;
[[nodiscard]] std::string error_words(std::string_view body);

// Whether the body of a 503 says that a model is being loaded, as llama.cpp's does.
[[nodiscard]] bool says_loading(std::string_view body);

}  // namespace muster::agent
