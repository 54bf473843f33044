#include "tests/sim/plan.hpp"

#include <algorithm>

#include "tests/sim/trace.hpp"

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

broker::ControllerOptions draw_broker(Draw& draw) {
  broker::ControllerOptions options;
  options.heartbeat_interval = draw.one_of<Duration>({100ms, 250ms, 1000ms});
  options.heartbeat_liveness = draw.from_to(2, 4);
  options.policy = static_cast<broker::RoutingPolicyKind>(draw.below(4));
  const Duration interval = options.heartbeat_interval;
  options.request_timeout = interval * static_cast<int>(draw.from_to(5, 30));
  options.request_timeout_max = interval * 30;
  options.first_timeout = draw.chance(0.7) ? Duration{} : interval * 5;
  options.idle_timeout = interval * static_cast<int>(draw.from_to(3, 20));
  options.retries = draw.below(4);
  options.queue_depth_max = draw.one_of<std::uint64_t>({1, 8, 1024, 1024});
  options.no_worker_wait = draw.chance(0.5) ? Duration{} : interval * 2;
  options.restart_grace = draw.chance(0.3) ? Duration{} : interval * 4;
  options.ejection_failures = draw.chance(0.5) ? 0 : draw.from_to(1, 4);
  options.ejection_duration = interval * 2;
  options.ejection_share_max = draw.one_of({0.5, 0.7, 1.0});
  options.stall = draw.chance(0.5) ? Duration{} : interval * 4;
  options.held_bytes_max = draw.chance(0.8) ? options.held_bytes_max : 6'000;
  options.outstanding_per_client_max = draw.chance(0.8) ? 10'000 : 5;
  return options;
}

agent::AgentOptions draw_agent(Draw& draw, std::size_t number,
                               const std::vector<std::string>& models, Duration interval) {
  agent::AgentOptions options;
  options.name = "w" + std::to_string(number);
  options.slots = draw.one_of<std::uint64_t>({1, 2, 3, 8});
  options.drain_timeout = interval * static_cast<int>(draw.from_to(1, 20));
  options.speed = draw.one_of({0.5, 1.0, 2.0});
  for (const std::string& model : models) {
    if (model != models[number % models.size()] && draw.chance(0.5)) continue;
    ModelDescription served;
    served.name = model;
    if (draw.chance(0.3)) served.aliases = {"alias"};
    options.models.push_back(std::move(served));
  }
  if (draw.chance(0.5)) options.labels = {{"zone", draw.one_of<const char*>({"a", "b"})}};
  return options;
}

NetworkOptions draw_network(Draw& draw, Duration interval, bool lossy) {
  NetworkOptions options;
  options.latency_min = draw.one_of<Duration>({20us, 200us, 1ms});
  options.latency_max = options.latency_min + draw.magnitude(100us, interval / 10);
  options.redial = draw.one_of<Duration>({10ms, 100ms});
  options.dealer_high_water = draw.one_of<std::size_t>({3, 20, 1000, 1000, 1000});
  if (lossy) options.lossy = draw.one_of({0.001, 0.01, 0.05});
  return options;
}

Workload draw_workload(Draw& draw, Duration interval) {
  Workload load;
  load.gap = draw.magnitude(interval / 10, interval * 3);
  load.streamed = draw.one_of({0.0, 0.5, 1.0});
  load.once = draw.one_of({0.0, 0.2, 1.0});
  load.labelled = draw.one_of({0.0, 0.0, 0.2});
  load.withdrawn = draw.one_of({0.0, 0.02, 0.2});
  load.conversing = draw.one_of({0.0, 0.5});
  load.timeout_min = draw.one_of<Duration>({interval / 5, interval, interval * 4});
  load.timeout_max = load.timeout_min + interval * static_cast<int>(draw.from_to(1, 20));
  return load;
}

}  // namespace

std::string_view fault_name(FaultKind kind) {
  static constexpr std::array<std::string_view, fault_kinds> names{
      "kill", "host_gone", "freeze", "reset",       "jump", "cut",
      "slow", "stop",      "server", "reconfigure", "order"};
  static_assert(!names.back().empty(), "each kind has a name");
  return names[static_cast<std::size_t>(kind)];
}

