#include "broker/core/worker_timeout_handler.hpp"

#include <vector>

#include "broker/core/text.hpp"

namespace muster::broker {
namespace {

// A request that was refused did find free slots: then the workers' own words say what is wrong.
std::string why_waiting(const PendingRequest& request) {
  const Setbacks& setbacks = request.setbacks();
  if (!setbacks.lost_why.empty())
    return ": " + setbacks.lost_why + ", and no other had a free slot";
  if (request.held_until != time_never) return ": none that could take it was ready";
  if (setbacks.refusals == 0) return ": each that serves it was full, put aside or cut off";
  return ": it was refused " + std::to_string(setbacks.refusals) +
         (setbacks.refusals == 1 ? " time, by " : " times, last by ") + setbacks.refusal;
}

}  // namespace

std::vector<WorkerTimeoutHandler::Waiting> WorkerTimeoutHandler::lose_all(
    WorkerInfo& worker, std::string_view reason, const std::string& sentence, Step& step) {
  std::vector<PendingRequest*> held;
  for (PendingRequest& request : worker.holds)
    held.push_back(&request);
  std::vector<Waiting> waiting;
  for (PendingRequest* request : held) {
    const Waiting key{request->client, request->id};
    if (set_back(*request, reason, sentence, step)) waiting.push_back(key);
  }
  return waiting;
}

void WorkerTimeoutHandler::lose(PendingRequest& request, std::string_view reason,
                                const std::string& sentence, Step& step) {
  if (set_back(request, reason, sentence, step)) dispatcher_.place_waiting(request, step);
}

bool WorkerTimeoutHandler::set_back(PendingRequest& request, std::string_view reason,
                                    const std::string& sentence, Step& step) {
  if (request.phase == Phase::answered) {
    dispatcher_.drop_attempt(request, step);
    return false;
  }
  ++request.worker->failed;
  std::string why = "worker \"" + request.worker->name + "\" was lost: " + sentence;
  if (dispatcher_.may_retry(request)) {
    dispatcher_.set_back(request, reason, why, step);
    return true;
  }
  if (request.retries() > 0)
    why += "; it was given to " + std::to_string(request.retries() + 1) + " workers in vain";
  dispatcher_.fail(request, {ErrorCode::worker_lost, reason, true, std::move(why)}, false, step);
  return false;
}

void WorkerTimeoutHandler::move_away(WorkerInfo& worker, Step& step) {
  std::vector<PendingRequest*> movable;
  for (PendingRequest& request : worker.holds) {
    if (dispatcher_.may_retry(request) && !request.is_late(step.now)) movable.push_back(&request);
  }
  for (PendingRequest* request : movable) {
    if (!dispatcher_.another_can_take(*request, step.now)) continue;
    lose(*request, reason::unreachable, "its connection is gone", step);
  }
}

std::vector<SessionId> WorkerTimeoutHandler::run_deadlines(Step& step) {
  std::vector<SessionId> to_ask;
  while (PendingRequest* request = requests_.pop_due(step.now)) {
    if (request->phase != Phase::answered) {
      out_of_time(*request, step);
      continue;
    }
    to_ask.push_back(request->worker->session);
    request->ask_at = step.now + options_.expiry();
    requests_.rearm(*request);
  }
  return to_ask;
}

void WorkerTimeoutHandler::out_of_time(PendingRequest& request, Step& step) {
  const auto fail = [&](std::string_view reason, bool retryable, const std::string& sentence) {
    if (request.at_worker()) ++request.worker->failed;
    dispatcher_.fail(request, {ErrorCode::worker_timeout, reason, retryable, sentence}, true, step);
  };
  // Where the request waited first, its worker had less time than the client gave.
  const bool waited =
      request.at_worker() && request.bound - request.received >= options_.heartbeat_interval / 10;
  const std::string after =
      " within " + in_seconds(step.now - request.received) +
      (waited ? ", of which it had the request for " + in_seconds(step.now - request.bound) : "");
  const std::string at_worker =
      request.at_worker() ? "worker \"" + request.worker->name + "\" " : std::string{};
  switch (request.phase) {
    case Phase::waiting:
      if (step.now >= std::min(request.until, request.first_until)) {
        return fail(reason::queued, true, "no worker took it" + after + why_waiting(request));
      }
      return dispatcher_.look_again(request, step);
    case Phase::sent:
      if (step.now >= request.until)
        return fail(reason::running, false, at_worker + "gave no part of an answer" + after);
      return fail(reason::first, false, at_worker + "did not begin to answer" + after);
    case Phase::streaming:
      if (step.now >= request.until)
        return fail(reason::running, false, at_worker + "did not finish" + after);
      return fail(reason::idle, false,
                  at_worker + "sent nothing for " + in_seconds(request.idle_timeout) +
                      " in the middle of an answer");
    case Phase::answered:
      return;
  }
}

}  // namespace muster::broker
