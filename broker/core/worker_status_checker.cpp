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
  last_sign_ = now;
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
  if (doubts_) end_doubt(now);
  if (!std::exchange(worker.suspect, false)) return false;
  worker.touch();
  // It was to be judged when it would have expired, which may be long after it is overdue again.
  Watch& watch = watches_.at(worker.session);
  const Time overdue_at = now + options_.heartbeat_interval * 3 / 2;
  if (overdue_at < watch.judge_at) judge_at(worker.session, watch, overdue_at);
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

// ---- doubt -------------------------------------------------------------------------------------

void WorkerStatusChecker::look_for_doubt(const WorkerRegistry& workers, Due& due) {
  const Duration silence = clock_.silence(last_sign_);
  const bool too_long = silence >= options_.expiry() * 2;
  if (too_long) doubts_ = false;
  if (!doubts_ && !too_long && silence >= options_.heartbeat_interval * 3 / 2) begin_doubt(workers);
  due.doubt_begins = doubts_ && !told_doubt_;
  due.doubt_ends = !doubts_ && told_doubt_;
  told_doubt_ = doubts_;
}

void WorkerStatusChecker::begin_doubt(const WorkerRegistry& workers) {
  const auto with_the_others = [&](const auto& entry) {
    const WorkerInfo& worker = *entry.second;
    return !worker.broken && last_sign_ - worker.last_heard < options_.heartbeat_interval * 3 / 2;
  };
  const auto together = std::ranges::count_if(workers.all(), with_the_others);
  if (static_cast<std::size_t>(together) < doubt_workers_min) return;
  doubts_ = true;
  for (const auto& entry : workers.all())
    watches_.at(entry.second->session).spared = with_the_others(entry);
}

void WorkerStatusChecker::end_doubt(Time now) {
  doubts_ = false;
  spare_until_ = now + options_.expiry();
  for (auto& [session, watch] : watches_) {
    if (watch.spared && spare_until_ < watch.judge_at) judge_at(session, watch, spare_until_);
  }
}

Time WorkerStatusChecker::spared_until(const Watch& watch) const {
  if (!watch.spared) return {};
  return doubts_ ? last_sign_ + options_.expiry() * 2 : spare_until_;
}

// ---- judgement ---------------------------------------------------------------------------------

void WorkerStatusChecker::judge_at(SessionId session, Watch& watch, Time at) {
  judgements_.disarm(session, watch.judge_at);
  judgements_.arm(session, watch.judge_at = at);
}

// Finds a worker overdue, dead or well, and arms the next judgement.
void WorkerStatusChecker::judge(WorkerInfo& worker, Watch& watch, Time now, Due& due) {
  const Duration overdue = options_.heartbeat_interval * 3 / 2;
  const Duration silence = clock_.silence(worker.last_heard);
  const Time spared = worker.broken ? Time{} : spared_until(watch);
  if (now < clock_.judge_from()) {
    watch.judge_at = clock_.judge_from();
  } else if (silence >= options_.expiry() && now >= spared) {
    due.expired.push_back(&worker);
    watch.judge_at = now + options_.heartbeat_interval;
  } else if (silence >= overdue) {
    if (!worker.suspect) due.suspect.push_back(&worker);
    worker.suspect = true;
    worker.touch();
    watch.judge_at = std::max(worker.last_heard + options_.expiry(), spared);
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
