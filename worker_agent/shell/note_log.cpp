#include "worker_agent/shell/note_log.hpp"

#include "config/logging.hpp"

namespace muster::agent {
namespace {

log::Level level_of(bool alarming) {
  return alarming ? log::Level::warning : log::Level::info;
}

}  // namespace

void write_note(const SessionNote& note, const std::string& endpoint) {
  log::write(level_of(note.alarming), note.sentence, {{"broker", endpoint}, {"event", note.what}});
}

void write_note(const AgentNote& note) {
  log::write(level_of(note.alarming), note.sentence, {{"event", note.what}});
}

void write_note(const RequestNote& note, const std::string& endpoint) {
  if (!log::enabled(log::Level::debug)) return;
  log::debug("request ended", {{"broker", endpoint},
                               {"id", note.id.value},
                               {"model", note.model},
                               {"request_id", note.request_id},
                               {"end", note.end},
                               {"took_ms", static_cast<double>(note.took.count()) / 1000.0},
                               {"chunks", note.chunks}});
}

void write_note(const FaultNote& note, const std::string& endpoint) {
  log::warning("bad message from the broker", {{"broker", endpoint},
                                               {"reason", fault_name(note.fault.reason)},
                                               {"what", note.fault.what},
                                               {"more_before", note.unsaid}});
}

}  // namespace muster::agent
