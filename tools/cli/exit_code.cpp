#include "tools/cli/exit_code.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "tools/cli/answer_json.hpp"
#include "tools/cli/text.hpp"

namespace muster::cli {

namespace {

using client::ErrorKind;
using client::RequestError;

// The broker's codes that have an exit code or a hint of their own (docs/protocol.md, section 5).
enum Code : std::uint32_t {
  rate_limited = 42901,
  overloaded = 42903,
  cancelled = 49900,
  worker_failed = 50001,
  no_worker = 50005,
  worker_timeout = 50006,
  worker_lost = 50007,
  shutting_down = 50008,
};

ExitCode exit_code_for_broker(std::uint32_t code) {
  switch (code) {
    case no_worker:
      return ExitCode::no_worker;
    case overloaded:
    case rate_limited:
      return ExitCode::overloaded;
    case worker_timeout:
      return ExitCode::timed_out;
    case cancelled:
      return ExitCode::cancelled;
    default:
      return ExitCode::failed;
  }
}

std::string hint(const RequestError& error) {
  switch (error.kind) {
    case ErrorKind::none:
    case ErrorKind::cancelled:
    case ErrorKind::invalid:
      return {};
    case ErrorKind::unreachable:
      if (!error.retryable) return "name that with --broker or MUSTER_BROKER";
      [[fallthrough]];
    case ErrorKind::connection_lost:
      return "check that muster-broker runs, and that --broker or MUSTER_BROKER names its frontend";
    case ErrorKind::timed_out:
      return "--timeout gives it longer; `muster workers` shows who works on what";
    case ErrorKind::overloaded:
      return "try again later";
    case ErrorKind::from_broker:
      break;
  }
  switch (error.code) {
    case no_worker:
      return error.reason == "unknown_model" ? "see `muster models` for what is served"
                                             : "see `muster workers` for the state of each worker";
    case overloaded:
    case rate_limited:
      return "see `muster workers` for the load, or try again later";
    case worker_timeout:
    case worker_failed:
    case worker_lost:
      return "see `muster workers`";
    case shutting_down:
      return "ask again when it is back";
    default:
      return {};
  }
}

}  // namespace

ExitCode exit_code_for(const RequestError& error) {
  switch (error.kind) {
    case ErrorKind::none:
      return ExitCode::ok;
    case ErrorKind::from_broker:
      return exit_code_for_broker(error.code);
    case ErrorKind::timed_out:
      return ExitCode::timed_out;
    case ErrorKind::overloaded:
      return ExitCode::overloaded;
    case ErrorKind::cancelled:
      return ExitCode::cancelled;
    case ErrorKind::invalid:
      return ExitCode::usage;
    case ErrorKind::connection_lost:
    case ErrorKind::unreachable:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

std::string describe(const RequestError& error) {
  std::string sentence = error.name + ": " + error.message;
  std::string details;
  const auto add = [&](std::string_view what, std::string_view value) {
    if (value.empty()) return;
    details += details.empty() ? " (" : ", ";
    details += std::string{what} + " " + std::string{value};
  };
  add("reason", error.reason);
  add("worker", error.worker);
  if (error.status) add("status", std::to_string(*error.status));
  if (error.retry_after) add("retry after", human_duration(error.retry_after->count()));
  const std::string said = error.body.empty() ? "" : error_message_in(error.body);
  if (error.message.find(said) == std::string::npos) add("the model server says:", said);
  if (!details.empty()) sentence += details + ")";
  if (const std::string next = hint(error); !next.empty()) sentence += "; " + next;
  return sentence;
}

void complain(std::string_view sentence) {
  std::fprintf(stderr, "muster: %s\n", printable(sentence).c_str());
}

ExitCode print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    complain("standard output can't be written: " + std::generic_category().message(errno));
    return ExitCode::failed;
  }
  return ExitCode::ok;
}

}  // namespace muster::cli
