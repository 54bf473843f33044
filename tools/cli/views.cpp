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
  return state;
}

// Why it is in that state: its own words, or the broker's where it is gone.
std::string why_of(const Json& worker) {
  return field(worker, member(worker, "gone").is_number() ? "reason" : "why");
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

std::string pretty(std::string_view json) {
  return parse(json).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace muster::cli