Plan Plan::draw(Draw& draw, bool lossy) {
  Plan plan;
  plan.brokers = draw.one_of<std::size_t>({1, 1, 1, 2, 3});
  plan.agents = draw.from_to(1, 4);
  plan.clients = draw.from_to(1, 3);
  plan.rogue_workers = draw.one_of<std::size_t>({0, 0, 1, 2});
  plan.impostor = plan.rogue_workers > 0 && draw.chance(0.2);
  plan.rogue_clients = draw.one_of<std::size_t>({0, 0, 1});
  plan.models = {"m"};
  if (draw.chance(0.5)) plan.models.push_back("n");
  plan.broker = draw_broker(draw);
  const Duration interval = plan.broker.heartbeat_interval;
  for (std::size_t i = 0; i < plan.agents; ++i)
    plan.agent.push_back(draw_agent(draw, i, plan.models, interval));
  plan.client.heartbeat_interval = interval;
  plan.client.heartbeat_liveness = 2 * plan.broker.heartbeat_liveness;
  plan.client.request_timeout = interval * static_cast<int>(draw.from_to(5, 30));
  plan.client.outstanding_max = draw.chance(0.8) ? 10'000 : 4;
  plan.client.retry_bytes_max = draw.chance(0.8) ? 1'000'000 : 1'000;
  plan.network = draw_network(draw, interval, lossy);
  plan.frontend_high_water = draw.one_of<std::size_t>({2, 20, 1000, 1000});
  plan.backend_high_water = draw.one_of<std::size_t>({6, 16384, 16384, 16384});
  plan.reads_a_turn = draw.one_of<std::size_t>({1, 3, 1000, 1000});
  plan.turn_delay = draw.chance(0.7) ? Duration{} : draw.magnitude(100us, interval / 4);
  plan.workload = draw_workload(draw, interval);
  plan.work = {.longest = draw.magnitude(interval / 10, interval * 20),
               .parts_max = draw.one_of<std::uint64_t>({0, 2, 10}),
               .endless = draw.one_of({0.0, 0.0, 0.2})};
  plan.faulty = interval * static_cast<int>(draw.from_to(5, 40));
  plan.fault_gap = draw.magnitude(interval / 4, interval * 8);
  for (auto& weight : plan.fault_weights)
    weight = draw.chance(0.4) ? 0 : draw.from_to(1, 10);
  return plan;
}

namespace {

std::string say_of(const broker::ControllerOptions& options) {
  return "  brokers: interval " + seconds(options.heartbeat_interval) + " x " +
         std::to_string(options.heartbeat_liveness) + ", policy " +
         std::string{policy_name(options.policy)} + ", time-outs " +
         seconds(options.request_timeout) + " first " + seconds(options.first_timeout) + " idle " +
         seconds(options.idle_timeout) + ", retries " + std::to_string(options.retries) +
         ", depth " + std::to_string(options.queue_depth_max) + ", wait " +
         seconds(options.no_worker_wait) + ", grace " + seconds(options.restart_grace) +
         ", ejection " + std::to_string(options.ejection_failures) + " for " +
         seconds(options.ejection_duration) + ", stall " + seconds(options.stall) + ", held " +
         std::to_string(options.held_bytes_max) + ", outstanding " +
         std::to_string(options.outstanding_per_client_max) + "\n";
}

std::string say_of(const agent::AgentOptions& options) {
  std::string text = "  " + options.name + ": " + std::to_string(*options.slots) + " slots,";
  for (const ModelDescription& model : options.models)
    text += " " + model.name + (model.aliases.empty() ? "" : " or alias");
  for (const auto& [key, value] : options.labels)
    text += ", " + key + "=" + value;
  return text + ", drains within " + seconds(options.drain_timeout) + "\n";
}

}  // namespace

std::string Plan::describe() const {
  std::string text = std::to_string(brokers) + " brokers, " + std::to_string(agents) + " agents, " +
                     std::to_string(clients) + " clients, " + std::to_string(rogue_workers) +
                     " rogue workers" + (impostor ? " (one as w0), " : ", ") +
                     std::to_string(rogue_clients) + " rogue clients\n" + say_of(broker);
  for (const auto& options : agent)
    text += say_of(options);
  text += "  network: latency " + seconds(network.latency_min) + " to " +
          seconds(network.latency_max) + ", redial " + seconds(network.redial) + ", high water " +
          std::to_string(network.dealer_high_water) + " frontends " +
          std::to_string(frontend_high_water) + " backends " + std::to_string(backend_high_water) +
          ", reads a turn " + std::to_string(reads_a_turn) + ", turns late by " +
          seconds(turn_delay) + "\n  clients ask each " + seconds(workload.gap) +
          ", answers take up to " + seconds(work.longest) + "\n  faults for " + seconds(faulty) +
          ", each " + seconds(fault_gap) + ":";
  for (std::size_t i = 0; i < fault_kinds; ++i)
    if (fault_weights[i] > 0) text += " " + std::string{fault_name(static_cast<FaultKind>(i))};
  return text;
}

}  // namespace muster::sim
