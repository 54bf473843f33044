#include "tests/support/naive_controller.hpp"

#include <algorithm>

namespace muster::test {

using namespace broker;
using namespace naive;

NaiveController::NaiveController(const ControllerOptions& options, Instance broker,
                                 BrokerId first_id, Time started)
    : options_(options),
      broker_(broker),
      started_(started),
      now_(started),
      last_attempt_(first_id.value - 1),
      last_tick_(started),
      judge_from_(started),
      read_backend_(started),
      read_frontend_(started),
      last_sign_(started) {}

void NaiveController::expect(bool holds, const std::string& sentence) {
  if (!holds) violations_.push_back(sentence);
}

std::string NaiveController::story() const {
  std::string all;
  for (const std::string& line : story_)
    all += line + "\n";
  return all;
}

// ---- a step -----------------------------------------------------------------------------------

void NaiveController::happens(const Event& event, Time now) {
  constexpr std::size_t story_lines = 400;
  while (story_.size() > story_lines)
    story_.pop_front();
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now - started_).count();
  story_.push_back(std::to_string(since) + " us: " + text_of(event));

  now_ = now;
  ticks_ = all_read_ = stops_ = looks_at_refreshes_ = false;
  owed_.clear();
  bindings_before_ = last_binding_;
  successors_ = 0;
  succeeded_ = placed_ = false;
  speaker_ = 0;
  given_up_.clear();
  for (naive::Request& request : requests_)
    request.fresh = request.placed_again = false;
  std::visit([this](const auto& e) { on(e); }, event);
}

void NaiveController::did(const std::vector<Action>& actions, bool idle, Time next_deadline) {
  for (const Action& action : actions) {
    story_.push_back("    -> " + text_of(action));
    const auto* send = std::get_if<SendToClient>(&action);
    const auto* error = send != nullptr ? std::get_if<Error>(&send->message) : nullptr;
    if (error != nullptr) count_error(error->code, error->meta.reason);
    if (!settles(action)) claim(action);
  }
  look_at_what_is_left(idle, next_deadline);
}

// `stats` counts each ERROR to a client by its code, and by its reason where section 5 lists it.
void NaiveController::count_error(ErrorCode code, const std::string& reason) {
  ++counts_["errors." + (is_listed(code) ? error_name(code) : "OTHER")];
  if (reason::is_listed(reason)) ++counts_["reasons." + reason];
}

// ---- what is owed -----------------------------------------------------------------------------

void NaiveController::owe(std::string text, Then then) {
  owe_any({std::move(text)}, std::move(then));
}

void NaiveController::owe_any(std::vector<std::string> texts, Then then) {
  owed_.push_back({std::move(texts), std::move(then)});
}

bool NaiveController::owes(const std::string& text) const {
  return std::ranges::any_of(
      owed_, [&](const Owed& o) { return std::ranges::find(o.any_of, text) != o.any_of.end(); });
}

bool NaiveController::settles(const Action& action) {
  const std::string text = text_of(action);
  const auto settled = std::ranges::find_if(
      owed_, [&](const Owed& o) { return std::ranges::find(o.any_of, text) != o.any_of.end(); });
  if (settled == owed_.end()) return false;
  const Then then = settled->then;
  owed_.erase(settled);
  if (then) then(action);
  return true;
}

// ---- what is not owed, and must be allowed by a rule ------------------------------------------

void NaiveController::claim(const Action& action) {
  if (const auto* relay = std::get_if<RelayToWorker>(&action)) return claim_given(*relay);
  if (const auto* note = std::get_if<WorkerNote>(&action)) return claim_note(*note);
  if (const auto* note = std::get_if<FailureNote>(&action)) {
    if (note->code == ErrorCode::server_gone) claim_lost(*note);
    return;
  }
  if (const auto* send = std::get_if<SendToClient>(&action)) {
    if (const auto* error = std::get_if<Error>(&send->message)) return claim_error(*send, *error);
    if (const auto* answer = std::get_if<Answer>(&send->message)) {
      return claim_answer(*send, *answer);
    }
    if (const auto* terms = std::get_if<ClientTerms>(&send->message)) {
      return claim_greeting(*send, *terms);
    }
  }
  if (const auto* send = std::get_if<SendToWorker>(&action)) {
    if (std::holds_alternative<Probe>(send->message)) return claim_probe(*send);
  }
  expect(false, "nothing asked for this: " + text_of(action));
}

// Notes from which nothing follows are not looked at.
void NaiveController::claim_note(const WorkerNote& note) {
  const auto found = workers_.find(note.worker);
  Worker* const worker = found != workers_.end() ? &found->second : nullptr;
  expect(worker != nullptr || note.worker.empty(),
         "a note tells of a worker that is not there: " + text_of(note));
  if (worker == nullptr) return;
  if (note.what == "suspect") {
    expect(may_be_suspect(*worker), worker->said.worker + " is not overdue, and called suspect");
    worker->suspect = true;
    owe_probe(*worker);
  } else if (note.what == "expired") {
    expect(may_expire(*worker), worker->said.worker + " is taken for dead before its time");
    ++counts_["sessions.expired"];
    end_session(worker->session, "expired", reason::expired);
  } else if (note.what == "replaced") {
    expect(may_be_replaced(*worker), worker->said.worker + " loses its name to nobody");
    end_session(worker->session, "replaced", reason::unreachable);
  } else if (note.what == "taken_back") {
    claim_taken_back(*worker);
  } else {
    static const std::set<std::string_view> idle_words{"state", "updated", "drain_asked",
                                                       "undrain_asked"};
    expect(idle_words.contains(note.what), "nothing asked for this: " + text_of(note));
  }
}

// ---- what is left -----------------------------------------------------------------------------

void NaiveController::look_at_what_is_left(bool idle, Time next_deadline) {
  for (const Owed& owed : owed_)
    expect(false, "this was owed and did not come: " + owed.any_of.front());
  for (const naive::Request& request : requests_) {
    expect(request.lost.empty(), "a request was lost (" + request.lost +
                                     ") and neither answered nor placed again: client " +
                                     std::to_string(request.client.value) + ", id " +
                                     std::to_string(request.id));
  }
  if (!violations_.empty()) return;
  check_waiting();
  check_share();
  check_refreshes();
  if (ticks_) check_tick();

  const bool all_answered =
      refreshes_.empty() && std::ranges::all_of(requests_, &naive::Request::answered);
  expect(idle == all_answered, idle ? "a Controller that owes answers says that it is idle"
                                    : "a Controller that owes nothing says that it is not idle");
  expect(next_deadline <= last_tick_ + options_.heartbeat_interval,
         "the Controller does not want a Tick within an interval from the last");
  for (const naive::Request& request : requests_) {
    expect(next_deadline <= request.deadline(),
           "no Tick is wanted when a time is over: " + text_of(request, started_));
  }
  expect(next_deadline <= stop_at_, "the Controller does not want a Tick when it has to stop");
  for (const Refresh& refresh : refreshes_)
    expect(next_deadline <= refresh.until, "no Tick is wanted when a refresh has waited enough");
}

}  // namespace muster::test
