// Sessions of workers (docs/protocol.md, section 6).

#include <algorithm>

#include "tests/support/naive_controller.hpp"

namespace muster::test {

using namespace broker;
using namespace naive;

void NaiveController::on(const WorkerSaid& event) {
  looks_at_refreshes_ = true;
  Worker* const worker = worker_on(event.from);
  speaker_ = worker != nullptr ? worker->session : 0;
  if (worker != nullptr && heard(*worker)) owe(note_text("recovered", worker->said.worker));
  if (const auto* registration = std::get_if<Register>(&event.message))
    return registers(event.from, registration->info);
  if (worker == nullptr) {
    ++counts_["dropped.unbound"];
    if (std::holds_alternative<Deregister>(event.message)) forget_contender(event.from, "");
    return owe_reregister(event.from);
  }
  // Broken, and its connection lives after all.
  if (worker->broken) owe_reregister(event.from);
  std::visit(
      [&]<class Message>(const Message& message) {
        if constexpr (!std::is_same_v<Message, Register>) says(*worker, event, message);
      },
      event.message);
}

// ---- REGISTER ---------------------------------------------------------------------------------

void NaiveController::registers(WorkerConnection connection, const WorkerDescription& info) {
  constexpr std::uint64_t registers_max = 8;  // of a connection within an interval
  if (++told(connection).registers > registers_max) {
    ++counts_["dropped.hasty"];
    return;
  }
  if (too_much(info)) return dismiss(connection, ErrorCode::bad_request);
  forget_contender(connection, info.worker);
  Worker* const bound = worker_on(connection);
  if (bound == nullptr) return registers_anew(connection, info);
  const bool same_name = bound->said.worker == info.worker;
  if (same_name && info.instance < bound->said.instance)
    return dismiss(connection, ErrorCode::replaced);
  if (!same_name || info.instance != bound->said.instance) {
    // A connection has one session: the former ends.
    return must_end(*bound, "replaced", reason::deregistered,
                    [this, connection, info](const Action&) { registers_anew(connection, info); });
  }
  if (bound->broken) return resume(*bound, connection, info);
  const Session session = bound->session;
  owe(registered_text(connection), [this, session, info](const Action&) {
    if (Worker* const worker = worker_of(session)) describe(*worker, info);
  });
}

// On a connection without a session.
void NaiveController::registers_anew(WorkerConnection connection, const WorkerDescription& info) {
  const auto named = workers_.find(info.worker);
  if (named == workers_.end()) {
    const auto removed = removed_.find(info.worker);
    if (removed != removed_.end() && info.instance <= removed->second)
      return dismiss(connection, ErrorCode::replaced);
    return begin(connection, info);
  }
  Worker& holder = named->second;
  if (info.instance < holder.said.instance) return dismiss(connection, ErrorCode::replaced);
  if (info.instance > holder.said.instance) return wants_name(holder, connection, info);
  forget_contender(connection, "");
  resume(holder, connection, info);
}

// Replace: the holder has an interval to answer a PROBE.
void NaiveController::wants_name(Worker& holder, WorkerConnection connection,
                                 const WorkerDescription& info) {
  for (Contender& other : contenders_) {
    if (other.holder != holder.session) continue;
    const WorkerConnection rival = other.connection;
    if (rival != connection && info.instance < other.info.instance)
      return dismiss(connection, ErrorCode::name_taken);
    other.connection = connection;
    other.info = info;
    if (rival != connection) dismiss(rival, ErrorCode::name_taken);
    return;
  }
  contenders_.push_back({holder.session, connection, info, now_ + options_.heartbeat_interval});
  if (holder.broken) return must_end(holder, "replaced", reason::unreachable);
  owe_probe(holder);
}

void NaiveController::holder_lives(const Worker& worker) {
  const auto found = std::ranges::find(contenders_, worker.session, &Contender::holder);
  if (found == contenders_.end()) return;
  const WorkerConnection connection = found->connection;
  contenders_.erase(found);
  dismiss(connection, ErrorCode::name_taken);
}

void NaiveController::forget_contender(WorkerConnection connection, const std::string& but_for) {
  std::erase_if(contenders_, [&](const Contender& c) {
    return c.connection == connection && c.info.worker != but_for;
  });
}

void NaiveController::begin(WorkerConnection connection, const WorkerDescription& info,
                            Then after) {
  owe(note_text("registered", info.worker),
      [this, connection, info, after = std::move(after)](const Action& action) {
        add_worker(connection, info);
        if (after) after(action);
      });
}

void NaiveController::add_worker(WorkerConnection connection, const WorkerDescription& info) {
  expect(!workers_.contains(info.worker) && worker_on(connection) == nullptr,
         "a session begins where there is one: " + info.worker);
  ++counts_["sessions.registered"];
  Worker& worker = workers_[info.worker];
  worker.session = ++last_session_;
  worker.connection = connection;
  worker.last_heard = worker.idle_since = worker.malformed_since = last_sign_ = now_;
  worker.heartbeat_at = now_ + options_.heartbeat_interval;
  std::erase_if(gone_, [&](const Gone& gone) { return gone.name == info.worker; });
  owe(registered_text(connection));
  describe(worker, info);
  reconcile(worker, info.active, last_binding_);
}

void NaiveController::resume(Worker& holder, WorkerConnection connection,
                             const WorkerDescription& info) {
  const Session session = holder.session;
  holder_lives(holder);
  owe(note_text("resumed", holder.said.worker), [this, session, connection, info](const Action&) {
    Worker& worker = *worker_of(session);
    ++counts_["sessions.resumed"];
    worker.connection = connection;
    worker.broken = worker.to_move = false;
    heard(worker);
    worker.probe.reset();
    owe(registered_text(connection));
    if (worker.drain_owed)
      owe(to_worker(connection, *worker.drain_owed ? "DRAIN on" : "DRAIN off"));
    worker.drain_owed.reset();
    describe(worker, info);
    reconcile(worker, info.active, last_binding_);
  });
}

// What a worker says of itself is so from then on.
void NaiveController::describe(Worker& worker, const WorkerDescription& info) {
  worker.said = info;
  worker.said.active.clear();
  worker.said.slots = std::min(info.slots, slots_max);
  serves_now(worker, info.models);
  // What it can serve is held no more, if only for the moment until another event of this step.
  for (Request& request : requests_)
    if (request.waits() && servable(request)) request.held.reset();
}

// A model that is named twice is served as it was said first.
void NaiveController::serves_now(Worker& worker, const std::vector<ModelDescription>& models) {
  worker.said.models.clear();
  for (const ModelDescription& model : models) {
    if (std::ranges::find(worker.said.models, model.name, &ModelDescription::name) ==
        worker.said.models.end())
      worker.said.models.push_back(model);
  }
  for (const std::string& name : names_of(worker))
    ever_named_.insert(name);
}

// By `active`, what the worker has in hand, of all that was sent to it up to that binding.
void NaiveController::reconcile(Worker& worker, const std::vector<BrokerId>& active,
                                std::uint64_t bindings) {
  std::set<std::uint64_t> has;
  for (std::size_t i = 0; i < std::min<std::size_t>(active.size(), slots_max); ++i)
    has.insert(active[i].value);
  std::vector<std::uint64_t> orphans;
  for (const std::uint64_t id : has) {
    const Request* const request = attempt(id);
    if (request == nullptr) orphans.push_back(id);
    // What was cancelled meanwhile is sent CANCEL again.
    if (request == nullptr || (request->at == worker.session && request->answered))
      owe(to_worker(worker.connection, "CANCEL " + std::to_string(id)));
  }
  // They take slots before what was lost frees some.
  for (const std::uint64_t id : orphans) {
    ++counts_["dropped.orphans"];
    if (in_flight(worker) == 0) worker.progressed = now_ - worker.fruitless;
    Request& orphan = requests_.emplace_back();
    orphan.number = ++last_number_;
    orphan.fresh = false;
    orphan.answered = orphan.orphan = true;
    orphan.at = worker.session;
    orphan.worker = worker.said.worker;
    orphan.attempt = id;
    orphan.binding = ++last_binding_;
    orphan.bound = now_;
    orphan.ask_at = now_ + options_.expiry();
  }
  for (auto at = requests_.begin(); at != requests_.end();) {
    Request& request = *at++;  // which may be erased
    if (request.at == worker.session && request.binding <= bindings &&
        !has.contains(request.attempt))
      lose(request, reason::not_active);
  }
}

// ---- what a registered worker says of itself --------------------------------------------------

void NaiveController::says(Worker& worker, const WorkerSaid&, const WorkerHeartbeat& heartbeat) {
  worker.said.slots = std::min(heartbeat.slots, slots_max);
  if (worker.grant != heartbeat.grant) {  // section 8: answered at once
    worker.grant = heartbeat.grant;
    if (!worker.broken) owe(heartbeat_text(worker));
  }
  worker.said.queue_length = heartbeat.queue_length;
  worker.kv_cache_usage = heartbeat.kv_cache_usage;
  worker.said.state = heartbeat.state;
  worker.said.why = heartbeat.why;
  if (heartbeat.models && !too_much(*heartbeat.models)) serves_now(worker, *heartbeat.models);
  tells_progress(worker, heartbeat.progress);
}

// The last table: stalled, where it has requests in hand and its `progress` stands still; no more
// where it has had none for as long.
void NaiveController::tells_progress(Worker& worker, std::optional<std::uint64_t> progress) {
  const bool stands_still = progress && progress == worker.progress;
  const bool idle = in_flight(worker) == 0;
  worker.progress = progress;
  if (!stands_still) gets_done(worker);
  if (worker.stalled && idle && now_ - worker.idle_since >= options_.stall) {
    worker.stalled = false;
    owe(note_text("goes_on", worker.said.worker));
  }
  if (worker.stalled || idle || options_.stall == Duration::zero() ||
      now_ - worker.progressed < options_.stall)
    return;
  worker.stalled = true;
  ++counts_["sessions.stalled"];
  owe(note_text("stalled", worker.said.worker));
  owe_probe(worker);
}

void NaiveController::says(Worker& worker, const WorkerSaid&, const Deregister&) {
  ++counts_["sessions.deregistered"];
  must_end(worker, "deregistered", reason::deregistered);
}

// Section 7: a barrier. One that was not asked for is a sign of life and no more.
void NaiveController::says(Worker& worker, const WorkerSaid&, const Status& status) {
  if (!worker.probe || worker.probe->nonce != status.nonce) return;
  if (status.info.worker != worker.said.worker || status.info.instance != worker.said.instance)
    return;
  const std::uint64_t bindings = worker.probe->bindings;
  worker.probe.reset();
  for (Refresh& refresh : refreshes_)
    refresh.unanswered.erase(worker.session);
  holder_lives(worker);
  if (too_much(status.info)) return;
  describe(worker, status.info);
  reconcile(worker, status.info.active, bindings);
}

// Section 6, bounds.
bool NaiveController::too_much(const std::vector<ModelDescription>& models) {
  std::size_t aliases = 0;
  for (const ModelDescription& model : models)
    aliases += model.aliases.size();
  return models.size() > 256 || aliases > 1024;
}
bool NaiveController::too_much(const WorkerDescription& info) {
  constexpr std::size_t bytes_max = 256;
  return info.labels.size() > 64 || info.version.size() > bytes_max || too_much(info.models) ||
         std::ranges::any_of(info.labels,
                             [](const auto& label) { return label.second.size() > bytes_max; });
}

// ---- a session ends ---------------------------------------------------------------------------

void NaiveController::must_end(const Worker& worker, const std::string& what,
                               std::string_view reason, Then after) {
  owe(note_text(what, worker.said.worker),
      [this, session = worker.session, what, reason, after = std::move(after)](const Action&) {
        end_session(session, what, reason, after);
      });
}

// What it holds is lost with it; who waits for its name has it. Where several end at one Tick,
// first all do, then all successors begin, and only then anybody is given a request, or NO_WORKER.
void NaiveController::end_session(Session session, const std::string& what, std::string_view reason,
                                  Then after) {
  const Worker* const worker = worker_of(session);
  if (worker == nullptr) return expect(false, "a session ends twice: " + what);
  expect(
      !ticks_ || (!succeeded_ && !placed_),
      worker->said.worker + " ends after another's successor has begun, or a request was placed");
  for (auto at = requests_.begin(); at != requests_.end();) {
    Request& request = *at++;  // which may be erased
    if (request.at != session) continue;
    expect(request.answered || request.binding <= bindings_before_,
           "a request was given to " + worker->said.worker + ", which then is taken for dead");
    lose(request, reason);
  }
  gone_.push_front({worker->said.worker, now_, what, worker->served, worker->failed});
  for (Refresh& refresh : refreshes_)
    refresh.unanswered.erase(session);
  workers_.erase(std::string{worker->said.worker});
  const auto waits = std::ranges::find(contenders_, session, &Contender::holder);
  if (waits == contenders_.end()) {
    if (after) after(Action{});
    return;
  }
  const Contender next = *waits;
  contenders_.erase(waits);
  ++successors_;
  begin(next.connection, next.info, [this, after = std::move(after)](const Action& action) {
    --successors_;
    succeeded_ = true;
    if (after) after(action);
  });
}

// DISMISS ends the session of that connection, or refuses one.
void NaiveController::dismiss(WorkerConnection connection, ErrorCode code) {
  forget_contender(connection, "");
  owe(to_worker(connection, "DISMISS " + error_name(code)), [this, connection](const Action&) {
    ++counts_["sessions.dismissed"];
    if (const Worker* const bound = worker_on(connection))
      must_end(*bound, "dismissed", reason::dismissed);
  });
}

void NaiveController::on(const WorkerUnreachable& event) {
  Worker* const worker = worker_on(event.worker);
  if (worker != nullptr && !worker->broken) {
    worker->broken = worker->to_move = true;
    ++counts_["sessions.broken"];
    owe(note_text("broken", worker->said.worker));
  }
  // A REQUEST that was itself what could not be delivered is treated as REFUSED.
  Request* const request = event.undelivered ? attempt(event.undelivered->value) : nullptr;
  if (request == nullptr) return;
  if (request->answered || request->parts > 0) return lose(*request, reason::unreachable);
  avoid(*request, request->at);
  place_again(*request);
}

// ---- what a connection was told of late -------------------------------------------------------

Told& NaiveController::told(WorkerConnection connection) {
  const auto [entry, fresh] = told_.try_emplace(connection, Told{.since = now_});
  Told& known = entry->second;
  if (!fresh && now_ - known.since >= options_.heartbeat_interval) {
    known.since = now_;
    known.registers = 0;
  }
  return known;
}

// At most once an interval and connection.
void NaiveController::owe_reregister(WorkerConnection connection) {
  Told& known = told(connection);
  if (now_ < known.reregister_from) return;
  known.reregister_from = now_ + options_.heartbeat_interval;
  owe(to_worker(connection, "REREGISTER"));
}

std::string NaiveController::registered_text(WorkerConnection to) const {
  return text_of(SendToWorker{to, Registered{{options_.name,
                                              broker_,
                                              options_.heartbeat_interval,
                                              options_.heartbeat_liveness,
                                              options_.limits,
                                              {},
                                              false}}});
}

}  // namespace muster::test
