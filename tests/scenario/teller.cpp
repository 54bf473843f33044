#include "tests/scenario/teller.hpp"

#include <algorithm>
#include <array>

#include "config/units.hpp"
#include "protocol/error_code.hpp"

namespace muster::scenario {
namespace {

// What every REGISTERED and every HEARTBEAT to a client says.
constexpr std::array terms = {std::string_view{"broker"},   std::string_view{"instance"},
                              std::string_view{"interval"}, std::string_view{"liveness"},
                              std::string_view{"limits"},   std::string_view{"features"}};

std::string client_name(ClientConnection client) {
  return "c" + std::to_string(client.value);
}
std::string worker_name(WorkerConnection worker) {
  return "w" + std::to_string(worker.value);
}

// A member of maps within maps by its path; null where it is not there.
const Value* find_path(const Value& row, std::string_view path) {
  const Value* at = &row;
  while (at != nullptr && !path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    at = at->find(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words)
    all += (all.empty() ? "" : " ") + word;
  return all;
}

}  // namespace

Lines Teller::tell(broker::Action& action, bool unasked) {
  return std::visit([&](auto& a) { return told(a, unasked); }, action);
}

// ---- messages ----------------------------------------------------------------------------------

Lines Teller::told(broker::SendToClient& action, bool unasked) {
  return to_client(action.to, encode(action.message), {}, false, unasked);
}

Lines Teller::told(broker::RelayToClient& action, bool unasked) {
  return to_client(action.to, action.header, action.payload, true, unasked);
}

Lines Teller::told(broker::SendToWorker& action, bool unasked) {
  return to_worker(action.to, encode(action.message), {}, false, unasked);
}

Lines Teller::told(broker::RelayToWorker& action, bool unasked) {
  return to_worker(action.to, action.header, action.payload, true, unasked);
}

Lines Teller::to_client(ClientConnection to, const Frame& header, const Payload& payload,
                        bool relayed, bool unasked) {
  if (const auto read = peer_.to_client(header, payload); !read) unreadable_ = read.error().what;
  return message(client_name(to), header, payload, relayed, unasked);
}

Lines Teller::to_worker(WorkerConnection to, const Frame& header, const Payload& payload,
                        bool relayed, bool unasked) {
  if (const auto read = peer_.to_worker(header, payload); !read) unreadable_ = read.error().what;
  return message(worker_name(to), header, payload, relayed, unasked);
}

Lines Teller::message(const std::string& to, const Frame& frame, const Payload& payload,
                      bool relayed, bool unasked) {
  const std::optional<Header> header = take_apart(frame.text());
  if (!header) {
    unreadable_ = "what was sent to " + to + " is no message of section 3";
    return {};
  }
  if (header->name == "HEARTBEAT" && unasked && !show.heartbeats) return {};
  const bool attempt = to.starts_with('w');
  std::string line = "-> " + to;
  if (header->id) line += "/" + (attempt ? attempt_name(*header->id) : std::to_string(*header->id));
  Lines lines{line + " " + header->name + elements_of(*header, relayed) + shown_payload(payload)};
  if (header->name == "ANSWER") {
    const Lines rows = answer(header->elements.front().second);
    lines.insert(lines.end(), rows.begin(), rows.end());
  }
  if (show.bytes) lines.push_back("     " + shown_bytes(frame.text()));
  return lines;
}

std::string Teller::elements_of(const Header& header, bool relayed) const {
  std::string all;
  for (const auto& [element, value] : header.elements) {
    const bool sentence = element == "message" || element == "reason";
    if ((sentence && !relayed && !show.sentences) || element == "result") continue;
    if (element == "fields") {
      if (const Value::Map* fields = value.map()) all += fields_of(header, *fields);
    } else if (element == "code") {
      all += " " + error_name(static_cast<ErrorCode>(value.uint_or(0)));
    } else if (sentence) {
      all += " " + quoted(value.string_or(""));
    } else {
      all += " " + shown(value);
    }
  }
  if (!header.more.empty()) all += " more=" + shown(Value{header.more});
  return all;
}

std::string Teller::fields_of(const Header& header, const Value::Map& fields) const {
  const bool of_terms = header.name == "REGISTERED" || header.name == "HEARTBEAT";
  std::string all;
  for (const auto& [key, value] : fields) {
    if (of_terms && !show.terms && std::ranges::find(terms, key) != terms.end()) continue;
    all += " " + shown_field(key, value);
  }
  return all;
}

// A row a line: of each worker, of each model, or one for everything.
Lines Teller::answer(const Value& result) const {
  Value::Array rows{result};
  if (const Value::Map* map = result.map(); map != nullptr && map->size() == 1) {
    if (const Value::Array* array = map->front().second.array()) rows = *array;
  }
  Lines lines;
  for (const Value& row : rows) {
    std::vector<std::string> fields;
    if (show.picks.empty()) {
      for (const auto& [key, value] : row.map() != nullptr ? *row.map() : Value::Map{})
        fields.push_back(shown_field(key, value));
    }
    for (const std::string& path : show.picks) {
      const Value* value = find_path(row, path);
      fields.push_back(value != nullptr ? shown_field(path, *value) : path + " is absent");
    }
    if (!fields.empty()) lines.push_back("     " + joined(fields));
  }
  return lines;
}

// ---- notes -------------------------------------------------------------------------------------

Lines Teller::told(broker::WorkerNote& note, bool) {
  if (!show.notes) return {};
  return {"note: " + note.worker + (note.worker.empty() ? "" : " ") + std::string{note.what} +
          (note.alarming ? " (alarming)" : "") + (show.sentences ? ": " + note.detail : "")};
}

Lines Teller::told(broker::FaultNote& note, bool) {
  if (!show.notes) return {};
  const std::string from = note.from_worker ? worker_name(WorkerConnection{note.connection})
                                            : client_name(ClientConnection{note.connection});
  return {"note: fault " + std::string{fault_name(note.fault.reason)} + " of " + from +
          (note.worker.empty() ? "" : " (" + note.worker + ")") +
          (show.sentences ? ": " + note.fault.what : "")};
}

}  // namespace muster::scenario
