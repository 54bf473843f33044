#include "tests/sim/agent_process.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "tests/sim/violation.hpp"

namespace muster::sim {

using namespace agent;
using namespace std::chrono_literals;

namespace {

constexpr Duration send_retry = 10ms;  // as in the real shell

AgentOptions with_brokers(AgentOptions options, std::size_t brokers) {
  options.brokers.clear();
  for (std::size_t i = 0; i < brokers; ++i)
    options.brokers.push_back("sim://b" + std::to_string(i));
  return options;
}

std::string broker_name(SessionId session) {
  return "b" + std::to_string(session.value);
}

}  // namespace

AgentProcess::AgentProcess(Stage& stage, HostId host, const std::string& name, Duration skew,
                           const Plan& plan, const AgentOptions& options,
                           std::vector<RouterId> backends, const Birth& birth, Draw draw)
    : Process(stage, host, name, skew),
      plan_(plan),
      options_(with_brokers(options, backends.size())),
      agent_(options_, birth, now()),
      server_(options_, plan.work, plan.broker.heartbeat_interval, draw, now()),
      backends_(std::move(backends)),
      decoder_(WireLimits{}),
      given_(backends_.size()) {
  for (const RouterId backend : backends_)
    sockets_.push_back(stage_.network.open(host_, backend, stage_.now));
}

// ---- the loop ----------------------------------------------------------------------------------

void AgentProcess::turn() {
  more_to_read_ = false;
  for (std::uint32_t i = 0; i < sockets_.size() && !exit_; ++i)
    read(SessionId{i});
  server_events_.clear();
  server_.run(now(), server_events_);
  for (Event& event : server_events_)
    step(std::move(event));
  step(Tick{.sockets_empty = !more_to_read_});
}

void AgentProcess::read(SessionId session) {
  for (std::size_t i = 0; i < plan_.reads_a_turn && !exit_; ++i) {
    auto incoming = stage_.network.receive(sockets_[session.value], stage_.now);
    if (!incoming) return;
    if (incoming->opened) {
      static_cast<void>(
          stage_.network.connection_broke(sockets_[session.value], stage_.now));  // the one before
      say([&] { return "<- " + broker_name(session) + "  a new connection"; });
      step(Connected{session});
      continue;
    }
    auto decoded = decoder_.to_worker(incoming->header, incoming->payload);
    say([&] {
      return "<- " + broker_name(session) + "  " +
             (decoded ? describe(decoded->message) : describe(decoded.error()));
    });
    if (decoded) {
      hear(session, decoded->message);
      step(BrokerSaid{session, std::move(decoded->message), std::move(incoming->payload)});
    } else {
      step(BrokerFault{session, std::move(decoded.error())});
    }
  }
  more_to_read_ = true;
}

Time AgentProcess::wake() const {
  if (more_to_read_) return now();
  const Time wake = std::min(agent_.next_deadline(), server_.next());
  return socket_full_ ? std::min(wake, now() + send_retry) : wake;
}

void AgentProcess::reconfigure(const AgentOptions& options) {
  options_ = with_brokers(options, backends_.size());
  say("reads its configuration again: " + std::to_string(*options_.slots) + " slots");
  step(Reconfigured{options_});
}

// ---- events, actions, messages -----------------------------------------------------------------

void AgentProcess::step(Event&& event) {
  if (exit_) return;
  actions_.clear();
  agent_.step(std::move(event), now(), actions_);
  for (Action& action : actions_)
    std::visit([this](auto& a) { perform(a); }, action);
  send_all();
}

void AgentProcess::send_all() {
  socket_full_ = false;
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    const SessionId session{i};
    const bool something = agent_.next_message(session) != nullptr;
    if (something && stage_.network.connection_broke(sockets_[i], stage_.now))
      step(Disconnected{session});
    while (const Outgoing* message = agent_.next_message(session)) {
      const FromWorker said = message->message;
      if (stage_.network.send(sockets_[i], encode(said), message->payload.share(), stage_.now) !=
          Taken::done) {
        socket_full_ = true;
        break;
      }
      say([&] { return "-> " + broker_name(session) + "  " + describe(said); });
      judge(session, said);
      agent_.message_sent(session);
    }
  }
}

void AgentProcess::perform(StartJob& action) {
  MUST(server_.jobs() < slots(),
       name() + " starts a job beyond its " + std::to_string(slots()) + " slots");
  say([&] {
    return "starts job " + std::to_string(action.job.value) + " \"" + action.body.joined() + "\"";
  });
  server_.start(std::move(action), now());
}

void AgentProcess::perform(StopJob& action) {
  say([&] { return "stops job " + std::to_string(action.job.value); });
  server_.stop(action.job);
}

void AgentProcess::perform(const ReopenSocket& action) {
  DealerId& socket = sockets_[action.session.value];
  stage_.network.close(socket, stage_.now);
  socket = stage_.network.open(host_, backends_[action.session.value], stage_.now);
}

void AgentProcess::perform(const SessionNote& note) {
  say([&] {
    return broker_name(note.session) + " " + std::string{note.what} + ": " + note.sentence;
  });
}

void AgentProcess::perform(const AgentNote& note) {
  say([&] { return std::string{note.what} + ": " + note.sentence; });
}

void AgentProcess::perform(const FaultNote& note) {
  MUST(false, name() + " is told what it can't read: " + note.fault.what);
}

std::string AgentProcess::unfinished() const {
  if (server_.jobs() > 0)
    return "its model server works on " + std::to_string(server_.jobs()) + " requests";
  if (agent_.jobs_in_hand() > 0) return "it has requests in hand that nobody works on";
  for (const auto& given : given_)
    for (const auto& [id, request] : given)
      if (!request.ended) return "attempt " + std::to_string(id) + " has had no end";
  return {};
}

// ---- its promise -------------------------------------------------------------------------------

void AgentProcess::hear(SessionId session, const ToWorker& message) {
  if (const auto* request = std::get_if<muster::Request>(&message)) {
    const bool fresh = given_[session.value].emplace(request->id.value, Request{}).second;
    MUST(fresh, name() + " is given one attempt twice");
  } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
    given_[session.value].try_emplace(cancel->id.value, Request{.parts = 0, .ended = true});
  } else if (std::holds_alternative<Dismiss>(message)) {
    for (auto& [id, given] : given_[session.value])
      given.ended = true;
  }
}

void AgentProcess::judge(SessionId session, const FromWorker& message) {
  auto& given = given_[session.value];
  const auto known = [&](WireId id) -> Request& {
    const auto found = given.find(id.value);
    MUST(found != given.end(), name() + " answers what it was never given");
    return found->second;
  };
  if (const auto* chunk = std::get_if<Chunk>(&message)) {
    Request& request = known(chunk->id);
    MUST(!request.ended, name() + " sends a part after the end");
    MUST(chunk->seq == request.parts++, name() + " miscounts the parts of an answer");
  } else if (const auto* final = std::get_if<Final>(&message)) {
    Request& request = known(final->id);
    MUST(!std::exchange(request.ended, true), name() + " ends a request twice");
    MUST(final->seq == request.parts, name() + " miscounts the parts at the end");
  } else if (const auto* error = std::get_if<Error>(&message)) {
    Request& request = known(error->id);
    MUST(!std::exchange(request.ended, true) || error->code == ErrorCode::cancelled,
         name() + " ends a request twice");
  }
}

}  // namespace muster::sim
