#include "broker/core/dispatcher.hpp"

#include "broker/core/text.hpp"
#include "protocol/check.hpp"

namespace muster::broker {
namespace {

// Of what a worker said when it refused a request: it is kept while that waits.
constexpr std::size_t refusal_bytes_max = 300;
// Of each text of a peer's in a note.
constexpr std::size_t noted_bytes_max = 500;

WireId wire(BrokerId id) {
  return WireId{id.value};
}
WireId wire(ClientRequestId id) {
  return WireId{id.value};
}

// `request`: null where it was not taken in.
void note_failure(const PendingRequest* request, ErrorCode code, std::string_view reason,
                  const std::string& sentence, Step& step) {
  if (code == ErrorCode::cancelled || code == ErrorCode::bad_request) return;
  FailureNote note{.code = code,
                   .reason = cut_to(std::string{reason}, noted_bytes_max),
                   .sentence = cut_to(sentence, noted_bytes_max),
                   .model = {},
                   .worker = {},
                   .request_id = {}};
  if (request != nullptr) {
    note.model = request->model;
    note.request_id = cut_to(request->request_id, noted_bytes_max);
    if (request->at_worker()) note.worker = request->worker->name;
  }
  step.out.push_back(std::move(note));
}

}  // namespace

Dispatcher::Dispatcher(const ControllerOptions& options, WorkerRegistry& workers,
                       InFlightTable& requests, WaitingRoom& waiting, Counters& counters,
                       BrokerId first_id, std::uint64_t seed, Time started)
    : options_(options),
      requests_(requests),
      waiting_(waiting),
      counters_(counters),
      no_worker_(options, workers, started),
      choice_(options, workers, seed),
      next_id_(first_id.value) {
  CHECK(first_id.value >= broker_id_min && first_id.value < broker_id_start_max,
        "the first broker id is outside [2^32, 2^52)");
}

void Dispatcher::reconfigured() {
  choice_.reconfigured();
}

// ---- a request comes -------------------------------------------------------------------------

void Dispatcher::accept(ClientConnection from, Request&& message, Header&& header,
                        Payload&& payload, Step& step) {
  const ClientRequestId id{message.id.value};
  RequestOptions& asked = message.options;
  if (asked.timeout == Duration::zero()) {
    return reject(
        from, message.id,
        {ErrorCode::bad_request, {}, false, "a timeout of 0 leaves no time for an answer"}, step);
  }
  if (asked.require.size() > labels_max) {
    return reject(from, message.id,
                  {ErrorCode::bad_request,
                   {},
                   false,
                   "the request requires " + std::to_string(asked.require.size()) +
                       " labels; a worker has at most " + std::to_string(labels_max)},
                  step);
  }
  if (requests_.outstanding(from) >= options_.outstanding_per_client_max) {
    return reject(from, message.id,
                  {ErrorCode::rate_limited, reason::outstanding, true,
                   "this client has " + std::to_string(options_.outstanding_per_client_max) +
                       " requests outstanding, the most that limits.outstanding_per_client_max "
                       "allows",
                   options_.heartbeat_interval},
                  step);
  }
  const std::uint64_t bytes = header.frame.size() + payload.bytes() + InFlightTable::overhead_bytes;
  if (requests_.held_bytes() + bytes > options_.held_bytes_max) {
    return reject(from, message.id,
                  {ErrorCode::overloaded, reason::held_bytes, true,
                   "the room for bodies that wait for an answer to begin is full "
                   "(limits.held_bytes_max)",
                   options_.heartbeat_interval},
                  step);
  }

  PendingRequest& request = requests_.add(from, id, KeptMessage{header, payload}, bytes);
  request.model = std::move(message.model);
  request.request_id = std::move(asked.request_id);
  request.require = std::move(asked.require);
  request.priority = asked.priority;
  request.stream = asked.stream;
  request.retry = asked.retry;
  request.conversation = std::move(asked.session);
  request.received = step.now;
  request.until = step.now + std::min(asked.timeout.value_or(options_.request_timeout),
                                      options_.request_timeout_max);
  const Duration first = asked.first_timeout.value_or(options_.first_timeout);
  if (first > Duration::zero()) request.first_until = step.now + first;
  request.idle_timeout = asked.idle_timeout.value_or(options_.idle_timeout);
  const Arrived as_it_came{std::move(header), std::move(payload)};
  place(request, &as_it_came, step);
}

void Dispatcher::reject(ClientConnection from, WireId id, const Verdict& verdict, Step& step,
                        bool duplicate) {
  counters_.count_error(verdict.code, verdict.reason);
  note_failure(nullptr, verdict.code, verdict.reason, verdict.sentence, step);
  Error error = make_error(id, verdict, nullptr);
  error.meta.duplicate = duplicate;
  step.out.push_back(SendToClient{from, std::move(error)});
}

// ---- it is given to a worker, or waits -------------------------------------------------------

void Dispatcher::place(PendingRequest& request, const Arrived* as_it_came, Step& step) {
  if (request.is_late(step.now)) return wait(request);  // the next Tick ends it
  if (WorkerInfo* worker = choice_.choose(request, step.now)) {
    if (as_it_came == nullptr) return bind(request, *worker, step);
    return bind(request, *worker, std::move(as_it_came->header), std::move(as_it_came->payload),
                step);
  }
  if (!no_worker_.servable(request)) return hold_or_answer(request, step);
  if (as_it_came != nullptr && waiting_.depth(request.model) >= options_.queue_depth_max) {
    return fail(request,
                {ErrorCode::overloaded, reason::queue_full, true,
                 std::to_string(options_.queue_depth_max) + " requests wait for model " +
                     in_quotes(request.model) + " already, the most that queue.depth_max allows",
                 options_.heartbeat_interval},
                true, step);
  }
  wait(request);
}

void Dispatcher::wait(PendingRequest& request) {
  if (!request.in_room) waiting_.add(request);
  requests_.rearm(request);
}

void Dispatcher::hold_or_answer(PendingRequest& request, Step& step) {
  const Time until = no_worker_.hold_until(step.now);
  const bool room = request.in_room || request.in_front ||
                    waiting_.depth(request.model) < options_.queue_depth_max;
  if (until > step.now && room) {
    request.held_until = until;
    return wait(request);
  }
  answer_no_worker(request, step);
}

void Dispatcher::answer_no_worker(PendingRequest& request, Step& step) {
  const NoWorkerHandler::Reason why = no_worker_.explain(request, step.now);
  std::string before = request.setbacks().lost_why;
  if (before.ends_with('.')) before.pop_back();
  if (!before.empty()) before += ", and ";
  fail(request, {ErrorCode::no_worker, why.word, why.retryable, before + why.sentence}, true, step);
}

void Dispatcher::bind(PendingRequest& request, WorkerInfo& worker, Step& step) {
  auto [header, payload] = request.kept.give();
  bind(request, worker, std::move(header), std::move(payload), step);
}

void Dispatcher::bind(PendingRequest& request, WorkerInfo& worker, Header&& header,
                      Payload&& payload, Step& step) {
  CHECK(worker.can_take(step.now), "a request was bound to a worker without a free slot");
  // An orphan of an earlier broker may stand under an id of ours that has not come yet.
  while (requests_.find(BrokerId{next_id_}) != nullptr)
    ++next_id_;
  const BrokerId attempt{next_id_++};
  requests_.bind(request, worker, attempt, step.now);
  request.held_until = time_never;
  choice_.chosen(request, worker);
  step.out.emplace_back(std::in_place_type<RelayToWorker>, worker.connection, attempt,
                        std::move(header).renumbered(wire(attempt)), std::move(payload));
}

void Dispatcher::fill(WorkerInfo& worker, Step& step) {
  while (worker.can_take(step.now)) {
    PendingRequest* next = waiting_.next_for(worker, step.now);
    if (next == nullptr) return;
    waiting_.remove(*next);
    bind(*next, worker, step);
  }
}

void Dispatcher::recheck(const std::vector<std::string>& names, Step& step) {
  for (const std::string& name : names) {
    for (PendingRequest* request : waiting_.waiting_for(name)) {
      if (request->is_late(step.now)) continue;  // the next Tick ends it
      if (no_worker_.servable(*request)) {
        request->held_until = time_never;
      } else if (request->held_until == time_never) {
        hold_or_answer(*request, step);
      }
    }
  }
}

void Dispatcher::look_again(PendingRequest& request, Step& step) {
  request.forget_avoided(step.now);
  if (step.now >= request.held_until) return answer_no_worker(request, step);
  waiting_.remove(request);
  if (WorkerInfo* worker = choice_.choose(request, step.now)) return bind(request, *worker, step);
  wait(request);
}

// ---- what its worker says --------------------------------------------------------------------

void Dispatcher::part(PendingRequest& request, const Chunk& chunk, Header&& header,
                      Payload&& payload, Step& step) {
  if (request.phase == Phase::answered) {
    ++counters_.late;
    return;
  }
  if (!request.stream) {
    return break_stream(request, "sent a part of an answer that was asked for in one piece", false,
                        step);
  }
  if (chunk.seq != request.chunks) {
    return break_stream(request,
                        "sent part " + std::to_string(chunk.seq) + " where part " +
                            std::to_string(request.chunks) + " was next",
                        false, step);
  }
  if (request.phase == Phase::sent) {
    request.phase = Phase::streaming;
    requests_.let_go_of_body(request);
  }
  ++request.chunks;
  ++counters_.chunks;
  if (request.idle_timeout > Duration::zero()) {
    request.idle_until = step.now + request.idle_timeout;
    requests_.rearm(request);
  }
  pass_on(request, std::move(header), std::move(payload), step);
}

void Dispatcher::pass_on(const PendingRequest& request, Header&& header, Payload&& payload,
                         Step& step) {
  step.out.emplace_back(std::in_place_type<RelayToClient>, request.client, request.id,
                        std::move(header).renumbered(wire(request.id)), std::move(payload));
}

void Dispatcher::finish(PendingRequest& request, const Final& final, Header&& header,
                        Payload&& payload, Step& step) {
  if (request.phase == Phase::answered) return free_slot(request, step);
  if (final.seq != request.chunks) {
    return break_stream(request,
                        "ended after " + std::to_string(final.seq) + " parts where " +
                            std::to_string(request.chunks) + " had come",
                        true, step);
  }
  ++counters_.finals;
  ++request.worker->served;
  pass_on(request, std::move(header), std::move(payload), step);
  close(request, "FINAL", {}, step);
  free_slot(request, step);
}

void Dispatcher::fail_by_worker(PendingRequest& request, const Error& error, Header&& header,
                                Payload&& payload, Step& step) {
  if (error.meta.duplicate) {  // it ends nothing, neither here nor for the client
    if (request.phase == Phase::answered) {
      ++counters_.late;
      return;
    }
    return break_stream(request, "sent an ERROR that says that it ends nothing", false, step);
  }
  if (request.phase == Phase::answered) return free_slot(request, step);
  WorkerInfo& worker = *request.worker;
  if (error.code == ErrorCode::refused) {
    if (request.phase == Phase::sent) {
      ++counters_.refused;
      Setbacks& setbacks = request.add_setback();
      ++setbacks.refusals;
      ++worker.refused;
      note_failure(&request, error.code, error.meta.reason, error.message, step);
      setbacks.refusal =
          "worker " + in_quotes(worker.name) + ": " + cut_to(error.message, refusal_bytes_max);
      return give_to_another(request, step);
    }
    return break_stream(request, "refused a request that it had begun to answer", true, step);
  }
  ++worker.failed;
  counters_.count_error(error.code, error.meta.reason);
  note_failure(&request, error.code, error.meta.reason, error.message, step);
  pass_on(request, std::move(header), std::move(payload), step);
  close(request, error_name(error.code), error.meta.reason, step);
  free_slot(request, step);
}

void Dispatcher::give_to_another(PendingRequest& request, Step& step) {
  WorkerInfo& refuser = *request.worker;
  request.avoid(refuser.session, step.now + options_.heartbeat_interval, step.now);
  wait_in_front(request, step);
  place_waiting(request, step);
  fill(refuser, step);
}

bool Dispatcher::may_retry(const PendingRequest& request) const {
  return request.phase == Phase::sent && request.retry && request.retries() < options_.retries;
}

bool Dispatcher::another_can_take(const PendingRequest& request, Time now) {
  const WorkerInfo* other = choice_.choose(request, now);
  return other != nullptr && other != request.worker;
}

void Dispatcher::set_back(PendingRequest& request, std::string_view reason, const std::string& why,
                          Step& step) {
  CHECK(may_retry(request), "a request was given away again that may not be");
  ++counters_.retried;
  Setbacks& setbacks = request.add_setback();
  setbacks.lost_at.push_back(request.worker->session);
  setbacks.lost_why = cut_to(why, refusal_bytes_max);
  note_failure(&request, ErrorCode::server_gone, reason, why + "; it is to go to another", step);
  wait_in_front(request, step);
}

void Dispatcher::wait_in_front(PendingRequest& request, Step& step) {
  requests_.unbind(request, step.now);
  request.phase = Phase::waiting;
  request.in_front = true;
  wait(request);
}

void Dispatcher::place_waiting(PendingRequest& request, Step& step) {
  waiting_.remove(request);
  place(request, nullptr, step);
}

void Dispatcher::break_stream(PendingRequest& request, std::string sentence, bool slot_free,
                              Step& step) {
  WorkerInfo& worker = *request.worker;
  ++worker.failed;
  fail(request,
       {ErrorCode::worker_lost, reason::stream_broken, true,
        "worker " + in_quotes(worker.name) + " " + std::move(sentence)},
       !slot_free, step);
  if (slot_free) fill(worker, step);
}

// ---- it ends ---------------------------------------------------------------------------------

void Dispatcher::fail(PendingRequest& request, const Verdict& verdict, bool worker_lives,
                      Step& step) {
  counters_.count_error(verdict.code, verdict.reason);
  note_failure(&request, verdict.code, verdict.reason, verdict.sentence, step);
  step.out.push_back(
      SendToClient{request.client, make_error(wire(request.id), verdict, request.worker)});
  if (request.in_room) waiting_.remove(request);
  close(request, error_name(verdict.code), verdict.reason, step);
  if (request.at_worker() && worker_lives) {
    cancel_at_worker(request, step);
  } else {
    drop_attempt(request, step);
  }
}

// The slot stays taken until the worker acknowledges; one that does not is asked.
void Dispatcher::cancel_at_worker(PendingRequest& request, Step& step) {
  step.out.push_back(SendToWorker{request.worker->connection, Cancel{wire(request.attempt)}});
  request.ask_at = step.now + options_.expiry();
  requests_.rearm(request);
}

void Dispatcher::expire_client(PendingRequest& request, Step& step) {
  fail(request,
       {ErrorCode::cancelled, reason::expired, false,
        "the client's heartbeats have stayed away for " + in_seconds(options_.expiry() * 2)},
       true, step);
}

void Dispatcher::abandon(PendingRequest& request, Step& step) {
  if (request.in_room) waiting_.remove(request);
  close(request, "ABANDONED", {}, step);
  if (request.at_worker()) {
    cancel_at_worker(request, step);
  } else {
    requests_.erase(request);
  }
}

void Dispatcher::close(PendingRequest& request, std::string_view end, std::string_view reason,
                       Step& step) {
  if (options_.note_requests) {
    const bool bound = request.bound != Time{};
    step.out.push_back(RequestNote{.client = request.client,
                                   .id = request.id,
                                   .model = request.model,
                                   .request_id = request.request_id,
                                   .worker = request.at_worker() ? request.worker->name : "",
                                   .end = std::string{end},
                                   .reason = std::string{reason},
                                   .waited = (bound ? request.bound : step.now) - request.received,
                                   .took = step.now - request.received,
                                   .chunks = request.chunks});
  }
  requests_.answered(request);
}

void Dispatcher::free_slot(PendingRequest& request, Step& step) {
  WorkerInfo& worker = *request.worker;
  drop_attempt(request, step);
  fill(worker, step);
}

void Dispatcher::drop_attempt(PendingRequest& request, Step& step) {
  if (request.at_worker()) requests_.unbind(request, step.now);
  requests_.erase(request);
}

Error Dispatcher::make_error(WireId id, const Verdict& verdict, const WorkerInfo* worker) const {
  Error error{.id = id, .code = verdict.code, .message = verdict.sentence, .meta = {}};
  error.meta.retryable = verdict.retryable;
  error.meta.retry_after = verdict.retry_after;
  error.meta.reason = verdict.reason;
  if (worker != nullptr) error.meta.worker = worker->name;
  return error;
}

}  // namespace muster::broker
