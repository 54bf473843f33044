#include "config/schemas.hpp"

#include "config/rules.hpp"

namespace muster::config {
namespace {

using broker::RoutingPolicyKind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

// Of the options that a Controller validates by itself, the schema only knows the kind.

KindPtr any_duration(Duration& option) {
  return duration_kind(option, Duration{0}, duration_max);
}

KindPtr any_size(std::uint64_t& option) {
  return size_kind(option, 0, any_integer_max);
}

KindPtr any_count(std::uint64_t& option) {
  return integer_kind(option, 0, any_integer_max);
}

void add_log_keys(std::vector<Key>& keys, log::LogOptions& log) {
  using log::Format;
  using log::Level;
  constexpr bool live = true;
  keys.push_back({"log.level", "what is written at least",
                  choice_kind<Level>(log.level, {{"trace", Level::trace},
                                                 {"debug", Level::debug},
                                                 {"info", Level::info},
                                                 {"warning", Level::warning},
                                                 {"error", Level::error},
                                                 {"fatal", Level::fatal}}),
                  live});
  keys.push_back({"log.format", "lines for people or for machines",
                  choice_kind<Format>(log.format, {{"text", Format::text}, {"json", Format::json}}),
                  live});
  keys.push_back({"log.file", "where to; empty: standard error",
                  text_kind(log.file, path_or_empty_rule), live});
}

void add_controller_keys(std::vector<Key>& keys, broker::ControllerOptions& options) {
  const auto add = [&](const char* path, const char* doc, KindPtr kind) {
    keys.push_back({path, doc, std::move(kind)});
  };
  const auto add_live = [&](const char* path, const char* doc, KindPtr kind) {
    keys.push_back({path, doc, std::move(kind), true});
  };
  std::vector<std::pair<std::string_view, RoutingPolicyKind>> policies;
  for (const auto kind : {RoutingPolicyKind::lottery, RoutingPolicyKind::shortest_queue,
                          RoutingPolicyKind::round_robin, RoutingPolicyKind::power_of_two}) {
    policies.emplace_back(policy_name(kind), kind);
  }
  add("heartbeat.interval", "time between heartbeats", any_duration(options.heartbeat_interval));
  add("heartbeat.liveness", "silent intervals until a worker is dead",
      any_count(options.heartbeat_liveness));
  add_live("routing.policy", "how a worker is chosen", choice_kind(options.policy, policies));
  add_live("requests.timeout", "a request's time, where the client says nothing",
           any_duration(options.request_timeout));
  add_live("requests.timeout_max", "the most that a client can ask for",
           any_duration(options.request_timeout_max));
  add_live("requests.first_timeout", "until the first part; 0s: no limit of its own",
           any_duration(options.first_timeout));
  add_live("requests.idle_timeout", "between the parts of a stream; 0s: no limit of its own",
           any_duration(options.idle_timeout));
  add_live("requests.retries", "of a request lost with its worker before its first part",
           any_count(options.retries));
  add_live("queue.depth_max", "waiting requests a model", any_count(options.queue_depth_max));
  add_live("no_worker.wait", "how long a request without a live worker is held",
           any_duration(options.no_worker_wait));
  add("no_worker.restart_grace", "the same after a start, while workers come back",
      any_duration(options.restart_grace));
  add_live("ejection.failures", "failures in a row that put a worker aside; 0: none do",
           any_count(options.ejection_failures));
  add_live("ejection.duration", "until one request tries it again",
           any_duration(options.ejection_duration));
  add_live("ejection.share_max", "of a model's workers at once",
           number_kind(options.ejection_share_max, 0, 1));
  add_live("worker.stall",
           "work in hand for so long in all, and nothing came of it: chosen last; 0s: never",
           any_duration(options.stall));
  add("limits.header_bytes_max", "a message's header", any_size(options.limits.header_bytes));
  add("limits.frame_bytes_max", "one payload frame", any_size(options.limits.frame_bytes));
  add("limits.message_bytes_max", "a whole message", any_size(options.limits.message_bytes));
  add("limits.frames_max", "frames of a message, with the header",
      any_count(options.limits.frames));
  add_live("limits.held_bytes_max", "request bodies held, all together",
           any_size(options.held_bytes_max));
  add_live("limits.outstanding_per_client_max", "requests of one client at once",
           any_count(options.outstanding_per_client_max));
}

}  // namespace

Schema broker_schema(broker::BrokerOptions& options, log::LogOptions& log) {
  constexpr std::size_t endpoints_max = 16;
  constexpr std::uint64_t io_threads_max = 64;
  constexpr Duration busy_poll_max = std::chrono::seconds{1};
  constexpr Duration stop_timeout_max = hours{24};
  constexpr std::uint64_t backlog_min = 64 * 1024;
  constexpr std::uint64_t backlog_max = std::uint64_t{1} << 40;
  Schema schema;
  schema.keys.push_back({"broker.name", "what workers and operators see",
                         text_kind(options.controller.name, name_rule)});
  schema.keys.push_back({"broker.frontend", "where clients and operators connect",
                         text_list_kind(options.frontend, 1, endpoints_max, bind_endpoint_rule)});
  schema.keys.push_back({"broker.backend", "where workers connect",
                         text_list_kind(options.backend, 1, endpoints_max, bind_endpoint_rule)});
  schema.keys.push_back({"broker.io_threads", "threads that move bytes",
                         integer_kind(options.io_threads, 1, io_threads_max)});
  schema.keys.push_back({"broker.busy_poll", "how long to look for news before sleeping; 0: not",
                         duration_kind(options.busy_poll, Duration{0}, busy_poll_max)});
  schema.keys.push_back({"broker.stop_timeout", "how long a stopping broker lets requests finish",
                         duration_kind(options.stop_timeout, Duration{0}, stop_timeout_max)});
  add_controller_keys(schema.keys, options.controller);
  schema.keys.push_back({"limits.client_backlog", "what may wait for one client",
                         size_kind(options.outbox.client_bytes, backlog_min, backlog_max)});
  schema.keys.push_back({"limits.client_stall", "how long a client may take nothing",
                         duration_kind(options.outbox.stall, milliseconds{10}, minutes{10})});
  add_log_keys(schema.keys, log);
  schema.validate = [&options] {
    std::vector<CrossFault> faults;
    for (auto& fault : options.controller.validate()) {
      faults.push_back({std::move(fault.key), std::move(fault.what)});
    }
    return faults;
  };
  return schema;
}

Schema agent_schema(agent::AgentOptions& options, agent::ModelServerOptions& server,
                    agent::EchoOptions& echo, log::LogOptions& log) {
  using agent::ModelServerKind;
  constexpr std::size_t brokers_max = 16;
  constexpr std::size_t models_max = 1024;
  constexpr std::size_t labels_max = 64;
  constexpr double speed_min = 0.001;
  constexpr double speed_max = 1'000'000;
  constexpr Duration check_min = milliseconds{10};
  constexpr Duration check_max = minutes{10};
  constexpr Duration drain_max = hours{24};
  constexpr Duration echo_delay_max = hours{1};
  Schema schema;
  const auto add = [&](const char* path, const char* doc, KindPtr kind) {
    schema.keys.push_back({path, doc, std::move(kind)});
  };
  const auto add_live = [&](const char* path, const char* doc, KindPtr kind) {
    schema.keys.push_back({path, doc, std::move(kind), true});
  };
  add("worker.name", "unique in the cluster; empty: made of host and port",
      text_kind(options.name, name_or_empty_rule));
  add("worker.brokers", "whom to register with",
      text_list_kind(options.brokers, 1, brokers_max, connect_endpoint_rule));
  add_live("worker.slots", "requests at once at the model server; auto: ask it",
           auto_or_integer_kind(options.slots, 1, slots_max));
  add("worker.speed", "relative weight for routing",
      number_kind(options.speed, speed_min, speed_max));
  add("worker.models", "what is served; empty: asked of the model server",
      models_kind(options.models, models_max));
  add_live("worker.drain_timeout", "how long to finish what is in hand",
           duration_kind(options.drain_timeout, Duration{0}, drain_max));
  add("worker.labels", "what requests can ask for", text_map_kind(options.labels, labels_max));
  add("server.kind", "what kind of model server",
      choice_kind<ModelServerKind>(
          server.kind, {{"openai", ModelServerKind::openai}, {"echo", ModelServerKind::echo}}));
  add("server.url", "where it is; empty: looked for on this host",
      text_kind(server.url, url_or_empty_rule));
  add("server.api_key_file", "a file with the key that it wants",
      text_kind(server.api_key_file, path_or_empty_rule));
  add("server.ca_file", "a file with the certificates to trust",
      text_kind(server.ca_file, path_or_empty_rule));
  add("server.connect_timeout", "how long a connection may take to stand",
      duration_kind(server.connect_timeout, check_min, check_max));
  add("server.health_interval", "time between health checks",
      duration_kind(server.health_interval, check_min, check_max));
  add("server.health_timeout", "how long a health check may take",
      duration_kind(server.health_timeout, check_min, check_max));
  add("server.metrics", "whether its own metrics are read", flag_kind(server.metrics));
  add("echo.model", "the name of the built-in model", text_kind(echo.model, name_rule));
  add("echo.first_token", "delay before the first part",
      duration_kind(echo.first_token, Duration{0}, echo_delay_max));
  add("echo.per_token", "delay between parts",
      duration_kind(echo.per_token, Duration{0}, echo_delay_max));
  add_log_keys(schema.keys, log);
  schema.validate = [] { return std::vector<CrossFault>{}; };
  return schema;
}

Schema cli_schema(cli::CliOptions& options) {
  constexpr Duration timeout_max = hours{720};
  Schema schema;
  schema.keys.push_back({"client.broker", "the frontend of the broker to ask",
                         text_kind(options.broker, frontend_rule)});
  schema.keys.push_back({"client.timeout", "how long a command may take; 0s: what is usual",
                         duration_kind(options.timeout, Duration{0}, timeout_max)});
  schema.keys.push_back({"ask.model", "which model; empty: the only one that is served",
                         text_kind(options.model, name_or_empty_rule)});
  schema.validate = [] { return std::vector<CrossFault>{}; };
  schema.short_variables = {{"MUSTER_BROKER", "client.broker"}};
  return schema;
}

}  // namespace muster::config
