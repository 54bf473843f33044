#include "tests/sim/model_server.hpp"

#include <algorithm>
#include <utility>

namespace muster::sim {

using namespace agent;
using namespace std::chrono_literals;

ModelServer::ModelServer(const AgentOptions& options, const Work& work, Duration interval,
                         Draw draw, Time now)
    : worker_(options.name),
      slots_(*options.slots),
      models_(options.models),
      work_(work),
      interval_(interval),
      draw_(draw),
      tells_progress_(draw_.chance(0.5)),
      look_at_(now + draw_.between(Duration{0}, interval)) {}

void ModelServer::start(StartJob&& start, Time now) {
  Job job{.nonce = nonce_of(start.body.joined()), .stream = start.options.stream};
  if (job.stream && work_.parts_max > 0) job.parts = draw_.below(work_.parts_max + 1);
  if (job.stream && draw_.chance(work_.endless)) job.parts = ~std::uint64_t{0};
  const Duration takes = draw_.magnitude(100us, std::max<Duration>(work_.longest, 200us));
  job.gap = takes / static_cast<int>(std::min<std::uint64_t>(job.parts, 9) + 1);
  job.next = now + job.gap;
  if (mood_ == Mood::gone || mood_ == Mood::busy) job.next = now + 100us;
  jobs_[start.job] = job;
}

void ModelServer::stop(JobId job) {
  jobs_.erase(job);
}

void ModelServer::be(Mood mood, Time now) {
  mood_ = mood;
  look_at_ = now + draw_.between(Duration{0}, interval_ / 4);
  for (auto& [id, job] : jobs_)
    job.next = std::min(job.next, now + draw_.between(Duration{0}, interval_ / 4));
}

void ModelServer::calm(const Work& work, Time now) {
  work_ = work;
  for (auto& [id, job] : jobs_) {
    job.parts = std::min(job.parts, job.done + work.parts_max);
    job.gap = std::min(job.gap, work.longest);
    job.next = std::min(job.next, now + job.gap);
  }
}

Time ModelServer::next() const {
  Time next = look_at_;
  if (mood_ == Mood::hung) return next;
  for (const auto& [id, job] : jobs_)
    next = std::min(next, job.next);
  return next;
}

void ModelServer::tell(std::vector<Event>& out) const {
  ServerChanged event;
  event.state = up_ ? WorkerState::ready : WorkerState::unhealthy;
  event.why = up_ ? "" : "the model server is not there";
  event.models = models_;
  event.slots = slots_;
  out.push_back(std::move(event));
}

void ModelServer::run(Time now, std::vector<Event>& out) {
  if (now >= look_at_) {
    look_at_ = now + interval_;
    const bool up = mood_ != Mood::gone;
    if (up != up_ || !told_) {
      up_ = up;
      told_ = true;
      tell(out);
    }
    if (tells_progress_)
      out.push_back(
          EngineTold{.progress = progress_, .requests = jobs_.size(), .kv_cache_usage = {}});
  }
  if (mood_ == Mood::hung) return;
  for (auto next = jobs_.begin(); next != jobs_.end();) {
    const auto entry = next++;
    if (entry->second.next > now) continue;
    if (go_on(entry->first, entry->second, now, out)) jobs_.erase(entry);
  }
}

bool ModelServer::go_on(JobId id, Job& job, Time now, std::vector<Event>& out) {
  const auto broke = [&](ErrorCode code, std::optional<std::uint64_t> status) {
    JobBroke event{.job = id, .code = code, .message = "so it is", .meta = {}, .body = {}};
    event.meta.status = status;
    out.push_back(std::move(event));
    return true;
  };
  ++progress_;
  switch (mood_) {
    case Mood::gone:
      if (up_) {  // the state in the same turn
        up_ = false;
        tell(out);
      }
      [[fallthrough]];
    case Mood::cutting:
      cut_off(id, job, out);
      return true;
    case Mood::busy:
      if (job.done == 0) return broke(ErrorCode::refused, std::nullopt);
      break;
    case Mood::failing:
      if (job.done == 0) return broke(ErrorCode::worker_failed, 500);
      break;
    case Mood::well:
    case Mood::hung:
      break;
  }
  if (job.done < job.parts) {
    out.push_back(PartMade{id, {}, Payload{part_of(job.nonce, job.done++, worker_)}});
    job.next = now + job.gap;
    return false;
  }
  PartMeta meta;
  meta.status = 200;
  meta.worker = worker_;
  out.push_back(JobEnded{id, std::move(meta), Payload{end_of(job.nonce, job.done, worker_)}});
  return true;
}

void ModelServer::cut_off(JobId id, const Job& job, std::vector<Event>& out) {
  JobBroke event{.job = id,
                 .code = job.done > 0 ? ErrorCode::worker_failed : ErrorCode::server_gone,
                 .message = "cut off",
                 .meta = {},
                 .body = {}};
  if (job.done > 0) event.meta.reason = "server_cut";
  out.push_back(std::move(event));
}

}  // namespace muster::sim
