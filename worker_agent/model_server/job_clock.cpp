#include "worker_agent/model_server/job_clock.hpp"

#include <string>
#include <utility>

namespace muster::agent {

JobFailed timeout_failure(JobId id, std::string_view which) {
  std::string what = "the request's time ran out at the model server";
  if (which == reason::first) what = "no part of the answer came in time from the model server";
  if (which == reason::idle) what = "no further part came in time from the model server";
  ErrorMeta meta;
  meta.reason = std::string{which};
  return {id, ErrorCode::worker_timeout, std::move(what), std::move(meta), {}};
}

}  // namespace muster::agent
