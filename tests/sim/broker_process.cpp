#include "tests/sim/broker_process.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "tests/sim/violation.hpp"

namespace muster::sim {

using namespace broker;
using namespace std::chrono_literals;

namespace {

// As in the real shell, but that messages are taken one by one, not sixteen together; that what has
// come is always seen, never swallowed by a send; that a batch is as small as one of the shell's
// can be, however many are at workers; and for the bounds of what waits for a client that reads too
// little: small, so that they are reached.
constexpr std::size_t actions_a_batch = 32;
constexpr Duration outbox_retry = 2ms;
constexpr std::size_t outbox_messages_max = 40;
constexpr int stall_intervals = 5;
// A client that the network does not know, for questions of the simulation's own.
constexpr ClientConnection nobody{0};

std::string client_name(ClientConnection client) {
  return "client " + std::to_string(client.value);
}
std::string worker_name(WorkerConnection worker) {
  return "worker " + std::to_string(worker.value);
}

}  // namespace

BrokerProcess::BrokerProcess(Stage& stage, HostId host, const std::string& name, Duration skew,
                             const Plan& plan, Doors doors, const Birth& birth)
    : Process(stage, host, name, skew),
      plan_(plan),
      doors_(doors),
      options_(plan.broker),
      controller_(options_, birth, now()),
      checker_(options_),
      client_decoder_(options_.limits, Decoder::Keep::what_routes),
      worker_decoder_(options_.limits, Decoder::Keep::what_routes),
      reader_(WireLimits{}) {}

// ---- the loop ----------------------------------------------------------------------------------

void BrokerProcess::turn() {
  clients_gone_.clear();
  workers_gone_.clear();
  const bool due = now() >= controller_.next_deadline();
  const bool backend_empty = look(backend_unread_, due, &BrokerProcess::read_backend);
  const bool frontend_empty = look(frontend_unread_, due, &BrokerProcess::read_frontend);
  perform_all();
  flush_outbox();
  step(Tick{.backend_empty = backend_empty && workers_gone_.empty(),
            .frontend_empty = frontend_empty});
  perform_all();
}

bool BrokerProcess::look(bool& unread, bool due, bool (BrokerProcess::*read)()) {
  const bool looks = std::exchange(unread, false) || due;
  const std::size_t before = messages_read_;
  const bool empty = (this->*read)();
  unread = unread || !empty;
  return empty && (looks || messages_read_ > before);
}

bool BrokerProcess::read_backend() {
  for (std::size_t i = 0; i < plan_.reads_a_turn; ++i) {
    auto incoming = stage_.network.receive(doors_.backend, stage_.now);
    if (!incoming) return true;
    ++messages_read_;
    const WorkerConnection from{incoming->peer};
    auto& said = std::get<WorkerSaid>(worker_said_);
    auto fault = worker_decoder_.from_worker_into(said.message, said.header.id, incoming->header,
                                                  incoming->payload, 0);
    say([&] {
      return "<- " + worker_name(from) + "  " + (fault ? describe(*fault) : describe(said.message));
    });
    if (fault) {
      step(WorkerFault{from, std::move(*fault)});
      continue;
    }
    said.from = from;
    said.header.frame = std::move(incoming->header);
    said.payload = std::move(incoming->payload);
    step(std::move(worker_said_));
  }
  return false;
}

bool BrokerProcess::read_frontend() {
  for (std::size_t i = 0; i < plan_.reads_a_turn; ++i) {
    auto incoming = stage_.network.receive(doors_.frontend, stage_.now);
    if (!incoming) return true;
    ++messages_read_;
    const ClientConnection from{incoming->peer};
    auto& said = std::get<ClientSaid>(client_said_);
    auto fault = client_decoder_.from_client_into(said.message, said.header.id, incoming->header,
                                                  incoming->payload, 0);
    say([&] {
      return "<- " + client_name(from) + "  " + (fault ? describe(*fault) : describe(said.message));
    });
    if (fault) {
      step(ClientFault{from, std::move(*fault)});
      continue;
    }
    said.from = from;
    said.header.frame = std::move(incoming->header);
    said.payload = std::move(incoming->payload);
    step(std::move(client_said_));
  }
  return false;
}

void BrokerProcess::flush_outbox() {
  if (outbox_.empty() || now() < outbox_retry_at_) return;
  outbox_retry_at_ = now() + outbox_retry;
  frontend_unread_ = true;
  std::vector<std::pair<ClientConnection, bool>> lost;
  for (auto next = outbox_.begin(); next != outbox_.end();) {
    const auto entry = next++;
    auto& [client, kept] = *entry;
    Taken taken = Taken::done;
    while (!kept.messages.empty()) {
      auto& [header, payload] = kept.messages.front();
      taken = stage_.network.send(doors_.frontend, client.value, std::move(header),
                                  std::move(payload), stage_.now);
      if (taken != Taken::done) break;
      kept.messages.pop_front();
      kept.taken_at = now();
    }
    const bool stalled = now() - kept.taken_at > options_.heartbeat_interval * stall_intervals;
    if (taken == Taken::unreachable || stalled) lost.emplace_back(client, stalled);
    if (taken != Taken::full || stalled) outbox_.erase(entry);
  }
  for (const auto& [client, cut_off] : lost)
    lose(client, cut_off);
}

Time BrokerProcess::wake() const {
  if (frontend_unread_ || backend_unread_) return now();
  const Time wake = std::min(controller_.next_deadline(), stop_by_);
  return outbox_.empty() ? wake : std::min(wake, outbox_retry_at_);
}

void BrokerProcess::stop(Duration within) {
  if (++stops_ > 1) within = Duration{};
  stop_by_ = now() + within + 2s;
  say("told to stop within " + seconds(within));
  step(Stop{within});
  perform_all();
}

bool BrokerProcess::finished() const {
  return stops_ > 0 && ((controller_.idle() && outbox_.empty()) || now() >= stop_by_);
}

void BrokerProcess::reconfigure(const ControllerOptions& options) {
  say("reads its configuration again");
  step(Reconfigured{options});
  perform_all();
}

Value BrokerProcess::ask(const std::string& query) {
  std::vector<Action> out;
  controller_.step(ClientSaid{nobody, Query{WireId{1}, query, {}}, {}, {}}, now(), out);
  for (const Action& action : out) {
    const auto* send = std::get_if<SendToClient>(&action);
    const auto* answer = send != nullptr ? std::get_if<Answer>(&send->message) : nullptr;
    if (answer == nullptr) continue;
    return answer->result;
  }
  MUST(false, "no answer to " + query);
  return {};
}

void BrokerProcess::compare() {
  checker_.compare(ask("stats"));
  checker_.compare_workers(ask("workers"));
}

// ---- events and actions ------------------------------------------------------------------------

void BrokerProcess::step(Event&& event) {
  const std::size_t before = actions_.size();
  checker_.before(event, now());
  controller_.step(std::move(event), now(), actions_);
  controller_.check_invariants();
  checker_.after(actions_, before, now());
  MUST(controller_.next_deadline() <= now() + options_.heartbeat_interval,
       name() + " does not want to be woken within an interval");
  if (actions_.size() >= actions_a_batch) perform_all();
}

void BrokerProcess::perform_all() {
  while (!actions_.empty() || !failures_.empty()) {
    for (Action& action : actions_)
      std::visit([this](auto& a) { perform(a); }, action);
    actions_.clear();
    for (Event& failed : std::exchange(failures_, {})) {
      const std::size_t before = actions_.size();
      checker_.before(failed, now());
      controller_.step(std::move(failed), now(), actions_);
      controller_.check_invariants();
      checker_.after(actions_, before, now());
    }
  }
}

void BrokerProcess::perform(SendToClient& action) {
  say([&] { return "-> " + client_name(action.to) + "  " + describe(action.message); });
  send(action.to, encode(action.message), {});
}

void BrokerProcess::perform(RelayToClient& action) {
  say([&] {
    auto message = reader_.to_client(action.header, action.payload);
    return "-> " + client_name(action.to) + "  " +
           (message ? describe(message->message) : describe(message.error()));
  });
  send(action.to, std::move(action.header), std::move(action.payload));
}

void BrokerProcess::perform(SendToWorker& action) {
  say([&] { return "-> " + worker_name(action.to) + "  " + describe(action.message); });
  send(action.to, encode(action.message), {}, std::nullopt);
}

void BrokerProcess::perform(RelayToWorker& action) {
  say([&] {
    auto message = reader_.to_worker(action.header, action.payload);
    return "-> " + worker_name(action.to) + "  " +
           (message ? describe(message->message) : describe(message.error())) + " \"" +
           action.payload.joined() + "\"";
  });
  send(action.to, std::move(action.header), std::move(action.payload), action.id);
}

void BrokerProcess::perform(WorkerNote& note) {
  say([&] { return "worker " + note.worker + " " + std::string{note.what} + ": " + note.detail; });
}

void BrokerProcess::send(ClientConnection to, Frame&& header, Payload&& payload) {
  if (clients_gone_.contains(to)) return;
  const auto kept = outbox_.find(to);
  frontend_unread_ = frontend_unread_ || kept == outbox_.end();
  const Taken taken = kept != outbox_.end()
                          ? Taken::full
                          : stage_.network.send(doors_.frontend, to.value, std::move(header),
                                                std::move(payload), stage_.now);
  if (taken == Taken::unreachable) return lose(to, false);
  if (taken == Taken::done) return;
  Kept& queue = outbox_[to];
  if (queue.messages.empty()) queue.taken_at = now();
  queue.messages.emplace_back(std::move(header), std::move(payload));
  if (queue.messages.size() > outbox_messages_max) {
    outbox_.erase(to);
    lose(to, true);
  }
}

void BrokerProcess::send(WorkerConnection to, Frame&& header, Payload&& payload,
                         std::optional<BrokerId> attempt) {
  const bool known_gone = workers_gone_.contains(to);
  backend_unread_ = true;
  if (!known_gone && stage_.network.send(doors_.backend, to.value, std::move(header),
                                         std::move(payload), stage_.now) == Taken::done) {
    return;
  }
  workers_gone_.insert(to);
  say([&] { return worker_name(to) + " can't be reached"; });
  if (!known_gone || attempt) failures_.push_back(WorkerUnreachable{to, attempt});
}

void BrokerProcess::lose(ClientConnection client, bool cut_off) {
  if (!clients_gone_.insert(client).second) return;
  say([&] { return client_name(client) + (cut_off ? " is cut off" : " can't be reached"); });
  failures_.push_back(ClientUnreachable{client, cut_off});
}

}  // namespace muster::sim
