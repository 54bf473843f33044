#include "worker_agent/core/request_table.hpp"

#include <algorithm>

#include "protocol/check.hpp"

namespace muster::agent {

void RequestTable::add(RequestInHand request) {
  const JobId job = request.job;
  CHECK(by_id_.emplace(Key{request.session, request.id}, job).second,
        "a broker id was taken in twice");
  ++counts_[request.session];
  CHECK(by_job_.emplace(job, std::move(request)).second, "a job id was used twice");
}

RequestInHand* RequestTable::find(JobId job) {
  const auto found = by_job_.find(job);
  return found == by_job_.end() ? nullptr : &found->second;
}

RequestInHand* RequestTable::find(SessionId session, BrokerId id) {
  const auto found = by_id_.find(Key{session, id});
  return found == by_id_.end() ? nullptr : find(found->second);
}

RequestInHand RequestTable::remove(JobId job) {
  const auto found = by_job_.find(job);
  CHECK(found != by_job_.end(), "a request was removed twice");
  RequestInHand request = std::move(found->second);
  by_job_.erase(found);
  by_id_.erase(Key{request.session, request.id});
  --counts_[request.session];
  return request;
}

std::size_t RequestTable::count(SessionId session) const {
  const auto found = counts_.find(session);
  return found == counts_.end() ? 0 : found->second;
}

std::vector<JobId> RequestTable::jobs() const {
  std::vector<JobId> all;
  for (const auto& [job, request] : by_job_)
    all.push_back(job);
  return all;
}

std::vector<JobId> RequestTable::jobs(SessionId session) const {
  std::vector<JobId> all;
  const auto [first, last] = session_range(session);
  for (auto it = first; it != last; ++it)
    all.push_back(it->second);
  return all;
}

std::vector<BrokerId> RequestTable::ids(SessionId session) const {
  std::vector<BrokerId> all;
  const auto [first, last] = session_range(session);
  for (auto it = first; it != last; ++it)
    all.push_back(it->first.second);
  return all;
}

Time RequestTable::earliest_give_up(SessionId session) const {
  Time earliest = time_never;
  const auto [first, last] = session_range(session);
  for (auto it = first; it != last; ++it)
    earliest = std::min(earliest, by_job_.at(it->second).give_up_at);
  return earliest;
}

}  // namespace muster::agent
