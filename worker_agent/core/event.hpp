#pragma once

// What can happen to an Agent: all of its input. The shell turns frames, what the model server says
// and signals into these.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/payload.hpp"
#include "worker_agent/core/options.hpp"

namespace muster::agent {

// One of the brokers, by its place in AgentOptions::brokers.
using SessionId = StrongId<struct SessionIdTag, std::uint32_t>;

// One request at the model server; chosen by the Agent, never used twice. The same type as the
// model server's own: the core may not include that room, and the shell includes both.
using JobId = StrongId<struct JobIdTag>;

// ---- from the brokers -------------------------------------------------------------------------

// The empty frame that a broker sends first: this connection is new (docs/protocol.md, section 1).
struct Connected {
  SessionId session;
};

// The connection has broken, and is being made anew; what the shell was given and had not sent, and
// what came on it and was not read, is lost. Told before anything is sent on the new one.
struct Disconnected {
  SessionId session;
};

struct BrokerSaid {
  SessionId session;
  ToWorker message;
  Payload payload;
};

// A broker's message that could not be decoded.
struct BrokerFault {
  SessionId session;
  Fault fault;
};

// ---- from the model server --------------------------------------------------------------------

// A part of a streamed answer. Only for jobs whose options say `stream`.
struct PartMade {
  JobId job;
  PartMeta meta;
  Payload bytes;
};

// The answer is complete. `rest`: all of it for a job without parts, else what had not gone out.
struct JobEnded {
  JobId job;
  PartMeta meta;
  Payload rest;
};

struct JobBroke {
  JobId job;
  ErrorCode code{};
  std::string message;  // one sentence
  ErrorMeta meta;
  Payload body;  // the server's own error body, where it sent one
};

// What is known of the model server, whenever that changes.
struct ServerChanged {
  WorkerState state = WorkerState::starting;  // never draining
  std::string why;                            // one sentence
  std::string trouble{};  // what a person should mend although it is ready; empty: nothing
  std::vector<ModelDescription> models;
  std::uint64_t slots = 0;
  std::string version;
};

// What the model server's engine tells of its own work, each time it was asked.
struct EngineTold {
  // What it has got done; never less than it said before. Nothing: it does not tell.
  std::optional<std::uint64_t> progress;
  std::optional<std::uint64_t> requests;  // that it has, waiting and running, whoever asked
  std::optional<double> kv_cache_usage;   // 0 to 1
};

// ---- from the shell itself --------------------------------------------------------------------

// Time has come to next_deadline(), or simply passed. `sockets_empty`: everything that had arrived
// from the brokers has been given to the Agent, so a silence is a broker's own. The shell sends one
// after each reading of its sockets.
struct Tick {
  bool sockets_empty = false;
};

// The configuration was read again: `slots` and `drain_timeout` are taken from it, all else stays.
struct Reconfigured {
  AgentOptions options;
};

// SIGTERM or SIGINT: the first drains, the second stops at once.
struct StopAsked {};

using Event = std::variant<Connected, Disconnected, BrokerSaid, BrokerFault, PartMade, JobEnded,
                           JobBroke, ServerChanged, EngineTold, Tick, Reconfigured, StopAsked>;

}  // namespace muster::agent
