#include "broker/core/worker_sessions.hpp"

#include <algorithm>
#include <utility>

#include "broker/core/text.hpp"
#include "broker/core/worker_bounds.hpp"
#include "broker/core/worker_notes.hpp"

namespace muster::broker {
namespace {

// docs/protocol.md, section 3.
constexpr std::uint64_t chunk_type = 0x11;
constexpr std::uint64_t final_type = 0x12;
constexpr std::uint64_t error_type = 0x13;
constexpr std::uint64_t register_type = 0x21;

}  // namespace

WorkerSessions::WorkerSessions(const ControllerOptions& options, Instance broker,
                               WorkerRegistry& workers, InFlightTable& requests,
                               const WaitingRoom& waiting, Dispatcher& dispatcher,
                               WorkerTimeoutHandler& timeout_handler, Refreshes& refreshes,
                               Counters& counters, Time now)
    : options_(options),
      broker_(broker),
      workers_(workers),
      requests_(requests),
      waiting_(waiting),
      dispatcher_(dispatcher),
      timeout_handler_(timeout_handler),
      counters_(counters),
      refreshes_(refreshes),
      checker_(options, now),
      health_(options, workers, counters) {}

BrokerTerms WorkerSessions::terms() const {
  return {.broker = options_.name,
          .instance = broker_,
          .interval = options_.heartbeat_interval,
          .liveness = options_.heartbeat_liveness,
          .limits = options_.limits,
          .features = {},
          .draining = false};
}

// ---- what comes from a worker ------------------------------------------------------------------

void WorkerSessions::said(WorkerSaid&& event, Step& step) {
  WorkerInfo* worker = workers_.find(event.from);
  if (worker != nullptr && checker_.heard(*worker, step.now))
    note(*worker, "recovered", "it is heard again", false, step);
  if (auto* registration = std::get_if<Register>(&event.message)) {
    return on_register(event.from, std::move(registration->info), event.address, step);
  }
  if (worker == nullptr) {
    ++counters_.unbound;
    if (std::holds_alternative<Deregister>(event.message)) forget_contender(event.from, {});
    if (may_be_told_to_register(event.from, step.now)) {
      step.out.push_back(SendToWorker{event.from, Reregister{}});
    }
    return;
  }
  // A connection that was given up because it took nothing, and lives: the session can be mended.
  if (worker->broken && may_be_told_to_register(event.from, step.now)) {
    step.out.push_back(SendToWorker{event.from, Reregister{}});
  }
  if (auto* heartbeat = std::get_if<WorkerHeartbeat>(&event.message)) {
    return on_heartbeat(*worker, std::move(*heartbeat), step);
  }
  if (const auto* farewell = std::get_if<Deregister>(&event.message)) {
    ++counters_.deregistered;
    const std::string why = farewell->reason.empty() ? "" : ": " + farewell->reason;
    return end(*worker, "deregistered", reason::deregistered, "it has deregistered" + why, step);
  }
  if (auto* status = std::get_if<Status>(&event.message)) {
    return on_status(*worker, std::move(*status), step);
  }
  on_answer(*worker, std::move(event), step);
}

void WorkerSessions::on_answer(WorkerInfo& worker, WorkerSaid&& event, Step& step) {
  const auto held = [&](WireId id) -> PendingRequest* {
    PendingRequest* request = requests_.find(BrokerId{id.value});
    if (request != nullptr && request->worker == &worker) return request;
    ++counters_.late;
    return nullptr;
  };
  if (const auto* chunk = std::get_if<Chunk>(&event.message)) {
    if (PendingRequest* request = held(chunk->id)) {
      health_.got_done(worker, step);
      dispatcher_.part(*request, *chunk, std::move(event.header), std::move(event.payload), step);
    }
  } else if (const auto* final = std::get_if<Final>(&event.message)) {
    if (PendingRequest* request = held(final->id)) {
      health_.got_done(worker, step);
      health_.succeeded(worker, step);
      dispatcher_.finish(*request, *final, std::move(event.header), std::move(event.payload), step);
    }
  } else if (const auto* error = std::get_if<Error>(&event.message)) {
    if (PendingRequest* request = held(error->id)) {
      if (error->code == ErrorCode::server_gone && !error->meta.duplicate)
        return server_gone(worker, *request, *error, step);
      // What the model server itself has said; not what its agent acknowledges or refuses.
      const bool by_server =
          error->code == ErrorCode::worker_failed && error->meta.status && !error->meta.duplicate;
      if (by_server) health_.got_done(worker, step);
      if (by_server && *error->meta.status >= 500) health_.failed(worker, step);
      dispatcher_.fail_by_worker(*request, *error, std::move(event.header),
                                 std::move(event.payload), step);
    }
  }
}

// Its next heartbeat says how things are; until then it must not be given what waits.
void WorkerSessions::server_gone(WorkerInfo& worker, PendingRequest& request, const Error& error,
                                 Step& step) {
  if (worker.state == WorkerState::ready) {
    set_state(worker, WorkerState::unhealthy, error.message, step);
    dispatcher_.recheck(worker.names, step);
  }
  timeout_handler_.lose(request, reason::server_gone, "its model server is gone: " + error.message,
                        step);
  dispatcher_.fill(worker, step);
}

void WorkerSessions::on_heartbeat(WorkerInfo& worker, WorkerHeartbeat&& heartbeat, Step& step) {
  worker.slots = std::min(heartbeat.slots, slots_max);
  // The worker may wait for the echo: to grant another what it has taken here, or to leave.
  if (std::exchange(worker.grant, heartbeat.grant) != heartbeat.grant && !worker.broken)
    send_heartbeat(worker, step);
  worker.queue_length = heartbeat.queue_length;
  worker.touch();
  worker.kv_cache_usage = heartbeat.kv_cache_usage;
  const bool other_state = worker.state != heartbeat.state;
  set_state(worker, heartbeat.state, std::move(heartbeat.why), step);
  bool other_models = false;
  if (heartbeat.models) {
    if (const auto why = too_much(*heartbeat.models)) {
      note(worker, "updated", "its new models are not taken: " + *why, true, step);
    } else {
      other_models = set_models(worker, std::move(*heartbeat.models), step);
    }
  }
  if (health_.told(worker, heartbeat.progress, step)) probe(worker, step);
  if (other_state || other_models) return changed(worker, step);
  dispatcher_.fill(worker, step);
}

void WorkerSessions::fault(const WorkerFault& event, Step& step) {
  ++counters_.worker_faults[static_cast<std::size_t>(event.fault.reason)];
  WorkerInfo* worker = workers_.find(event.from);
  step.out.push_back(FaultNote{.from_worker = true,
                               .connection = event.from.value,
                               .worker = worker != nullptr ? worker->name : "",
                               .fault = event.fault,
                               .address = event.address});
  if (worker == nullptr) {
    ++counters_.unbound;
    if (event.fault.type == register_type) {
      if (!may_register(event.from, step.now)) return;
      return dismiss(event.from, ErrorCode::bad_request, event.fault.what, step);
    }
    if (may_be_told_to_register(event.from, step.now)) {
      step.out.push_back(SendToWorker{event.from, Reregister{}});
    }
    return;
  }
  checker_.heard(*worker, step.now);
  // A peer of a later version may say what this one does not know: that is no fault of its own.
  if (event.fault.reason == FaultReason::unknown_type) return;
  end_by_fault(*worker, event.fault, step);
  if (step.now - worker->malformed_since > options_.expiry()) {
    worker->malformed_since = step.now;
    worker->malformed = 0;
  }
  if (++worker->malformed <= malformed_max) return;
  dismiss(event.from, ErrorCode::bad_request,
          "too many malformed messages, the last one: " + event.fault.what, step);
}

// A part or an end that cannot be read leaves a request that can't go on: its client is told now.
void WorkerSessions::end_by_fault(const WorkerInfo& worker, const Fault& fault, Step& step) {
  const bool slot_free = fault.type == final_type || fault.type == error_type;
  if (!fault.id || !(slot_free || fault.type == chunk_type)) return;
  PendingRequest* request = requests_.find(BrokerId{fault.id->value});
  if (request == nullptr || request->worker != &worker) return;
  if (request->phase != Phase::answered) {
    return dispatcher_.break_stream(*request, "sent what cannot be read: " + fault.what, slot_free,
                                    step);
  }
  if (slot_free) dispatcher_.free_slot(*request, step);
}

WorkerSessions::Answered& WorkerSessions::answered(WorkerConnection connection, Time now) {
  const auto [entry, fresh] = answered_.try_emplace(connection, Answered{.since = now});
  if (fresh) {
    answered_order_.push_back(connection);
    if (answered_order_.size() > answered_max) {
      answered_.erase(answered_order_.front());
      answered_order_.pop_front();
    }
  } else if (now - entry->second.since >= options_.heartbeat_interval) {
    entry->second.since = now;
    entry->second.registers = 0;
  }
  return entry->second;
}

bool WorkerSessions::may_register(WorkerConnection connection, Time now) {
  return ++answered(connection, now).registers <= registers_max;
}

bool WorkerSessions::may_be_told_to_register(WorkerConnection connection, Time now) {
  Time& from = answered(connection, now).reregister_from;
  if (now < from) return false;
  from = now + options_.heartbeat_interval;
  return true;
}

// ---- liveness ----------------------------------------------------------------------------------

void WorkerSessions::unreachable(const WorkerUnreachable& event, Step& step) {
  WorkerInfo* worker = workers_.find(event.worker);
  const bool breaks = worker != nullptr && !worker->broken;
  if (breaks) {
    ++counters_.broken;
    worker->broken = true;
    worker->touch();
    if (std::ranges::find(broken_, worker->session) == broken_.end())
      broken_.push_back(worker->session);
    note(*worker, "broken", "its connection is gone; it takes no requests until it is back", true,
         step);
  }
  // First what was certainly not begun: it is not lost with the session, should that end now.
  if (event.undelivered) undelivered(*event.undelivered, step);
  if (!breaks) return;
  // Who waits for its name has it at the next Tick: more of its requests may be undelivered, too.
  if (const auto waiting = contenders_.find(worker->session); waiting != contenders_.end())
    waiting->second.look_at = step.now;
  changed(*worker, step);
}

void WorkerSessions::undelivered(BrokerId attempt, Step& step) {
  PendingRequest* request = requests_.find(attempt);
  if (request == nullptr) return;
  if (request->phase == Phase::sent) return dispatcher_.give_to_another(*request, step);
  // Answered meanwhile; or its worker has guessed the id and sent a part.
  timeout_handler_.lose(*request, reason::unreachable, "its connection is gone", step);
}

void WorkerSessions::tell_doubt(const WorkerStatusChecker::Due& due, Step& step) {
  if (due.doubt_begins) {
    ++counters_.all_silent;
    step.out.push_back(WorkerNote{"all workers are silent", "",
                                  "none of " + std::to_string(workers_.all().size()) +
                                      " is heard any more, which is likelier this host's network "
                                      "than theirs; unless that lasts for " +
                                      in_seconds(options_.expiry() * 2) + " none is taken for dead",
                                  true});
  }
  if (due.doubt_ends) {
    step.out.push_back(WorkerNote{"the silence of all workers is over", "",
                                  due.expired.empty()
                                      ? "each is judged by its own silence again"
                                      : "it has lasted too long: they are taken for dead",
                                  false});
  }
}

void WorkerSessions::tick(bool backend_empty, Step& step) {
  WorkerStatusChecker::Due due = checker_.tick(step.now, backend_empty, workers_);
  tell_doubt(due, step);
  for (const WorkerInfo* worker : due.heartbeat) {
    if (!worker->broken) send_heartbeat(*worker, step);
  }
  for (WorkerInfo* worker : due.suspect) {
    note(*worker, "suspect",
         "nothing heard for " + in_seconds(WorkerStatusChecker::silence(*worker, step.now)) +
             "; it is chosen last",
         true, step);
    probe(*worker, step);
  }
  std::vector<Ended> ended;
  for (WorkerInfo* worker : due.expired) {
    ++counters_.expired;
    ended.push_back(bury(*worker, "expired", reason::expired,
                         "nothing was heard of it for " +
                             in_seconds(WorkerStatusChecker::silence(*worker, step.now)),
                         step));
  }
  run_contenders(backend_empty, ended, step);
  settle(std::move(ended), step);
  if (!backend_empty) return;
  for (const SessionId session : std::exchange(broken_, {})) {
    WorkerInfo* worker = workers_.find(session);
    if (worker == nullptr || !worker->broken) continue;
    timeout_handler_.move_away(*worker, step);
  }
}

Time WorkerSessions::next_deadline() const {
  Time next = checker_.next_deadline();
  for (const auto& [session, contender] : contenders_)
    next = std::min(next, contender.look_at);
  return next;
}

void WorkerSessions::probe(WorkerInfo& worker, Step& step) {
  if (worker.broken) return;
  if (worker.probe && step.now - worker.probe->sent < options_.heartbeat_interval) return;
  worker.probe = {.nonce = ++last_nonce_, .bindings = worker.bindings, .sent = step.now};
  ++counters_.probes;
  step.out.push_back(SendToWorker{worker.connection, Probe{last_nonce_}});
}

void WorkerSessions::send_heartbeat(const WorkerInfo& worker, Step& step) {
  std::uint64_t queued = 0;
  for (const std::string& name : worker.names)
    queued += waiting_.depth(name);
  step.out.push_back(SendToWorker{
      worker.connection,
      BrokerHeartbeat{.grant = worker.grant, .in_flight = worker.in_flight(), .queued = queued}});
}

}  // namespace muster::broker
