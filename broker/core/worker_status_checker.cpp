#include "broker/core/worker_status_checker.hpp"

#include <algorithm>

#include "protocol/check.hpp"

namespace muster::broker {
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

// Finds a worker overdue, dead or well, and arms the next judgement.
void WorkerStatusChecker::judge(WorkerInfo& worker, Watch& watch, Time now, Due& due) {
  const Duration overdue = options_.heartbeat_interval * 3 / 2;
  const Duration silence = clock_.silence(worker.last_heard);
  if (now < clock_.judge_from()) {
    watch.judge_at = clock_.judge_from();
  } else if (silence >= options_.expiry()) {
    due.expired.push_back(&worker);
    watch.judge_at = now + options_.heartbeat_interval;
  } else if (silence >= overdue) {
    if (!worker.suspect) due.suspect.push_back(&worker);
    worker.suspect = true;
    watch.judge_at = worker.last_heard + options_.expiry();
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
