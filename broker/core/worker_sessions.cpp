#include "broker/core/worker_sessions.hpp"

#include <algorithm>
#include <set>

#include "broker/core/text.hpp"

namespace muster::broker {
namespace {

// docs/protocol.md, section 3.
constexpr std::uint64_t chunk_type = 0x11;
constexpr std::uint64_t final_type = 0x12;
constexpr std::uint64_t error_type = 0x13;
constexpr std::uint64_t register_type = 0x21;

// What a description may hold beside the limits of the wire: it is kept for as long as the worker
// lives and told in every answer to `workers`.
constexpr std::size_t models_max = 256;
constexpr std::size_t aliases_max = 1024;    // of all models together
constexpr std::size_t text_bytes_max = 256;  // a label's value; the version; `why`

std::optional<std::string> too_much(const std::vector<ModelDescription>& models) {
  std::size_t aliases = 0;
  for (const ModelDescription& model : models)
    aliases += model.aliases.size();
  if (models.size() <= models_max && aliases <= aliases_max) return std::nullopt;
  return "a worker may serve at most " + std::to_string(models_max) + " models with " +
         std::to_string(aliases_max) + " aliases; this one names " + std::to_string(models.size()) +
         " with " + std::to_string(aliases);
}

std::optional<std::string> too_much(const WorkerDescription& info) {
  if (info.labels.size() > labels_max) {
    return "a worker may have at most " + std::to_string(labels_max) + " labels; this one has " +
           std::to_string(info.labels.size());
  }
  const std::string bytes = " is over " + std::to_string(text_bytes_max) + " bytes";
  for (const auto& [name, value] : info.labels) {
    if (value.size() > text_bytes_max) return "the label " + in_quotes(name) + bytes;
  }
  if (info.version.size() > text_bytes_max) return "the version" + bytes;
  return too_much(info.models);
}

void note(const WorkerInfo& worker, std::string_view what, std::string detail, bool alarming,
          Step& step) {
  step.out.push_back(WorkerNote{what, worker.name, std::move(detail), alarming});
}

std::string state_text(const WorkerInfo& worker) {
  const std::string state{state_name(worker.state)};
  return worker.why.empty() ? state : state + " (" + worker.why + ")";
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown_max = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), shown_max); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > shown_max)
    text += " and " + std::to_string(names.size() - shown_max) + " more";
  return text;
}

}  // namespace

WorkerSessions::WorkerSessions(const ControllerOptions& options, Instance broker,
                               WorkerRegistry& workers, InFlightTable& requests,
                               const WaitingRoom& waiting, Dispatcher& dispatcher,
                               WorkerTimeoutHandler& timeout_handler, Counters& counters, Time now)
    : options_(options),
      broker_(broker),
      workers_(workers),
      requests_(requests),
      waiting_(waiting),
      dispatcher_(dispatcher),
      timeout_handler_(timeout_handler),
      counters_(counters),
      checker_(options, now) {}

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
  if (worker != nullptr && checker_.heard(*worker, step.now)) {
    note(*worker, "recovered", "it is heard again", false, step);
    changed(*worker, step);
  }
  if (auto* registration = std::get_if<Register>(&event.message)) {
    return on_register(event.from, std::move(registration->info), step);
  }
  if (worker == nullptr) {
    ++counters_.unbound;
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
  // A STATUS that was not asked for is a sign of life and no more.
  if (std::holds_alternative<Status>(event.message)) return;
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
      dispatcher_.part(*request, *chunk, std::move(event.header), std::move(event.payload), step);
    }
  } else if (const auto* final = std::get_if<Final>(&event.message)) {
    if (PendingRequest* request = held(final->id)) {
      dispatcher_.finish(*request, *final, std::move(event.header), std::move(event.payload), step);
    }
  } else if (const auto* error = std::get_if<Error>(&event.message)) {
    if (PendingRequest* request = held(error->id)) {
      // Its next heartbeat says how things are; until then it must not be given what waits.
      const bool server_gone = error->code == ErrorCode::server_gone;
      if (server_gone && worker.state == WorkerState::ready) {
        set_state(worker, WorkerState::unhealthy, error->message, step);
        dispatcher_.recheck(worker.names, step);
      }
      dispatcher_.fail_by_worker(*request, *error, std::move(event.header),
                                 std::move(event.payload), step);
    }
  }
}

void WorkerSessions::on_heartbeat(WorkerInfo& worker, WorkerHeartbeat&& heartbeat, Step& step) {
  worker.slots = std::min(heartbeat.slots, slots_max);
  worker.grant = heartbeat.grant;
  worker.queue_length = heartbeat.queue_length;
  worker.progress = heartbeat.progress;
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
  if (other_state || other_models) return changed(worker, step);
  dispatcher_.fill(worker, step);
}

