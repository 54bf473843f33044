#pragma once

// What is measured, in a process of its own: started, asked where it listens, and ended.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.hpp"
#include "tools/bench/child_process.hpp"
#include "tools/bench/driver.hpp"
#include "tools/bench/options.hpp"

namespace muster::bench {

// The path of the NATS server; nothing where none is installed, or this program can't speak to it.
[[nodiscard]] std::optional<std::string> nats_program();

// What a target's log says of where it listens; nothing where it has not said so yet.
[[nodiscard]] std::optional<Endpoints> endpoints_in(std::string_view log);

struct TargetProcess {
  std::unique_ptr<ChildProcess> process;
  Endpoints endpoints;
};
// Waits until it listens; else a sentence says why it does not.
[[nodiscard]] Result<TargetProcess> start_target(Target target, const BenchOptions& options);

}  // namespace muster::bench
