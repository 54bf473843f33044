#pragma once

// A model server as the agent sees it: jobs go in, parts of answers and what is known of the
// server's health come out. `openai` speaks HTTP to one on the same host; `echo` is built in.
//
// Everything runs on the agent's one thread: nothing here blocks. The agent's loop waits until fd()
// is readable or next_deadline() has come, then calls run(), then takes the events.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/error_code.hpp"
#include "protocol/ids.hpp"
#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::agent {

// One request at the model server; chosen by the agent's core, never used twice.
using JobId = StrongId<struct JobIdTag>;

struct Job {
  JobId id;
  std::string model;       // as the client named it
  RequestOptions options;  // path, type, headers and stream are for the server
  std::string body;
};

// One or more whole server-sent events as raw bytes, or a raw piece of another type. Only for jobs
// whose options say `stream`. The first carries status, type and headers in `meta`.
struct JobPart {
  JobId id;
  PartMeta meta;
  std::string bytes;
};

// The answer is complete. `bytes`: all of it for a job without parts, else what had not gone out.
// `meta` carries status and type where no part did.
struct JobDone {
  JobId id;
  PartMeta meta;
  std::string bytes;
};

// The job failed, by the table of docs/protocol.md, section 5: REFUSED, SERVER_GONE, WORKER_FAILED,
// WORKER_TIMEOUT, BAD_REQUEST.
struct JobFailed {
  JobId id;
  ErrorCode code{};
  std::string message;  // one sentence
  ErrorMeta meta;       // status, reason
  std::string body;     // the server's own error body, where it sent one
};

// What is known of the server, whenever it changes.
struct ServerStatus {
  WorkerState state = WorkerState::starting;  // starting, ready or unhealthy; never draining
  std::string why;                            // one sentence, for the log
  std::string trouble;  // what a person should mend although it is ready; empty: nothing
  std::vector<ModelDescription> models;
  std::uint64_t slots = 0;  // what the server says it can do at once; 256 if nothing
  std::string version;
  friend bool operator==(const ServerStatus&, const ServerStatus&) = default;
};

// What the server's engine tells of its own work, whenever it was asked; all of it absent where it
// tells nothing any more.
struct EngineLoad {
  std::optional<std::uint64_t> progress;  // rises while it works; never less than before
  std::optional<std::uint64_t> requests;  // that it has, waiting and running, whoever asked
  std::optional<double> kv_cache_usage;   // 0 to 1
  friend bool operator==(const EngineLoad&, const EngineLoad&) = default;
};

using ServerEvent = std::variant<JobPart, JobDone, JobFailed, ServerStatus, EngineLoad>;

class ModelServer {
 public:
  virtual ~ModelServer() = default;

  // Exactly one JobDone or JobFailed comes for each job that is not stopped; never from within
  // start().
  virtual void start(Job job, Time now) = 0;

  // Ends a job for good: its connection is closed, so that the server stops working on it. Nothing
  // more comes for it. A job that has ended already is ignored.
  virtual void stop(JobId id) = 0;

  // Does what can be done without waiting and appends what has happened.
  virtual void run(Time now, std::vector<ServerEvent>& out) = 0;

  // Readable when run() has something to do; -1: nothing to wait for but the deadline.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual Time next_deadline() const = 0;
};

}  // namespace muster::agent
