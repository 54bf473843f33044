#pragma once

// What every command does first: asks a broker something, and says in good time when there is none.

#include <optional>
#include <string>

#include "client/include/muster/client.hpp"
#include "tools/cli/exit_code.hpp"
#include "tools/cli/interrupt.hpp"

namespace muster::cli {

struct BrokerChoice {
  std::string endpoint = "tcp://127.0.0.1:5555";
  std::optional<client::Milliseconds> timeout{};  // --timeout
};

// How long a query may take, and how long `muster ask` waits for a broker to be there at all.
inline constexpr client::Milliseconds query_timeout{5000};

// Waits for the answer. After a second without one it says so, once, on standard error; after three
// for what a broker may take an interval for. An interruption ends it with `cancelled`.
[[nodiscard]] client::QueryEnd ask_broker(client::Client& client, const std::string& endpoint,
                                          const client::QuerySpec& query,
                                          const Interrupt& interrupt);

// Says what went wrong, where the user does not know it, and gives the exit code.
[[nodiscard]] ExitCode failed(const client::RequestError& error);

}  // namespace muster::cli
