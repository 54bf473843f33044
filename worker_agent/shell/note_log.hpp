#pragma once

// What an Agent notes, as lines of the log. Their rate is bounded by the Agent: it tells an outage
// once, and bad input at most once a second for each broker.

#include <string>

#include "worker_agent/core/action.hpp"

namespace muster::agent {

// `endpoint`: of the note's session.
void write_note(const SessionNote& note, const std::string& endpoint);
void write_note(const AgentNote& note);
void write_note(const RequestNote& note, const std::string& endpoint);
void write_note(const FaultNote& note, const std::string& endpoint);

}  // namespace muster::agent
