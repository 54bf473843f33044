#pragma once

// What `muster` says to the shell that called it, and to the person behind it, when something did
// not work: an exit code, one sentence and a hint where to look next.

#include <string>
#include <string_view>

#include "client/include/muster/client.hpp"

namespace muster::cli {

// Documented in --help: scripts depend on these numbers.
enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,
  no_worker = 3,
  overloaded = 4,  // also: rate limited
  timed_out = 5,
  cancelled = 130,  // as a shell reports a program that Ctrl-C has ended
};

[[nodiscard]] ExitCode exit_code_for(const client::RequestError& error);

// "NO_WORKER: no worker serves this model (reason unknown_model): see `muster models` ..."
[[nodiscard]] std::string describe(const client::RequestError& error);

// "muster: ..." on standard error, as one line.
void complain(std::string_view sentence);

// All of a text on standard output; `failed`, with a complaint, where that takes it not.
[[nodiscard]] ExitCode print(const std::string& text);

}  // namespace muster::cli
