#pragma once

// What an Agent wants done, in order: work at the model server, sockets, notes for the log. What it
// wants said to a broker is taken from next_message() instead, because a socket may be full: the
// messages then stay in the Agent, which alone bounds them.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "worker_agent/core/event.hpp"

namespace muster::agent {

// A message to a broker.
struct Outgoing {
  FromWorker message;
  Payload payload;
};

struct StartJob {
  JobId job;
  std::string model;
  RequestOptions options;
  Payload body;
};

// Ends a job for good: nothing more is taken from it.
struct StopJob {
  JobId job;
};

// The broker's socket is closed with all that it still holds, and a new one dials at once.
struct ReopenSocket {
  SessionId session;
};

// What the program says to whoever started it.
enum class ExitCode : std::uint8_t {
  drained = 0,   // all that was in hand is finished and said
  cut = 1,       // stopped with requests in hand, by a second signal or out of drain_timeout, or
                 // with answers that no broker took
  replaced = 6,  // every broker knows a newer instance under this name (DISMISS REPLACED)
};

struct Exit {
  ExitCode code{};
};

// ---- notes: for the log and nothing else ------------------------------------------------------

// How it stands with one broker; `what` is a stable word: registered, unreachable, silent,
// new_connection, connection_lost, asked_again, dismissed, replaced, models_left_out, drained,
// undrained.
struct SessionNote {
  std::string_view what;
  SessionId session;
  std::string sentence;
  bool alarming = false;  // whether it wants a person's eyes (log level warning)
};

// How it stands with the agent itself: state, waiting, server, no_models, slots, draining,
// stopping, unsaid.
struct AgentNote {
  std::string_view what;
  std::string sentence;
  bool alarming = false;
};

// One request's whole story, once it has ended (log level debug).
struct RequestNote {
  SessionId session;
  BrokerId id;
  std::string model;
  std::string request_id;
  std::string end;  // "FINAL", or the error's name
  Duration took{};
  std::uint64_t chunks = 0;
};

// Input from a broker that could not be used. At most one a broker and fault_note_interval;
// `unsaid` counts those since the last one.
struct FaultNote {
  SessionId session;
  Fault fault;
  std::uint64_t unsaid = 0;
};

using Action = std::variant<StartJob, StopJob, ReopenSocket, Exit, SessionNote, AgentNote,
                            RequestNote, FaultNote>;

}  // namespace muster::agent
