// How sessions begin, resume, are reconciled and end (docs/protocol.md, section 6).

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "broker/core/text.hpp"
#include "broker/core/worker_bounds.hpp"
#include "broker/core/worker_notes.hpp"
#include "broker/core/worker_sessions.hpp"

namespace muster::broker {
namespace {

constexpr auto removed_by_operator = "an operator has removed this worker";

}  // namespace

// ---- sessions ----------------------------------------------------------------------------------

void WorkerSessions::on_register(WorkerConnection connection, WorkerDescription&& info,
                                 const std::string& address, Step& step) {
  if (!may_register(connection, step.now)) {
    ++counters_.hasty_workers;
    return;
  }
  if (const auto why = too_much(info))
    return dismiss(connection, ErrorCode::bad_request, *why, step);
  forget_contender(connection, info.worker);
  WorkerInfo* bound = workers_.find(connection);
  if (bound != nullptr && bound->name == info.worker && info.instance < bound->instance) {
    return dismiss(connection, ErrorCode::replaced,
                   "a newer instance is registered on this very connection", step);
  }
  if (bound != nullptr && (bound->name != info.worker || bound->instance != info.instance)) {
    Ended ended = bury(*bound, "replaced", reason::deregistered,
                       "its connection registered as \"" + info.worker + "\" anew", step);
    if (!ended.successor && workers_.find(std::string_view{info.worker}) == nullptr &&
        !workers_.removed(info.worker, info.instance)) {
      ended.successor = Contender{connection, std::move(info), address, {}, {}};
      return settle(as_one(std::move(ended)), step);
    }
    settle(as_one(std::move(ended)), step);
    bound = nullptr;
  }
  if (bound != nullptr && bound->broken)
    return resume(*bound, connection, std::move(info), address, step);
  if (bound != nullptr) {
    step.out.push_back(SendToWorker{connection, Registered{terms()}});
    take_in(*bound, std::move(info), step);
    return changed(*bound, step);
  }
  WorkerInfo* named = workers_.find(std::string_view{info.worker});
  if (named == nullptr && workers_.removed(info.worker, info.instance))
    return dismiss(connection, ErrorCode::replaced, removed_by_operator, step);
  if (named == nullptr) return changed(begin(connection, std::move(info), address, step), step);
  if (info.instance == named->instance) {
    forget_contender(connection, {});
    return resume(*named, connection, std::move(info), address, step);
  }
  if (info.instance < named->instance) {
    return dismiss(connection, ErrorCode::replaced,
                   "a newer instance of worker \"" + info.worker + "\" is registered", step);
  }
  contend(*named, connection, std::move(info), address, step);
}

// Nothing is given to it yet: changed() sees to that.
WorkerInfo& WorkerSessions::begin(WorkerConnection connection, WorkerDescription&& info,
                                  const std::string& address, Step& step) {
  const GoneWorker* before = workers_.last_gone_named(info.worker, step.now);
  const std::string back = before == nullptr ? ""
                                             : "; back after " + in_seconds(step.now - before->at) +
                                                   " (" + before->reason + ")";
  WorkerInfo& worker = workers_.add(info, connection, step.now);
  worker.address = address;
  ++counters_.registered;
  checker_.watch(worker, step.now);
  worker.state = info.state;
  worker.touch();
  worker.why = cut_to(info.why, text_bytes_max);
  note(worker, "registered",
       state_text(worker) + from_text(address) + ", " + std::to_string(info.slots) +
           " slots, serves " + (worker.names.empty() ? "nothing yet" : listed(worker.names)) + back,
       false, step);
  step.out.push_back(SendToWorker{connection, Registered{terms()}});
  take_over(worker, std::move(info), worker.bindings, step);
  return worker;
}

void WorkerSessions::resume(WorkerInfo& worker, WorkerConnection connection,
                            WorkerDescription&& info, const std::string& address, Step& step) {
  ++counters_.resumed;
  worker.address = address;
  if (worker.connection != connection) workers_.rebind(worker, connection);
  worker.broken = false;
  worker.touch();
  checker_.heard(worker, step.now);
  worker.probe.reset();
  holder_lives(worker, step);
  note(worker, "resumed",
       "its connection is renewed; it has " + std::to_string(info.active.size()) +
           " requests in hand",
       false, step);
  step.out.push_back(SendToWorker{connection, Registered{terms()}});
  if (const auto on = std::exchange(worker.drain_owed, std::nullopt))
    step.out.push_back(SendToWorker{connection, Drain{*on}});
  take_over(worker, std::move(info), worker.bindings, step);
  changed(worker, step);
}

void WorkerSessions::on_status(WorkerInfo& worker, Status&& status, Step& step) {
  // One that was not asked for, or is of another, is a sign of life and no more.
  if (!worker.probe || worker.probe->nonce != status.nonce) return;
  if (status.info.worker != worker.name || status.info.instance != worker.instance) return;
  const WorkerInfo::Probing probe = *worker.probe;
  worker.probe.reset();
  refreshes_.answered(worker.session);
  holder_lives(worker, step);
  if (const auto why = too_much(status.info)) {
    note(worker, "updated", "its new description is not taken: " + *why, true, step);
    return;
  }
  take_over(worker, std::move(status.info), probe.bindings, step);
  changed(worker, step);
}

// By `active`, what the worker says it is working on (section 6, Resume; section 7, PROBE).
void WorkerSessions::reconcile(WorkerInfo& worker, const std::vector<BrokerId>& active,
                               std::uint64_t bindings, Step& step) {
  const std::set<BrokerId> working{
      active.begin(), active.begin() + static_cast<std::ptrdiff_t>(
                                           std::min<std::size_t>(active.size(), slots_max))};
  std::vector<PendingRequest*> lost;
  for (PendingRequest& request : worker.holds) {
    if (request.binding <= bindings && !working.contains(request.attempt)) lost.push_back(&request);
  }
  // First what takes a slot, then what frees one and may take it again.
  for (const BrokerId id : working) {
    if (const PendingRequest* known = requests_.find(id)) {
      // What was cancelled meanwhile: the CANCEL may have been lost with the connection.
      if (known->worker != &worker || known->phase != Phase::answered) continue;
    } else {
      ++counters_.orphans;
      requests_.adopt(worker, id, step.now + options_.expiry(), step.now);
    }
    step.out.push_back(SendToWorker{worker.connection, Cancel{WireId{id.value}}});
  }
  for (PendingRequest* request : lost) {
    timeout_handler_.lose(*request, reason::not_active, "it does not have the request any more",
                          step);
  }
}

// ---- two that want one name --------------------------------------------------------------------

void WorkerSessions::contend(WorkerInfo& holder, WorkerConnection connection,
                             WorkerDescription&& info, const std::string& address, Step& step) {
  const auto before = contenders_.find(holder.session);
  if (before != contenders_.end()) {
    Contender& other = before->second;
    const WorkerConnection rival = other.connection;
    if (rival != connection && info.instance < other.info.instance)
      return turn_away(connection, address, holder, step);
    const std::string rival_address = std::exchange(other.address, address);
    other.connection = connection;
    other.info = std::move(info);
    if (rival != connection) turn_away(rival, rival_address, holder, step);
    return;
  }
  const Time until = step.now + options_.heartbeat_interval;
  contenders_.emplace(holder.session,
                      Contender{connection, std::move(info), address, until, until});
  if (holder.broken) return settle(as_one(replace(holder, "its connection is gone", step)), step);
  probe(holder, step);
}

// A connection is never bound while it contends, and contends for one name.
void WorkerSessions::forget_contender(WorkerConnection connection, std::string_view but_for) {
  std::erase_if(contenders_, [&](const auto& entry) {
    return entry.second.connection == connection && entry.second.info.worker != but_for;
  });
}

void WorkerSessions::turn_away(WorkerConnection connection, const std::string& address,
                               const WorkerInfo& holder, Step& step) {
  const std::string why =
      "a live worker is registered as \"" + holder.name + '"' + from_text(holder.address) +
      "; if it is dead, its name is free when its heartbeats have been missed; if it is not, "
      "give this one another name";
  step.out.push_back(FailureNote{.code = ErrorCode::name_taken,
                                 .reason = {},
                                 .sentence = why,
                                 .model = {},
                                 .worker = holder.name,
                                 .request_id = {},
                                 .address = address});
  dismiss(connection, ErrorCode::name_taken, why, step);
}

void WorkerSessions::holder_lives(const WorkerInfo& holder, Step& step) {
  const auto found = contenders_.find(holder.session);
  if (found == contenders_.end()) return;
  const Contender contender = std::move(found->second);
  contenders_.erase(found);
  turn_away(contender.connection, contender.address, holder, step);
}

// The holder ends, and who wants its name has it.
WorkerSessions::Ended WorkerSessions::replace(WorkerInfo& holder, const std::string& why,
                                              Step& step) {
  return bury(holder, "replaced", reason::unreachable,
              why + ", and a newer instance has taken its name", step);
}

// By the time up to which all is read: a STATUS may have come and not be read yet, or, before the
// connection broke, an answer.
void WorkerSessions::run_contenders(bool backend_empty, std::vector<Ended>& ended, Step& step) {
  std::vector<SessionId> due;
  for (auto& [session, contender] : contenders_) {
    const bool gone = backend_empty && workers_.find(session)->broken;
    if (gone || checker_.read_up_to() >= contender.until) {
      due.push_back(session);
    } else if (step.now >= contender.look_at) {
      contender.look_at = step.now + options_.heartbeat_interval / 8;
    }
  }
  for (const SessionId session : due) {
    WorkerInfo& holder = *workers_.find(session);
    ended.push_back(replace(
        holder, holder.broken ? "its connection is gone" : "it did not answer a PROBE", step));
  }
}

// ---- what it says of itself --------------------------------------------------------------------

// What it says of itself, then what it works on; what it may be given comes after: slots are
// counted by the new grant before any is filled.
void WorkerSessions::take_over(WorkerInfo& worker, WorkerDescription&& info, std::uint64_t bindings,
                               Step& step) {
  const std::vector<BrokerId> active = std::move(info.active);
  take_in(worker, std::move(info), step);
  reconcile(worker, active, bindings, step);
}

void WorkerSessions::take_in(WorkerInfo& worker, WorkerDescription&& info, Step& step) {
  worker.slots = std::min(info.slots, slots_max);
  worker.speed = info.speed;
  worker.queue_length = info.queue_length.value_or(0);
  worker.touch();
  worker.labels = std::move(info.labels);
  worker.version = std::move(info.version);
  set_state(worker, info.state, std::move(info.why), step);
  set_models(worker, std::move(info.models), step);
}

bool WorkerSessions::set_models(WorkerInfo& worker, std::vector<ModelDescription>&& models,
                                Step& step) {
  const std::vector<std::string> names_before = worker.names;
  workers_.set_models(worker, std::move(models));
  if (worker.names == names_before) return false;
  note(worker, "updated", "it serves " + listed(worker.names), false, step);
  dispatcher_.recheck(names_before, step);
  std::vector<std::string> left;
  std::ranges::set_difference(names_before, worker.names, std::back_inserter(left));
  take_back(left, step);
  return true;
}

void WorkerSessions::set_state(WorkerInfo& worker, WorkerState state, std::string why, Step& step) {
  worker.why = cut_to(std::move(why), text_bytes_max);
  const WorkerState before = std::exchange(worker.state, state);
  if (before == state) return;
  if (before == WorkerState::draining) worker.drain_reason.clear();
  worker.touch();
  note(worker, "state", std::string{state_name(before)} + " -> " + state_text(worker),
       state == WorkerState::unhealthy, step);
}

void WorkerSessions::changed(WorkerInfo& worker, Step& step) {
  dispatcher_.fill(worker, step);
  dispatcher_.recheck(worker.names, step);
  take_back(worker.names, step);
}

void WorkerSessions::end(WorkerInfo& worker, std::string_view what, std::string_view reason,
                         const std::string& sentence, Step& step) {
  settle(as_one(bury(worker, what, reason, sentence, step)), step);
}

std::vector<WorkerSessions::Ended> WorkerSessions::as_one(Ended&& ended) {
  std::vector<Ended> all;
  all.push_back(std::move(ended));
  return all;
}

WorkerSessions::Ended WorkerSessions::bury(WorkerInfo& worker, std::string_view what,
                                           std::string_view reason, const std::string& sentence,
                                           Step& step) {
  const std::size_t held = worker.in_flight();
  const bool followed = what == "replaced" || contenders_.contains(worker.session);
  note(worker, what,
       sentence + "; " + std::to_string(held) + " requests were in flight at it" +
           (followed ? "" : alone_text(worker, workers_)),
       held > 0 || reason != reason::deregistered, step);
  Ended ended{timeout_handler_.lose_all(worker, reason, sentence, step), worker.names, {}};
  checker_.forget(worker);
  refreshes_.answered(worker.session);
  std::erase(broken_, worker.session);
  if (auto successor = contenders_.extract(worker.session); !successor.empty())
    ended.successor = std::move(successor.mapped());
  workers_.remove(worker, std::string{what} + ": " + sentence, step.now);
  return ended;
}

// Whoever comes in the place of one is there before it is judged what becomes of requests: none is
// told that nobody is left who serves it while somebody registers.
void WorkerSessions::settle(std::vector<Ended>&& all, Step& step) {
  std::vector<WorkerInfo*> begun;
  for (Ended& ended : all) {
    if (!ended.successor) continue;
    begun.push_back(&begin(ended.successor->connection, std::move(ended.successor->info),
                           ended.successor->address, step));
  }
  for (const Ended& ended : all) {
    for (const auto& [client, id] : ended.waiting) {
      PendingRequest* request = requests_.find(client, id);
      if (request != nullptr && request->in_room) dispatcher_.place_waiting(*request, step);
    }
  }
  for (WorkerInfo* worker : begun)
    changed(*worker, step);
  for (const Ended& ended : all) {
    dispatcher_.recheck(ended.names, step);
    take_back(ended.names, step);
  }
}

void WorkerSessions::take_back(const std::vector<std::string>& names, Step& step) {
  while (WorkerInfo* worker = health_.take_back_beyond_share(names, step))
    changed(*worker, step);
}

void WorkerSessions::dismiss(WorkerConnection connection, ErrorCode code,
                             const std::string& sentence, Step& step) {
  ++counters_.dismissed;
  forget_contender(connection, {});
  step.out.push_back(SendToWorker{connection, Dismiss{code, sentence}});
  // What the worker had in hand it drops now (section 6).
  if (WorkerInfo* bound = workers_.find(connection))
    end(*bound, "dismissed", reason::dismissed, sentence, step);
}

// ---- what operators ask for --------------------------------------------------------------------

void WorkerSessions::drain(WorkerInfo& worker, bool on, const std::string& why, Step& step) {
  if (worker.broken)
    worker.drain_owed = on;
  else
    step.out.push_back(SendToWorker{worker.connection, Drain{on}});
  worker.drain_reason = on ? cut_to(why, text_bytes_max) : "";
  note(worker, on ? "drain_asked" : "undrain_asked",
       why.empty() ? "an operator asks for it" : "an operator asks for it: " + why, false, step);
}

void WorkerSessions::remove(WorkerInfo& worker, Step& step) {
  // One whose connection is gone does not hear this: it is told when it comes back.
  workers_.remember_removed(worker.name, worker.instance);
  dismiss(worker.connection, ErrorCode::replaced, removed_by_operator, step);
}

}  // namespace muster::broker
