#pragma once

// The error codes of docs/protocol.md, section 5. A worker may send codes that are not listed (they
// are passed on unchanged), so an ErrorCode may hold any 32-bit number.

#include <cstdint>
#include <string>
#include <string_view>

namespace muster {

enum class ErrorCode : std::uint32_t {
  bad_request = 40001,
  unauthenticated = 40101,
  forbidden = 40103,
  unknown_model = 40301,
  replaced = 40901,
  name_taken = 40902,
  rate_limited = 42901,
  overloaded = 42903,
  refused = 42904,  // worker to broker only
  cancelled = 49900,
  worker_failed = 50001,
  no_worker = 50005,
  worker_timeout = 50006,
  worker_lost = 50007,
  shutting_down = 50008,
  server_gone = 50301,  // worker to broker only
};

// Whether a code is one of those above.
[[nodiscard]] bool is_listed(ErrorCode code);

// "NO_WORKER"; for a code that is not listed, its number.
[[nodiscard]] std::string error_name(ErrorCode code);

// The stable words of `reason` in an ERROR's meta (sections 4 and 5).
namespace reason {
inline constexpr std::string_view unknown_model = "unknown_model";
inline constexpr std::string_view none_live = "none_live";
inline constexpr std::string_view all_draining = "all_draining";
inline constexpr std::string_view none_fit = "none_fit";
inline constexpr std::string_view queued = "queued";
inline constexpr std::string_view first = "first";
inline constexpr std::string_view idle = "idle";
inline constexpr std::string_view running = "running";
inline constexpr std::string_view stream_broken = "stream_broken";
inline constexpr std::string_view server_cut = "server_cut";
inline constexpr std::string_view server_gone = "server_gone";
inline constexpr std::string_view expired = "expired";
inline constexpr std::string_view unreachable = "unreachable";
inline constexpr std::string_view deregistered = "deregistered";
inline constexpr std::string_view dismissed = "dismissed";
inline constexpr std::string_view not_active = "not_active";
inline constexpr std::string_view queue_full = "queue_full";
inline constexpr std::string_view held_bytes = "held_bytes";
inline constexpr std::string_view outstanding = "outstanding";

// Whether a word is one of those above: peers may send any.
[[nodiscard]] bool is_listed(std::string_view word);
}  // namespace reason

}  // namespace muster
