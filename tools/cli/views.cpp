#include "tools/cli/views.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/cli/text.hpp"

namespace muster::cli {

namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

Json parse(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

const Json& list(const Json& answer, const char* key) {
  static const Json empty = Json::array();
  const Json& items = member(answer, key);
  return items.is_array() ? items : empty;
}

// A number, string or flag as people write it; a list as its items.
std::string plain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return human_count(value.get<std::uint64_t>());
  if (value.is_number()) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value.get<double>());
    return text;
  }
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_array()) return {};
  std::string items;
  for (const Json& item : value)
    items += (items.empty() ? "" : ", ") + plain(item);
  return items;
}

std::string field(const Json& object, const char* key) {
  return plain(member(object, key));
}

std::string time_field(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number() ? human_duration(value.get<std::int64_t>()) : plain(value);
}

bool flag(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

// The state in which the broker sees a worker, with all that speaks against it.
std::string state_of(const Json& worker) {
  if (member(worker, "gone").is_number()) return "gone for " + time_field(worker, "gone");
  std::string state = field(worker, "state");
  if (flag(worker, "broken")) state += ", broken";
  if (flag(worker, "suspect")) state += ", suspect";
  if (flag(worker, "stalled")) state += ", stalled";
  const Json& ejected_for = member(worker, "ejected_for");
  const bool for_some_time = ejected_for.is_number() && ejected_for > 0;
  if (flag(worker, "ejected") || for_some_time) state += ", put aside";
  if (for_some_time) state += " for " + time_field(worker, "ejected_for") + " more";
  return state;
}

// Why it is in that state: its own words, or the broker's where it is gone; and an operator's.
std::string why_of(const Json& worker) {
  std::string why = field(worker, member(worker, "gone").is_number() ? "reason" : "why");
  const std::string drained = field(worker, "drained_reason");
  if (!drained.empty() && drained != why) why += (why.empty() ? "" : "; ") + drained;
  return why;
}

std::string spaced(std::string name) {
  for (char& c : name)
    c = c == '_' ? ' ' : c;
  return name;
}

// Maps within maps become indented lines below their name. Names in them stay as they are: they are
// words of the protocol.
void add_counters(const std::string& indent, const Json& object, Rows& rows) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = indent + (indent.empty() ? spaced(key) : key);
    if (!value.is_object()) {
      const bool is_time = key == "uptime";
      rows.push_back({name, is_time ? time_field(object, "uptime") : plain(value)});
      continue;
    }
    rows.push_back({name, value.empty() ? "none" : ""});
    add_counters(indent + "  ", value, rows);
  }
}

}  // namespace

std::string models_view(std::string_view json) {
  const Json answer = parse(json);
  Rows rows;
  for (const Json& model : list(answer, "models")) {
    rows.push_back({field(model, "name"), field(model, "aliases"), field(model, "workers"),
                    field(model, "ready"), field(model, "free_slots"), field(model, "queued"),
                    field(model, "context_length"), field(model, "modalities")});
  }
  if (rows.empty()) return "No model is served; see `muster workers` for who is there.\n";
  return table({{"MODEL"},
                {"ALIASES", Align::left, true},
                {"WORKERS", Align::right},
                {"READY", Align::right},
                {"FREE SLOTS", Align::right},
                {"QUEUED", Align::right},
                {"CONTEXT", Align::right, true},
                {"MODALITIES", Align::left, true}},
               rows);
}

std::string workers_view(std::string_view json) {
  const Json answer = parse(json);
  Rows rows;
  for (const Json& worker : list(answer, "workers")) {
    const bool gone = member(worker, "gone").is_number();
    const auto unless_gone = [&](const std::string& text) { return gone ? std::string{} : text; };
    const auto idle = [&] {  // 0 while it works on something
      const Json& ms = member(worker, "idle");
      return ms.is_number() && ms != 0 ? time_field(worker, "idle") : std::string{};
    };
    rows.push_back({field(worker, "worker"), state_of(worker), field(worker, "models"),
                    unless_gone(field(worker, "in_flight") + "/" + field(worker, "slots")),
                    unless_gone(field(worker, "queue_length")), field(worker, "speed"),
                    unless_gone(idle()), field(worker, "served"), field(worker, "failed"),
                    unless_gone(time_field(worker, "heard")), field(worker, "version"),
                    why_of(worker)});
  }
  if (rows.empty()) return "No worker is registered, and none has gone within the last hour.\n";
  return table({{"WORKER"},
                {"STATE"},
                {"MODELS"},
                {"SLOTS", Align::right},
                {"QUEUE", Align::right},
                {"SPEED", Align::right},
                {"IDLE", Align::right},
                {"SERVED", Align::right},
                {"FAILED", Align::right},
                {"HEARD", Align::right, true},
                {"VERSION", Align::left, true},
                {"WHY", Align::left, true}},
               rows);
}

std::string status_view(std::string_view json) {
  const Json answer = parse(json);
  Rows rows;
  if (answer.is_object()) add_counters("", answer, rows);
  if (rows.empty()) return "The broker says nothing about itself.\n";
  return table({{}, {}}, rows);
}

std::string why_view(std::string_view json) {
  const Json answer = parse(json);
  std::string text;
  for (const Json& model : list(answer, "models")) {
    if (!text.empty()) text += '\n';
    const std::string queued = field(model, "queued");
    text += printable(field(model, "model"));
    if (!queued.empty() && queued != "0") text += ", " + printable(queued) + " waiting";
    text += '\n';
    Rows rows;
    for (const Json& worker : list(model, "workers")) {
      rows.push_back({"  " + field(worker, "worker"), flag(worker, "eligible") ? "YES" : "NO",
                      field(worker, "why")});
    }
    text += table({{}, {}, {}}, rows);
    const std::string note = field(model, "note");
    if (!note.empty()) text += "  " + printable(note) + '\n';
    if (rows.empty() && note.empty()) text += "  no worker serves it\n";
  }
  return text.empty() ? "No model is known; see `muster workers` for who is there.\n" : text;
}

std::string pretty(std::string_view json) {
  return escaped_controls(parse(json).dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

std::optional<WorkerNow> find_worker(std::string_view json, std::string_view worker) {
  const Json answer = parse(json);
  for (const Json& row : list(answer, "workers")) {
    if (field(row, "worker") != worker) continue;
    const Json& in_flight = member(row, "in_flight");
    return WorkerNow{
        .gone = member(row, "gone").is_number(),
        .state = field(row, "state"),
        .in_flight = in_flight.is_number_unsigned() ? in_flight.get<std::uint64_t>() : 0};
  }
  return std::nullopt;
}

std::string why_args(const std::string& model) {
  Json args = Json::object();
  if (!model.empty()) args["model"] = model;
  return args.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string worker_args(const std::string& worker) {
  Json args;
  args["worker"] = worker;
  return args.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string drain_args(const std::string& worker, bool on, const std::string& reason) {
  Json args;
  args["worker"] = worker;
  args["on"] = on;
  if (!reason.empty()) args["reason"] = reason;
  return args.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace muster::cli
