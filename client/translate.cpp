#include "client/translate.hpp"

#include <algorithm>
#include <utility>

namespace muster::client {

namespace {

ErrorKind to_kind(EndKind kind) {
  switch (kind) {
    case EndKind::answered:
      return ErrorKind::none;
    case EndKind::from_broker:
      return ErrorKind::from_broker;
    case EndKind::timed_out:
      return ErrorKind::timed_out;
    case EndKind::connection_lost:
      return ErrorKind::connection_lost;
    case EndKind::unreachable:
      return ErrorKind::unreachable;
    case EndKind::cancelled:
      return ErrorKind::cancelled;
    case EndKind::overloaded:
      return ErrorKind::overloaded;
    case EndKind::invalid:
      return ErrorKind::invalid;
  }
  return ErrorKind::none;
}

std::string name_of(const Conclusion& conclusion) {
  switch (conclusion.kind) {
    case EndKind::answered:
      return {};
    case EndKind::from_broker:
      return error_name(conclusion.code);
    case EndKind::timed_out:
      return "TIMED_OUT";
    case EndKind::connection_lost:
      return "CONNECTION_LOST";
    case EndKind::unreachable:
      return "UNREACHABLE";
    case EndKind::cancelled:
      return "CANCELLED";
    case EndKind::overloaded:
      return "OVERLOADED";
    case EndKind::invalid:
      return "INVALID";
  }
  return {};
}

std::optional<Duration> where_given(std::optional<Milliseconds> time) {
  return time ? std::optional{to_duration(*time)} : std::nullopt;
}

}  // namespace

CoreOptions core_options(const ClientOptions& options) {
  CoreOptions core;
  core.broker = options.broker;
  core.heartbeat_interval = to_duration(std::max(options.heartbeat_interval, Milliseconds{10}));
  core.heartbeat_liveness = std::max(options.heartbeat_liveness, std::uint32_t{1});
  core.outstanding_max = options.outstanding_max;
  core.retry_bytes_max = options.retry_bytes_max;
  return core;
}

WireLimits limits_from_broker(const ClientOptions& options) {
  WireLimits limits;
  limits.header_bytes = options.message_bytes_max;
  limits.frame_bytes = options.message_bytes_max;
  limits.message_bytes = options.message_bytes_max;
  return limits;
}

Ask to_ask(RequestHandle handle, RequestSpec&& spec) {
  Ask ask;
  ask.request.id = WireId{static_cast<std::uint64_t>(handle)};
  ask.request.model = std::move(spec.model);
  RequestOptions& options = ask.request.options;
  options.timeout = where_given(spec.timeout);
  options.first_timeout = where_given(spec.first_timeout);
  options.idle_timeout = where_given(spec.idle_timeout);
  options.stream = spec.stream;
  options.path = std::move(spec.path);
  options.type = std::move(spec.type);
  options.headers = std::move(spec.headers);
  options.request_id = std::move(spec.request_id);
  options.session = std::move(spec.session);
  options.require = std::move(spec.require);
  options.priority = spec.priority;
  options.tenant = std::move(spec.tenant);
  options.retry = spec.retry;
  if (!spec.body.empty()) ask.body.add(Frame{spec.body});
  return ask;
}

Duration to_duration(Milliseconds time) {
  constexpr auto ms_max = std::chrono::duration_cast<Milliseconds>(duration_max);
  return std::clamp(time, Milliseconds::zero(), ms_max);
}

RequestError to_error(Conclusion&& conclusion, std::string body) {
  RequestError error;
  error.kind = to_kind(conclusion.kind);
  if (error.kind == ErrorKind::none) return error;
  error.code = static_cast<std::uint32_t>(conclusion.code);
  error.name = name_of(conclusion);
  error.message = std::move(conclusion.message);
  error.reason = std::move(conclusion.meta.reason);
  error.worker = std::move(conclusion.meta.worker);
  error.body = std::move(body);
  error.retryable = conclusion.meta.retryable;
  if (conclusion.meta.retry_after) {
    error.retry_after = Milliseconds{to_wire_ms(*conclusion.meta.retry_after)};
  }
  error.status = conclusion.meta.status;
  return error;
}

}  // namespace muster::client
