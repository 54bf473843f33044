// A request from its receipt to its one answer (docs/protocol.md, sections 4 and 5), and what else
// clients say.

#include <algorithm>

#include "tests/support/naive_controller.hpp"

namespace muster::test {

using namespace broker;
using namespace naive;

// ---- what clients say -------------------------------------------------------------------------

void NaiveController::on(const ClientSaid& event) {
  naive::Client& client = clients_[event.from];
  client.last_heard = now_;
  if (const auto* request = std::get_if<muster::Request>(&event.message)) asks(event, *request);
  if (const auto* query = std::get_if<Query>(&event.message)) asks(event, *query);
  if (const auto* cancel = std::get_if<Cancel>(&event.message)) {
    // Section 4, CANCEL: of an unknown id it is ignored.
    Request* const request = outstanding(event.from, cancel->id.value);
    if (request == nullptr) return;
    ++counts_["cancels"];
    owe_end(*request, ErrorCode::cancelled, "", false, false);
  }
  if (std::holds_alternative<ClientHeartbeat>(event.message)) {
    client.ever_beat = client.beats = true;
    ClientTerms terms{{options_.name,
                       broker_,
                       options_.heartbeat_interval,
                       options_.heartbeat_liveness,
                       options_.limits,
                       {},
                       stopping_}};
    owe(text_of(SendToClient{event.from, terms}));
  }
}

// Section 11: answered where an id can be read.
void NaiveController::on(const ClientFault& event) {
  clients_[event.from].last_heard = now_;
  ++counts_["faults.clients." + std::string{fault_name(event.fault.reason)}];
  owe(text_of(FaultNote{
      .from_worker = false, .connection = event.from.value, .worker = {}, .fault = event.fault}));
  if (!event.fault.id || event.fault.reason == FaultReason::unknown_type) return;
  const std::uint64_t id = event.fault.id->value;
  ErrorMeta meta;
  meta.duplicate = outstanding(event.from, id) != nullptr ||
                   std::ranges::any_of(refreshes_, [&](const Refresh& r) {
                     return r.client == event.from && r.id == id;
                   });
  owe(error_text(event.from, id, ErrorCode::bad_request, meta));
}

// Section 7: one that cannot be reached has its requests cancelled.
void NaiveController::on(const ClientUnreachable& event) {
  bool owed_something = false;
  for (auto at = requests_.begin(); at != requests_.end();) {
    Request& request = *at++;  // which may be erased
    if (request.answered || request.client != event.client) continue;
    owed_something = true;
    end(request, "ABANDONED", false);
  }
  if (event.cut_off)
    ++counts_["clients_cut_off"];
  else if (owed_something)
    ++counts_["clients_gone"];
  clients_.erase(event.client);
  std::erase_if(refreshes_, [&](const Refresh& r) { return r.client == event.client; });
}

void NaiveController::on(const Stop& event) {
  stopping_ = true;
  stop_at_ = std::min(stop_at_, now_ + event.within);
  if (now_ < stop_at_) return;
  stops_ = looks_at_refreshes_ = true;
  for (Request& request : requests_)
    if (!request.answered) owe_end(request, ErrorCode::shutting_down, "", true, false);
}

void NaiveController::on(const Reconfigured& event) {
  if (event.options.ejection_share_max != options_.ejection_share_max) share_is_as_it_was_ = false;
  options_ = event.options;
}

// ---- a REQUEST --------------------------------------------------------------------------------

void NaiveController::asks(const ClientSaid& event, const muster::Request& asked) {
  ++counts_["requests"];
  std::vector<std::string> grounds = grounds_against(event, asked);
  if (!grounds.empty()) return owe_any(std::move(grounds));

  Request request;
  request.client = event.from;
  request.id = asked.id.value;
  request.number = ++last_number_;
  request.said = asked;
  request.header = behind_id(event.header);
  request.payload = event.payload.joined();
  constexpr std::uint64_t overhead_bytes = 704;  // so that empty ones are bounded, too
  request.held_bytes = event.header.frame.size() + event.payload.bytes() + overhead_bytes;
  request.received = now_;
  const RequestOptions& options = asked.options;
  request.until = now_ + std::min(options.timeout.value_or(options_.request_timeout),
                                  options_.request_timeout_max);
  const Duration first = options.first_timeout.value_or(options_.first_timeout);
  if (first > Duration::zero()) request.first_until = now_ + first;
  request.idle_timeout = options.idle_timeout.value_or(options_.idle_timeout);
  requests_.push_back(std::move(request));
}

// Sections 4 and 5: why it is not taken in, any of these.
std::vector<std::string> NaiveController::grounds_against(const ClientSaid& event,
                                                          const muster::Request& asked) {
  std::vector<std::string> grounds;
  const auto ground = [&](ErrorCode code, std::string_view reason, bool retryable, bool later,
                          bool duplicate = false) {
    ErrorMeta meta;
    meta.reason = reason;
    meta.retryable = retryable;
    meta.duplicate = duplicate;
    if (later) meta.retry_after = options_.heartbeat_interval;
    grounds.push_back(error_text(event.from, asked.id.value, code, meta));
  };
  const bool refreshing = std::ranges::any_of(refreshes_, [&](const Refresh& r) {
    return r.client == event.from && r.id == asked.id.value;
  });
  if (refreshing || outstanding(event.from, asked.id.value) != nullptr) {
    ground(ErrorCode::bad_request, "", false, false, true);
    return grounds;
  }
  if (stopping_) {
    ground(ErrorCode::shutting_down, "", true, false);
    return grounds;
  }
  constexpr std::size_t require_max = 64;
  if (asked.options.timeout == Duration::zero() || asked.options.require.size() > require_max)
    ground(ErrorCode::bad_request, "", false, false);
  const auto has = static_cast<std::uint64_t>(std::ranges::count_if(
      requests_, [&](const Request& r) { return !r.answered && r.client == event.from; }));
  if (has >= options_.outstanding_per_client_max)
    ground(ErrorCode::rate_limited, reason::outstanding, true, true);
  constexpr std::uint64_t overhead_bytes = 704;
  if (held_bytes() + event.header.frame.size() + event.payload.bytes() + overhead_bytes >
      options_.held_bytes_max)
    ground(ErrorCode::overloaded, reason::held_bytes, true, true);
  return grounds;
}

// Bodies are kept until the first part of an answer.
std::uint64_t NaiveController::held_bytes() const {
  std::uint64_t sum = 0;
  for (const Request& request : requests_)
    if (!request.answered && request.parts == 0) sum += request.held_bytes;
  return sum;
}

// Section 7, lost with its worker: where `retry` allows it, no CHUNK was seen and its retries are
// not used up.
bool NaiveController::may_retry(const Request& request) const {
  return request.at_worker() && !request.answered && request.parts == 0 &&
         request.said.options.retry && request.lost_at.size() < options_.retries;
}

// Section 4, rule 3.
Time NaiveController::hold_until() const {
  return std::max(now_ + options_.no_worker_wait, started_ + options_.restart_grace);
}

void NaiveController::place_again(Request& request) {
  free(request);
  request.in_front = request.placed_again = true;
}

// Lost with its worker, and given to another: in front of the queue.
void NaiveController::put_back(Request& request) {
  ++counts_["retried"];
  request.lost_at.push_back(request.at);
  request.lost.clear();
  place_again(request);
}

// It does not go to that worker for one interval (section 5, REFUSED).
void NaiveController::avoid(Request& request, Session session) {
  std::erase_if(request.avoided,
                [&](const Request::Avoided& a) { return a.until <= now_ || a.session == session; });
  request.avoided.push_back({session, now_ + options_.heartbeat_interval});
}

// Its worker has it no more.
void NaiveController::lose(Request& request, std::string_view reason) {
  if (request.answered) return erase(request);
  if (Worker* const worker = worker_of(request.at)) ++worker->failed;
  request.lost = reason;
}

// ---- its end ----------------------------------------------------------------------------------

void NaiveController::owe_end(Request& request, ErrorCode code, std::string_view reason,
                              bool retryable, bool slot_free) {
  ErrorMeta meta;
  meta.reason = reason;
  meta.retryable = retryable;
  if (request.at_worker()) meta.worker = request.worker;
  owe(error_text(request.client, request.id, code, meta),
      [this, &request, code, slot_free](const Action&) {
        end(request, error_name(code), slot_free);
      });
}

// Ends it for its client. Where a live worker has it, that one is told, and its slot stays taken
// until it has acknowledged (section 8).
void NaiveController::end(Request& request, const std::string& how, bool slot_free) {
  answered(request, how);
  if (request.at_worker() && !slot_free) return cancel_at_worker(request);
  erase(request);
}

void NaiveController::answered(Request& request, const std::string& how) {
  ++answers_;
  request.answered = true;
  if (!options_.note_requests) return;
  owe(text_of(RequestNote{.client = request.client,
                          .id = ClientRequestId{request.id},
                          .model = {},
                          .request_id = {},
                          .worker = request.at_worker() ? request.worker : "",
                          .end = how,
                          .reason = {},
                          .chunks = request.parts}));
}

void NaiveController::cancel_at_worker(Request& request) {
  const Worker* const worker = worker_of(request.at);
  if (worker == nullptr) return expect(false, "a request is at a worker that is not there");
  owe(to_worker(worker->connection, "CANCEL " + std::to_string(request.attempt)));
  request.ask_at = now_ + options_.expiry();
}

void NaiveController::erase(Request& request) {
  if (request.at_worker()) free(request);
  std::erase_if(requests_, [&](const Request& r) { return &r == &request; });
}

// ---- ends of the broker's own choosing: is there a rule for it, as things stand?
// -----------------

void NaiveController::claim_error(const SendToClient& send, const Error& error) {
  const std::string what = error_text(send.to, error.id.value, error.code, error.meta);
  Request* const request = outstanding(send.to, error.id.value);
  expect(request != nullptr, "an answer to what is not outstanding: " + what);
  if (request == nullptr) return;
  expect(ends_rightly(*request, error), "no rule ends a request so: " + what);
  if (error.code == ErrorCode::worker_timeout) {
    if (Worker* const worker = worker_of(request->at)) ++worker->failed;
  }
  end(*request, error_name(error.code), !request->lost.empty());
}

bool NaiveController::ends_rightly(const Request& request, const Error& error) {
  const std::string& reason = error.meta.reason;
  ErrorMeta meta;
  meta.reason = reason;
  meta.retryable = true;
  if (request.at_worker()) meta.worker = request.worker;
  bool holds = false;
  switch (error.code) {
    case ErrorCode::no_worker:
      meta.retryable = reason != reason::unknown_model;
      holds = is_no_worker(request, error);
      break;
    case ErrorCode::overloaded:  // section 4, rule 2
      meta.retry_after = options_.heartbeat_interval;
      holds = reason == reason::queue_full && request.fresh && request.waits() &&
              servable(request) && waiting(request.said.model) > options_.queue_depth_max &&
              std::ranges::none_of(
                  workers_, [&](const auto& w) { return could_be_given(request, w.second); });
      break;
    case ErrorCode::worker_timeout:
      meta.retryable = reason == reason::queued;
      holds = is_timeout(request, error);
      break;
    case ErrorCode::worker_lost:
      holds = !request.lost.empty() && request.lost == reason && !may_retry(request);
      break;
    case ErrorCode::shutting_down:
      holds = ticks_ && now_ >= stop_at_;
      break;
    case ErrorCode::cancelled:  // section 7
      meta.retryable = false;
      holds = ticks_ && reason == reason::expired && client_is_silent(request.client);
      if (given_up_.insert(request.client).second) ++counts_["clients_silent"];
      break;
    default:
      return false;
  }
  return holds && error_text(request.client, request.id, error.code, meta) ==
                      error_text(request.client, request.id, error.code, error.meta);
}

// Section 4, rule 3, with the reason by section 5.
bool NaiveController::is_no_worker(const Request& request, const Error& error) {
  if (!request.waits() || request.is_late(now_) || servable(request)) return false;
  expect(successors_ == 0, "NO_WORKER is told while a session is about to begin");
  placed_ = true;
  const bool queue_full =
      request.fresh && !request.in_front && waiting(request.said.model) > options_.queue_depth_max;
  const Time until = request.held.value_or(hold_until());
  if (now_ < until && !queue_full) return false;

  bool any = false;
  bool fit_is_missing = false;
  bool draining = false;
  for (const auto& [name, worker] : workers_) {
    if (!serves(worker, request.said.model)) continue;
    any = true;
    fit_is_missing |= worker.said.state == WorkerState::ready || worker.broken;
    draining |= worker.said.state == WorkerState::draining;
  }
  if (!any && !ever_named_.contains(request.said.model))
    return error.meta.reason == reason::unknown_model;
  if (fit_is_missing) return error.meta.reason == reason::none_fit;
  return error.meta.reason == (draining ? reason::all_draining : reason::none_live);
}

// Section 5, WORKER_TIMEOUT.
bool NaiveController::is_timeout(const Request& request, const Error& error) const {
  if (!ticks_ || !request.lost.empty()) return false;
  const std::string& reason = error.meta.reason;
  if (request.waits()) return reason == reason::queued && request.is_late(now_);
  if (now_ >= request.until) return reason == reason::running;
  if (request.parts == 0) return reason == reason::first && now_ >= request.first_until;
  return reason == reason::idle && now_ >= request.idle_until;
}

}  // namespace muster::test
