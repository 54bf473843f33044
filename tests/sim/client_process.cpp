#include "tests/sim/client_process.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "tests/sim/violation.hpp"

namespace muster::sim {

using namespace client;
using namespace std::chrono_literals;

ClientProcess::ClientProcess(Stage& stage, HostId host, const std::string& name, Duration skew,
                             const Plan& plan, RouterId frontend, Draw draw)
    : Process(stage, host, name, skew),
      plan_(plan),
      frontend_(frontend),
      draw_(draw),
      core_(plan.client, now()),
      socket_(stage_.network.open(host, frontend, stage_.now)),
      decoder_(WireLimits{}),
      asks_at_(plan.workload.gap == Duration{}
                   ? time_never
                   : now() + draw_.between(Duration{0}, plan.workload.gap)) {}

// ---- the loop ----------------------------------------------------------------------------------

void ClientProcess::turn() {
  while (now() >= asks_at_) {
    asks_at_ += draw_.between(1us, plan_.workload.gap * 2);
    ask();
  }
  read();
  step(client::Tick{});
}

void ClientProcess::read() {
  more_to_read_ = true;
  for (std::size_t i = 0; i < plan_.reads_a_turn; ++i) {
    auto incoming = stage_.network.receive(socket_, stage_.now);
    if (!incoming) {
      more_to_read_ = false;
      return;
    }
    if (incoming->opened) {
      say("<- a new connection");
      step(ConnectionNew{});
      continue;
    }
    auto decoded = decoder_.to_client(incoming->header, incoming->payload);
    say([&] { return "<- " + (decoded ? describe(decoded->message) : describe(decoded.error())); });
    MUST(decoded, name() + " is told what it can't read: " + decoded.error().what);
    step(BrokerSaid{std::move(decoded->message), std::move(incoming->payload)});
  }
}

Time ClientProcess::wake() const {
  return more_to_read_ ? now() : std::min(core_.next_deadline(), asks_at_);
}

// ---- what it wants -----------------------------------------------------------------------------

void ClientProcess::ask() {
  const Workload& load = plan_.workload;
  if (!wanted_.empty() && draw_.chance(load.withdrawn)) {
    auto some = wanted_.begin();
    std::advance(some, static_cast<std::ptrdiff_t>(draw_.below(wanted_.size())));
    const ClientRequestId id = some->first;
    say([&] { return "does not want " + std::to_string(id.value) + " any more"; });
    step(Withdraw{id});
  }
  Request request;
  request.model = draw_.chance(0.03)  ? "nobody has it"
                  : draw_.chance(0.1) ? "alias"
                                      : plan_.models[draw_.below(plan_.models.size())];
  RequestOptions& options = request.options;
  options.stream = draw_.chance(load.streamed);
  options.retry = !draw_.chance(load.once);
  if (draw_.chance(load.labelled))
    options.require = {{"zone", draw_.one_of<const char*>({"a", "b", "c"})}};
  if (draw_.chance(load.conversing)) options.session = std::to_string(draw_.below(3));
  options.priority = draw_.chance(0.8) ? 0 : static_cast<std::int64_t>(draw_.below(3));
  const Duration timeout = draw_.between(load.timeout_min, load.timeout_max);
  if (draw_.chance(0.1)) options.first_timeout = timeout / 2;
  if (draw_.chance(0.1)) options.idle_timeout = timeout / 2;
  ask(std::move(request), draw_.chance(0.1) ? Duration{} : timeout, false);
}

void ClientProcess::ask_plainly(const std::string& model, Duration timeout) {
  Request request;
  request.model = model;
  request.options.stream = draw_.chance(0.5);
  ask(std::move(request), timeout, true);
}

// `timeout` 0: it names none.
void ClientProcess::ask(Request&& request, Duration timeout, bool plain) {
  const ClientRequestId id{next_id_++};
  if (timeout > Duration{}) request.options.timeout = timeout;
  const Duration given = timeout > Duration{} ? timeout : plan_.client.request_timeout;
  // The core waits one interval longer than the broker.
  const Time due = now() + given + plan_.client.heartbeat_interval + plan_.turn_delay * 2 + 1ms;
  const Nonce nonce = stage_.asks.asked(host_, request.options.stream, due);
  request.id = WireId{id.value};
  say([&] {
    return "wants " + describe(FromClient{request}) + " \"" + std::to_string(nonce) + "\"";
  });
  wanted_[id] = {nonce, plain};
  if (plain) ++plain_;
  step(Ask{std::move(request), Payload{std::to_string(nonce)}});
}

void ClientProcess::order(const std::string& query, Value args) {
  say("asks the broker to " + query);
  const Duration timeout = plan_.client.heartbeat_interval * 3;
  const ClientRequestId id{next_id_++};
  asked_.insert(id);
  step(AskBroker{id, query, timeout, std::move(args)});
}

// ---- events and actions ------------------------------------------------------------------------

void ClientProcess::step(Event&& event) {
  std::vector<Action> actions;
  core_.step(std::move(event), now(), actions);
  MUST(core_.outstanding() <= plan_.client.outstanding_max, name() + " holds more than it may");
  MUST(core_.kept_bytes() <= plan_.client.retry_bytes_max, name() + " keeps more than it may");
  for (Action& action : actions)
    std::visit([this](auto& a) { perform(a); }, action);
  for (Event& back : std::exchange(not_sent_, {}))
    step(std::move(back));
}

void ClientProcess::perform(Send& action) {
  // Each sending has a body of its own, so that brokers' checkers can tell them apart.
  const Nonce nonce = nonce_of(action.payload.joined());
  Payload body = nonce == 0 ? Payload{} : Payload{body_of(nonce, stage_.asks.sent())};
  const Taken taken =
      stage_.network.send(socket_, encode(action.message), std::move(body), stage_.now);
  say([&] {
    return std::string{taken == Taken::done ? "-> " : "-> (no room) "} + describe(action.message);
  });
  if (taken != Taken::done)
    not_sent_.push_back(NotSent{std::move(action.message), std::move(action.payload)});
}

void ClientProcess::perform(Reopen&) {
  say("takes its broker for dead, and dials anew");
  stage_.network.close(socket_, stage_.now);
  socket_ = stage_.network.open(host_, frontend_, stage_.now);
}

void ClientProcess::perform(PartArrived& action) {
  const auto wanted = wanted_.find(action.id);
  MUST(wanted != wanted_.end(), name() + " is given a part of what has ended");
  stage_.asks.part(wanted->second.nonce, action.seq, action.bytes.joined());
}

void ClientProcess::perform(SendsAgain& action) {
  say([&] { return "sends " + std::to_string(action.id.value) + " again: " + action.why; });
}

void ClientProcess::perform(RequestEnded& action) {
  say([&] {
    return std::to_string(action.id.value) + " has ended: " +
           (action.conclusion.kind == EndKind::answered ? "answered" : action.conclusion.message);
  });
  const auto wanted = wanted_.extract(action.id);
  MUST(!wanted.empty(), name() + " is told of a second end");
  stage_.asks.ended(wanted.mapped().nonce, action, now());
  if (!wanted.mapped().plain) return;
  --plain_;
  if (action.conclusion.kind != EndKind::answered) {
    throw Violation{Broken::liveness, name() + " asks when all is well again, and is told: " +
                                          action.conclusion.message};
  }
}

void ClientProcess::perform(QueryEnded& action) {
  MUST(asked_.erase(action.id) == 1, name() + " is answered a query twice");
}

}  // namespace muster::sim
