#include "protocol/error_code.hpp"

#include <algorithm>
#include <array>

namespace muster {

namespace {

// Empty for a code that is not listed.
std::string_view listed_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request:
      return "BAD_REQUEST";
    case ErrorCode::unauthenticated:
      return "UNAUTHENTICATED";
    case ErrorCode::forbidden:
      return "FORBIDDEN";
    case ErrorCode::unknown_model:
      return "UNKNOWN_MODEL";
    case ErrorCode::replaced:
      return "REPLACED";
    case ErrorCode::name_taken:
      return "NAME_TAKEN";
    case ErrorCode::rate_limited:
      return "RATE_LIMITED";
    case ErrorCode::overloaded:
      return "OVERLOADED";
    case ErrorCode::refused:
      return "REFUSED";
    case ErrorCode::cancelled:
      return "CANCELLED";
    case ErrorCode::worker_failed:
      return "WORKER_FAILED";
    case ErrorCode::no_worker:
      return "NO_WORKER";
    case ErrorCode::worker_timeout:
      return "WORKER_TIMEOUT";
    case ErrorCode::worker_lost:
      return "WORKER_LOST";
    case ErrorCode::shutting_down:
      return "SHUTTING_DOWN";
    case ErrorCode::server_gone:
      return "SERVER_GONE";
  }
  return {};
}

}  // namespace

namespace reason {

bool is_listed(std::string_view word) {
  static constexpr std::array words{unknown_model, none_live,    all_draining, none_fit,
                                    queued,        first,        idle,         running,
                                    stream_broken, server_cut,   server_gone,  expired,
                                    unreachable,   deregistered, dismissed,    not_active,
                                    queue_full,    held_bytes,   outstanding};
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace reason

bool is_listed(ErrorCode code) {
  return !listed_name(code).empty();
}

std::string error_name(ErrorCode code) {
  const std::string_view name = listed_name(code);
  return name.empty() ? std::to_string(static_cast<std::uint32_t>(code)) : std::string{name};
}

}  // namespace muster
