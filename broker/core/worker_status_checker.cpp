#include "broker/core/worker_status_checker.hpp"

#include <algorithm>

#include "protocol/check.hpp"

namespace muster::broker {
namespace {

// Of one alone it can't be told whose network is gone.
constexpr std::size_t doubt_workers_min = 2;

}  // namespace

void WorkerStatusChecker::watch(const WorkerInfo& worker, Time now) {
  const Watch watch{.judge_at = now + options_.heartbeat_interval * 3 / 2,
                    .heartbeat_at = now + options_.heartbeat_interval};
  const bool fresh = watches_.emplace(worker.session, watch).second;
  CHECK(fresh, "a session is watched twice");
  judgements_.arm(worker.session, watch.judge_at);
  heartbeats_.arm(worker.session, watch.heartbeat_at);
}

void WorkerStatusChecker::forget(const WorkerInfo& worker) {
  const auto found = watches_.find(worker.session);
  CHECK(found != watches_.end(), "a session is forgotten that was not watched");
  judgements_.disarm(worker.session, found->second.judge_at);
  heartbeats_.disarm(worker.session, found->second.heartbeat_at);
  watches_.erase(found);
}

bool WorkerStatusChecker::heard(WorkerInfo& worker, Time now) {
  worker.last_heard = now;
  last_sign_ = now;
  if (std::exchange(doubts_, false)) clock_.spare_until(now + options_.expiry());
  if (!std::exchange(worker.suspect, false)) return false;
  // It was to be judged when it would have expired, which may be long after it is overdue again.
  Watch& watch = watches_.at(worker.session);
  const Time overdue_at = now + options_.heartbeat_interval * 3 / 2;
  if (overdue_at < watch.judge_at) {
    judgements_.disarm(worker.session, watch.judge_at);
    judgements_.arm(worker.session, watch.judge_at = overdue_at);
  }
  return true;
}

WorkerStatusChecker::Due WorkerStatusChecker::tick(Time now, bool all_read,
                                                   WorkerRegistry& workers) {
  const Duration interval = options_.heartbeat_interval;
  clock_.tick(now, all_read);

  Due due;
  look_for_doubt(workers, due);
  while (const auto session = heartbeats_.pop(now)) {
    due.heartbeat.push_back(workers.find(*session));
    Watch& watch = watches_.at(*session);
    watch.heartbeat_at = now + interval;
    heartbeats_.arm(*session, watch.heartbeat_at);
  }
  std::vector<SessionId> to_judge;
  while (const auto session = judgements_.pop(now))
    to_judge.push_back(*session);
  for (const SessionId session : to_judge) {
    judge(*workers.find(session), watches_.at(session), now, due);
  }
  return due;
}

void WorkerStatusChecker::look_for_doubt(const WorkerRegistry& workers, Due& due) {
  const Duration silence = clock_.silence(last_sign_);
  if (doubts_ && silence >= options_.expiry() * 2) doubts_ = false;
  if (!doubts_ && silence >= options_.heartbeat_interval * 3 / 2 &&
      silence < options_.expiry() * 2) {
    // A broken one is silent for a reason that is known.
    const auto connected = std::ranges::count_if(
        workers.all(), [](const auto& entry) { return !entry.second->broken; });
    doubts_ = static_cast<std::size_t>(connected) >= doubt_workers_min;
  }
  due.doubt_begins = doubts_ && !told_doubt_;
  due.doubt_ends = !doubts_ && told_doubt_;
  told_doubt_ = doubts_;
}

// Finds a worker overdue, dead or well, and arms the next judgement.
void WorkerStatusChecker::judge(WorkerInfo& worker, Watch& watch, Time now, Due& due) {
  const Duration overdue = options_.heartbeat_interval * 3 / 2;
  const Duration silence = clock_.silence(worker.last_heard);
  if (now < clock_.judge_from()) {
    watch.judge_at = clock_.judge_from();
  } else if (silence >= options_.expiry() && !(doubts_ && !worker.broken)) {
    due.expired.push_back(&worker);
    watch.judge_at = now + options_.heartbeat_interval;
  } else if (silence >= overdue) {
    if (!worker.suspect) due.suspect.push_back(&worker);
    worker.suspect = true;
    watch.judge_at =
        (doubts_ ? last_sign_ + options_.expiry() * 2 : worker.last_heard + options_.expiry());
  } else {
    watch.judge_at = worker.last_heard + overdue;
  }
  // What is not all read yet is looked at again soon, not at once: a Tick must not want a Tick now.
  watch.judge_at = std::max(watch.judge_at, now + options_.heartbeat_interval / 8);
  judgements_.arm(worker.session, watch.judge_at);
}

Time WorkerStatusChecker::next_deadline() const {
  return std::min(
      {judgements_.next(), heartbeats_.next(), clock_.last_tick() + options_.heartbeat_interval});
}

}  // namespace muster::broker
