#include "worker_agent/shell/agent_shell.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "config/logging.hpp"
#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"
#include "worker_agent/shell/note_log.hpp"

namespace muster::agent {
namespace {

// How much one turn reads of each socket: some milliseconds of work, after which the model server
// and the other brokers get their turn.
constexpr int messages_a_turn = 256;

// How soon a socket that was full, or had no connection, is tried again.
constexpr Duration send_retry = std::chrono::milliseconds{10};

// The connections are kept for so long after the last word: of one that breaks, libzmq's other end
// drops what its owner has not read yet.
constexpr Duration farewell = std::chrono::milliseconds{300};

// A broker has held what it passes on to its own limits, which the worker does not know before it
// is registered. These are the most that one can be set to (config/broker.toml).
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr WireLimits limits_from_broker{.header_bytes = 16 * mebibyte,
                                        .frame_bytes = 4096 * mebibyte,
                                        .message_bytes = 16384 * mebibyte,
                                        .frames = 1024,
                                        .name_bytes = 128};

AgentOptions with_brokers_once(AgentOptions options) {
  std::vector<std::string> once;
  for (const auto& broker : options.brokers)
    if (std::find(once.begin(), once.end(), broker) == once.end()) once.push_back(broker);
  options.brokers = std::move(once);
  return options;
}

Payload payload_of(const std::string& bytes) {
  return bytes.empty() ? Payload{} : Payload{bytes};
}

// The model server's words as the Agent's: the two rooms know nothing of each other.
Event event_of(JobPart&& part) {
  return PartMade{part.id, std::move(part.meta), payload_of(part.bytes)};
}
Event event_of(JobDone&& done) {
  return JobEnded{done.id, std::move(done.meta), payload_of(done.bytes)};
}
Event event_of(JobFailed&& failed) {
  return JobBroke{failed.id, failed.code, std::move(failed.message), std::move(failed.meta),
                  payload_of(failed.body)};
}
Event event_of(ServerStatus&& status) {
  return ServerChanged{
      status.state, std::move(status.why),    std::move(status.trouble), std::move(status.models),
      status.slots, std::move(status.version)};
}
Event event_of(const EngineLoad& load) {
  return EngineTold{load.progress, load.requests, load.kv_cache_usage};
}

}  // namespace

AgentShell::AgentShell(transport::Context& context, const AgentOptions& options,
                       std::unique_ptr<ModelServer> server)
    : context_(context),
      server_(std::move(server)),
      decoder_(limits_from_broker),
      now_(transport::monotonic_now()),
      agent_(with_brokers_once(options),
             Birth{transport::new_instance(), transport::system_random()}, now_),
      last_sent_(now_ - farewell) {
  CHECK(server_ != nullptr, "an agent without a model server");
  sockets_.resize(agent_.session_count());
  poller_.watch(stop_.fd());
  if (server_->fd() >= 0) poller_.watch(server_->fd());
}

AgentShell::~AgentShell() = default;

Outcome AgentShell::open() {
  for (std::uint32_t i = 0; i < sockets_.size(); ++i)
    if (auto dialled = dial(SessionId{i}); !dialled)
      return failure("worker.brokers: " + dialled.error());
  return Done{};
}

Outcome AgentShell::dial(SessionId session) {
  auto& socket = sockets_[session.value];
  socket = std::make_unique<transport::DealerSocket>(context_, limits_from_broker);
  poller_.watch(*socket);
  socket->watch_connection();
  return socket->connect(agent_.endpoint(session));
}

// ---- the loop ----------------------------------------------------------------------------------

ExitCode AgentShell::run(transport::Signals* signals, const Reload& reload) {
  CHECK(!sockets_.empty() && sockets_.back() != nullptr, "an agent ran before it was opened");
  if (signals != nullptr) poller_.watch(signals->fd());
  while (!exit_) {
    now_ = transport::monotonic_now();
    const auto taken = signals != nullptr ? signals->take() : transport::Signals::Taken{};
    if (taken.reload && reload) {
      if (auto options = reload()) step(Reconfigured{std::move(*options)});
    }
    int stops = stop_.take() + taken.stops;
    for (; stops > 0; --stops)
      step(StopAsked{});
    turn();
    if (!exit_ && !more_to_read_) poller_.wait(now_, wake_at());
  }
  say_farewell(signals);
  if (signals != nullptr) poller_.remove(signals->fd());
  return *exit_;
}

void AgentShell::turn() {
  more_to_read_ = false;
  for (std::uint32_t i = 0; i < sockets_.size(); ++i)
    if (!read(SessionId{i})) more_to_read_ = true;
  run_server();
  step(Tick{.sockets_empty = !more_to_read_});
}

// Whether the socket has been read empty.
bool AgentShell::read(SessionId session) {
  for (int i = 0; i < messages_a_turn && !exit_; ++i) {
    if (!sockets_[session.value]->receive(incoming_)) return true;
    take_message(session);
  }
  return false;
}

void AgentShell::take_message(SessionId session) {
  if (incoming_.header.empty() && incoming_.payload.empty()) {
    static_cast<void>(sockets_[session.value]->connection_broke());  // the one before
    return step(Connected{session});
  }
  auto decoded = decoder_.to_worker(incoming_.header, incoming_.payload);
  if (decoded) {
    step(BrokerSaid{session, std::move(decoded->message), std::move(incoming_.payload)});
  } else {
    step(BrokerFault{session, std::move(decoded.error())});
  }
}

void AgentShell::run_server() {
  server_events_.clear();
  server_->run(now_, server_events_);
  for (ServerEvent& event : server_events_)
    step(std::visit([](auto& e) { return event_of(std::move(e)); }, event));
}

Time AgentShell::wake_at() const {
  const Time wake = std::min(agent_.next_deadline(), server_->next_deadline());
  return socket_full_ ? std::min(wake, now_ + send_retry) : wake;
}

// ---- events, actions, messages -----------------------------------------------------------------

void AgentShell::step(Event&& event) {
  if (exit_) return;
  actions_.clear();
  agent_.step(std::move(event), now_, actions_);
  for (Action& action : actions_)
    std::visit([this](auto& a) { perform(a); }, action);
  send_all();
}

void AgentShell::send_all() {
  socket_full_ = false;
  for (std::uint32_t i = 0; i < sockets_.size(); ++i)
    if (!send(SessionId{i})) socket_full_ = true;
}

// Whether the socket has taken all that there was to say.
bool AgentShell::send(SessionId session) {
  const bool something = agent_.next_message(session) != nullptr;
  if (something && sockets_[session.value]->connection_broke()) step(Disconnected{session});
  while (const Outgoing* message = agent_.next_message(session)) {
    const auto sent =
        sockets_[session.value]->send(encode(message->message), message->payload.share());
    if (sent != transport::Sent::done) return false;
    agent_.message_sent(session);
    last_sent_ = now_;
  }
  return true;
}

void AgentShell::perform(StartJob& action) {
  server_->start(
      Job{action.job, std::move(action.model), std::move(action.options), action.body.joined()},
      now_);
}

void AgentShell::perform(const ReopenSocket& action) {
  auto& socket = sockets_[action.session.value];
  socket->drop_unsent();
  poller_.remove(*socket);
  // The endpoint has been understood before; what can fail now passes, and the Agent tries again.
  if (auto dialled = dial(action.session); !dialled) log::warning(dialled.error());
}

void AgentShell::perform(const SessionNote& note) {
  write_note(note, agent_.endpoint(note.session));
}

void AgentShell::perform(const AgentNote& note) {
  write_note(note);
}

void AgentShell::perform(const RequestNote& note) {
  write_note(note, agent_.endpoint(note.session));
}

void AgentShell::perform(const FaultNote& note) {
  write_note(note, agent_.endpoint(note.session));
}

void AgentShell::say_farewell(transport::Signals* signals) {
  poller_.remove(server_->fd());
  while (true) {
    const Time now = transport::monotonic_now();
    const int stops = stop_.take() + (signals != nullptr ? signals->take().stops : 0);
    if (stops > 0 || now >= last_sent_ + farewell) return;
    for (const auto& socket : sockets_)
      while (socket->receive(incoming_)) {
      }
    poller_.wait(now, last_sent_ + farewell);
  }
}

}  // namespace muster::agent
