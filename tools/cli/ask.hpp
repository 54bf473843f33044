#pragma once

// `muster ask`: sends a question to a model and prints the answer as it comes.

#include <cstdint>
#include <optional>
#include <string>

#include "tools/cli/broker.hpp"
#include "tools/cli/exit_code.hpp"

namespace muster::cli {

struct AskOptions {
  BrokerChoice broker{};  // its timeout is the request's: until the end of the answer
  std::string model{};    // empty: the only one that is served
  std::string system{};
  std::optional<std::uint64_t> max_tokens{};
  std::optional<double> temperature{};
  bool completion = false;  // /v1/completions instead of /v1/chat/completions
  bool stream = true;
  bool json = false;     // print what the model server says as it said it
  std::string prompt{};  // "-": standard input
};

[[nodiscard]] ExitCode run(AskOptions options);

}  // namespace muster::cli
