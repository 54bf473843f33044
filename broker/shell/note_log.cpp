#include "broker/shell/note_log.hpp"

#include <iterator>
#include <string>

#include "config/logging.hpp"

namespace muster::broker {
namespace {

double milliseconds(Duration d) {
  return static_cast<double>(d.count()) / 1000.0;
}

void left_out(const char* what, std::uint64_t count) {
  if (count != 0) log::warning(what, {{"count", count}});
}
constexpr auto workers_left_out = "more news of workers, not logged line by line";
constexpr auto foreign_left_out = "more such messages dropped, not logged line by line";
constexpr auto cut_off_left_out = "more clients cut off, not logged line by line";

// How often it is looked whether there is room for what was left out.
constexpr Duration looks_apart = std::chrono::milliseconds{100};

}  // namespace

void NoteLog::write(const WorkerNote& note, Time now) {
  if (!workers_.allow(now)) return;
  left_out(workers_left_out, workers_.take_held_back());
  const log::Level level = note.alarming ? log::Level::warning : log::Level::info;
  if (note.worker.empty())
    return log::write(level, std::string{note.what}, {{"detail", note.detail}});
  log::write(level, "worker " + std::string{note.what},
             {{"worker", note.worker}, {"detail", note.detail}});
}

RateLimit& NoteLog::limit_of(const FailureNote& note) {
  // Workers can make up codes, reasons and names: beyond so many kinds the rest share one.
  constexpr std::size_t kinds_max = 300;
  const FailureKind kind{note.code, note.reason, note.worker};
  const bool fits = failures_.contains(kind) || failures_.size() < kinds_max;
  const RateLimit fresh{3, std::chrono::seconds{10}};
  return failures_.try_emplace(fits ? kind : FailureKind{}, fresh).first->second;
}

std::string_view NoteLog::what_failed(ErrorCode code) {
  if (code == ErrorCode::refused) return "a worker refuses requests; they go to another, or wait";
  if (code == ErrorCode::server_gone)
    return "a request was lost with its worker; it goes to another";
  if (code == ErrorCode::name_taken) return "a worker is turned away";
  return "a request failed";
}

void NoteLog::write(const FailureNote& note, Time now) {
  RateLimit& limit = limit_of(note);
  if (!limit.allow(now)) return;
  log::warning(what_failed(note.code), {{"error", error_name(note.code)},
                                        {"reason", note.reason},
                                        {"what", note.sentence},
                                        {"model", note.model},
                                        {"worker", note.worker},
                                        {"request_id", note.request_id},
                                        {"address", note.address},
                                        {"not_logged_before", limit.take_held_back()}});
}

void NoteLog::write(const RequestNote& note) {
  if (!log::enabled(log::Level::debug)) return;
  log::debug("request ended", {{"client", note.client.value},
                               {"id", note.id.value},
                               {"model", note.model},
                               {"request_id", note.request_id},
                               {"worker", note.worker},
                               {"end", note.end},
                               {"reason", note.reason},
                               {"waited_ms", milliseconds(note.waited)},
                               {"took_ms", milliseconds(note.took)},
                               {"chunks", note.chunks}});
}

std::string_view NoteLog::what_came(const FaultKind& kind) {
  return kind.first ? "bad message at the backend, where workers connect"
                    : "bad message at the frontend, where clients connect";
}

void NoteLog::write(const FaultNote& note, Time now) {
  const FaultKind kind{note.from_worker, note.fault.reason};
  const RateLimit fresh{10, std::chrono::seconds{1}};
  RateLimit& limit = faults_.try_emplace(kind, fresh).first->second;
  if (!limit.allow(now)) return;
  log::warning(what_came(kind), {{"connection", note.connection},
                                 {"address", note.address},
                                 {"worker", note.worker},
                                 {"reason", fault_name(note.fault.reason)},
                                 {"what", note.fault.what},
                                 {"not_logged_before", limit.take_held_back()}});
}

void NoteLog::foreign_peer(bool from_worker, Time now) {
  if (!foreign_peers_.allow(now)) return;
  left_out(foreign_left_out, foreign_peers_.take_held_back());
  log::warning(
      "message dropped: its sender sets a ZeroMQ routing id, or speaks a ZMTP older than 3.0",
      {{"socket", from_worker ? "backend" : "frontend"}});
}

void NoteLog::client_cut_off(ClientConnection client, Time now) {
  if (!clients_cut_off_.allow(now)) return;
  left_out(cut_off_left_out, clients_cut_off_.take_held_back());
  log::warning("client cut off: it does not take what it is sent", {{"client", client.value}});
}

void NoteLog::tick(Time now) {
  if (now < look_again_at_) return;
  look_again_at_ = now + looks_apart;
  tell_left_out(now);
  // Workers come and go: what has been quiet for long is as if it had not been.
  for (auto entry = failures_.begin(); entry != failures_.end();)
    entry = entry->second.is_at_rest(now) ? failures_.erase(entry) : std::next(entry);
}

void NoteLog::tell_left_out(Time now) {
  for (auto& [kind, limit] : failures_) {
    const std::uint64_t count = limit.take_held_back(now);
    if (count == 0) continue;
    log::warning(std::string{what_failed(kind.code)} + ", more not logged line by line",
                 {{"error", error_name(kind.code)},
                  {"reason", kind.reason},
                  {"worker", kind.worker},
                  {"count", count}});
  }
  for (auto& [kind, limit] : faults_) {
    const std::uint64_t count = limit.take_held_back(now);
    if (count == 0) continue;
    log::warning(std::string{what_came(kind)} + ", more not logged line by line",
                 {{"reason", fault_name(kind.second)}, {"count", count}});
  }
  left_out(foreign_left_out, foreign_peers_.take_held_back(now));
  left_out(cut_off_left_out, clients_cut_off_.take_held_back(now));
  left_out(workers_left_out, workers_.take_held_back(now));
}

}  // namespace muster::broker