void WorkerSessions::fault(const WorkerFault& event, Step& step) {
  ++counters_.worker_faults[static_cast<std::size_t>(event.fault.reason)];
  WorkerInfo* worker = workers_.find(event.from);
  step.out.push_back(FaultNote{.from_worker = true,
                               .connection = event.from.value,
                               .worker = worker != nullptr ? worker->name : "",
                               .fault = event.fault});
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
  if (checker_.heard(*worker, step.now)) changed(*worker, step);
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

// ---- sessions ----------------------------------------------------------------------------------

void WorkerSessions::on_register(WorkerConnection connection, WorkerDescription&& info,
                                 Step& step) {
  if (!may_register(connection, step.now)) {
    ++counters_.hasty_workers;
    return;
  }
  if (const auto why = too_much(info))
    return dismiss(connection, ErrorCode::bad_request, *why, step);
  WorkerInfo* bound = workers_.find(connection);
  if (bound != nullptr && bound->name == info.worker && info.instance < bound->instance) {
    return dismiss(connection, ErrorCode::replaced,
                   "a newer instance is registered on this very connection", step);
  }
  if (bound != nullptr && (bound->name != info.worker || bound->instance != info.instance)) {
    end(*bound, "replaced", reason::deregistered,
        "its connection registered as \"" + info.worker + "\" anew", step);
    bound = nullptr;
  }
  if (bound != nullptr && bound->broken) return resume(*bound, connection, std::move(info), step);
  if (bound != nullptr) {
    step.out.push_back(SendToWorker{connection, Registered{terms()}});
    return apply(*bound, std::move(info), step);
  }
  WorkerInfo* named = workers_.find(std::string_view{info.worker});
  if (named == nullptr) return begin(connection, std::move(info), step);
  if (info.instance == named->instance) {
    return resume(*named, connection, std::move(info), step);
  }
  if (info.instance < named->instance) {
    return dismiss(connection, ErrorCode::replaced,
                   "a newer instance of worker \"" + info.worker + "\" is registered", step);
  }
  if (!named->broken) {
    const std::string why =
        "a live worker is registered as \"" + info.worker +
        "\"; if it is dead, its name is free when its heartbeats have been missed; if it is not, "
        "give this one another name";
    step.out.push_back(FailureNote{.code = ErrorCode::name_taken,
                                   .reason = {},
                                   .sentence = why,
                                   .model = {},
                                   .worker = info.worker,
                                   .request_id = {}});
    return dismiss(connection, ErrorCode::name_taken, why, step);
  }
  end(*named, "replaced", reason::unreachable, "a newer instance has taken its name", step);
  begin(connection, std::move(info), step);
}

void WorkerSessions::begin(WorkerConnection connection, WorkerDescription&& info, Step& step) {
  WorkerInfo& worker = workers_.add(info, connection, step.now);
  ++counters_.registered;
  checker_.watch(worker, step.now);
  worker.state = info.state;
  worker.why = cut_to(info.why, text_bytes_max);
  note(worker, "registered",
       state_text(worker) + ", " + std::to_string(info.slots) + " slots, serves " +
           (worker.names.empty() ? "nothing yet" : listed(worker.names)),
       false, step);
  step.out.push_back(SendToWorker{connection, Registered{terms()}});
  // First what it works on already, then what it may be given: slots are counted, then filled.
  reconcile(worker, info.active, step);
  apply(worker, std::move(info), step);
}

void WorkerSessions::resume(WorkerInfo& worker, WorkerConnection connection,
                            WorkerDescription&& info, Step& step) {
  ++counters_.resumed;
  if (worker.connection != connection) workers_.rebind(worker, connection);
  worker.broken = false;
  checker_.heard(worker, step.now);
  note(worker, "resumed",
       "its connection is renewed; it has " + std::to_string(info.active.size()) +
           " requests in hand",
       false, step);
  step.out.push_back(SendToWorker{connection, Registered{terms()}});
  reconcile(worker, info.active, step);
  apply(worker, std::move(info), step);
}

// By `active`, what the worker says it is working on (section 6, Resume).
void WorkerSessions::reconcile(WorkerInfo& worker, const std::vector<BrokerId>& active,
                               Step& step) {
  const std::set<BrokerId> working{
      active.begin(), active.begin() + static_cast<std::ptrdiff_t>(
                                           std::min<std::size_t>(active.size(), slots_max))};
  std::vector<PendingRequest*> lost;
  for (PendingRequest& request : worker.holds) {
    if (!working.contains(request.attempt)) lost.push_back(&request);
  }
  for (PendingRequest* request : lost) {
    timeout_handler_.lose(*request, reason::not_active,
                          "after its connection was renewed it did not have the request any more",
                          step);
  }
  for (const BrokerId id : working) {
    if (const PendingRequest* known = requests_.find(id)) {
      // What was cancelled meanwhile: the CANCEL may have been lost with the connection.
      if (known->worker != &worker || known->phase != Phase::answered) continue;
    } else {
      ++counters_.orphans;
      requests_.adopt(worker, id, step.now);
    }
    step.out.push_back(SendToWorker{worker.connection, Cancel{WireId{id.value}}});
  }
}

void WorkerSessions::apply(WorkerInfo& worker, WorkerDescription&& info, Step& step) {
  worker.slots = std::min(info.slots, slots_max);
  worker.speed = info.speed;
  worker.queue_length = info.queue_length.value_or(0);
  worker.labels = std::move(info.labels);
  worker.version = std::move(info.version);
  set_state(worker, info.state, std::move(info.why), step);
  set_models(worker, std::move(info.models), step);
  changed(worker, step);
}

bool WorkerSessions::set_models(WorkerInfo& worker, std::vector<ModelDescription>&& models,
                                Step& step) {
  const std::vector<std::string> names_before = worker.names;
  workers_.set_models(worker, std::move(models));
  if (worker.names == names_before) return false;
  note(worker, "updated", "it serves " + listed(worker.names), false, step);
  dispatcher_.recheck(names_before, step);
  return true;
}

void WorkerSessions::set_state(WorkerInfo& worker, WorkerState state, std::string why, Step& step) {
  worker.why = cut_to(std::move(why), text_bytes_max);
  const WorkerState before = std::exchange(worker.state, state);
  if (before == state) return;
  note(worker, "state", std::string{state_name(before)} + " -> " + state_text(worker),
       state == WorkerState::unhealthy, step);
}

void WorkerSessions::changed(WorkerInfo& worker, Step& step) {
  dispatcher_.fill(worker, step);
  dispatcher_.recheck(worker.names, step);
}

void WorkerSessions::end(WorkerInfo& worker, std::string_view what, std::string_view reason,
                         const std::string& sentence, Step& step) {
  const std::size_t held = worker.in_flight();
  note(worker, what, sentence + "; " + std::to_string(held) + " requests were in flight at it",
       held > 0 || reason != reason::deregistered, step);
  timeout_handler_.lose_all(worker, reason, sentence, step);
  checker_.forget(worker);
  std::erase(broken_, worker.session);
  const std::vector<std::string> names = worker.names;
  workers_.remove(worker, std::string{what} + ": " + sentence, step.now);
  dispatcher_.recheck(names, step);
}

void WorkerSessions::dismiss(WorkerConnection connection, ErrorCode code,
                             const std::string& sentence, Step& step) {
  ++counters_.dismissed;
  step.out.push_back(SendToWorker{connection, Dismiss{code, sentence}});
  // What the worker had in hand it drops now (section 6).
  if (WorkerInfo* bound = workers_.find(connection))
    end(*bound, "dismissed", reason::dismissed, sentence, step);
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
  if (worker != nullptr && !worker->broken) {
    ++counters_.broken;
    worker->broken = true;
    broken_.push_back(worker->session);
    note(*worker, "broken", "its connection is gone; it takes no requests until it is back", true,
         step);
    changed(*worker, step);
  }
  if (!event.undelivered) return;
  PendingRequest* request = requests_.find(*event.undelivered);
  if (request == nullptr) return;
  if (request->phase == Phase::sent) return dispatcher_.give_to_another(*request, step);
  dispatcher_.drop_attempt(*request, step);
}

void WorkerSessions::tick(bool backend_empty, Step& step) {
  WorkerStatusChecker::Due due = checker_.tick(step.now, backend_empty, workers_);
  for (const WorkerInfo* worker : due.heartbeat) {
    if (!worker->broken) send_heartbeat(*worker, step);
  }
  for (const WorkerInfo* worker : due.suspect) {
    note(*worker, "suspect",
         "nothing heard for " + in_seconds(WorkerStatusChecker::silence(*worker, step.now)) +
             "; it is chosen last",
         true, step);
  }
  for (WorkerInfo* worker : due.expired) {
    ++counters_.expired;
    end(*worker, "expired", reason::expired,
        "nothing was heard of it for " +
            in_seconds(WorkerStatusChecker::silence(*worker, step.now)),
        step);
  }
  if (!backend_empty) return;
  for (const SessionId session : std::exchange(broken_, {})) {
    WorkerInfo* worker = workers_.find(session);
    if (worker == nullptr || !worker->broken) continue;
    timeout_handler_.lose_all(*worker, reason::unreachable, "its connection is gone", step);
  }
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
