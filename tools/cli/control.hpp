#pragma once

// `muster drain`, `undrain` and `remove`: an operator's orders about one worker (docs/protocol.md,
// section 9). They are never sent twice by themselves.

#include <string>

#include "tools/cli/broker.hpp"
#include "tools/cli/exit_code.hpp"

namespace muster::cli {

struct DrainOptions {
  BrokerChoice broker{};  // its timeout is that of all the waiting
  std::string worker{};
  std::string reason{};
  bool wait = false;  // until it has drained
};
struct UndrainOptions {
  BrokerChoice broker{};
  std::string worker{};
};
struct RemoveOptions {
  BrokerChoice broker{};
  std::string worker{};
};

// How long `muster drain --wait` waits.
inline constexpr client::Milliseconds drain_timeout{300'000};

[[nodiscard]] ExitCode run(const DrainOptions& options);
[[nodiscard]] ExitCode run(const UndrainOptions& options);
[[nodiscard]] ExitCode run(const RemoveOptions& options);

}  // namespace muster::cli
