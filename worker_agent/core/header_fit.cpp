#include "worker_agent/core/header_fit.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/codec.hpp"

namespace muster::agent {
namespace {

// What msgpack needs: before a string, array or map at most 5 bytes, for a number at most 9.
constexpr std::size_t item = 5;
constexpr std::size_t number = 9;

// Each more than all that has no length of its own: array, type, id, keys of maps, numbers.
constexpr std::size_t part_fixed = 96;
constexpr std::size_t error_fixed = 128;
constexpr std::size_t heartbeat_fixed = 160;
constexpr std::size_t description_fixed = 192;
constexpr std::size_t model_fixed = 64;
constexpr std::size_t bare_fixed = 32;

constexpr std::string_view ellipsis = "\u2026";

std::size_t bound(std::string_view text) {
  return item + text.size();
}

std::size_t bound(const std::vector<std::string>& texts) {
  std::size_t sum = item;
  for (const std::string& text : texts)
    sum += bound(text);
  return sum;
}

std::size_t bound(const StringMap& entries) {
  std::size_t sum = item;
  for (const auto& [key, value] : entries)
    sum += bound(key) + bound(value);
  return sum;
}

std::size_t value_bound(const Value& value) {
  if (const std::string* text = value.string()) return bound(*text);
  std::size_t sum = number;
  if (const Value::Array* items = value.array())
    for (const Value& one : *items)
      sum += value_bound(one);
  if (const Value::Map* members = value.map())
    for (const auto& [key, member] : *members)
      sum += bound(key) + value_bound(member);
  return sum;
}

std::size_t bound(const ModelDescription& model) {
  const bool bare = model.aliases.empty() && !model.context_length && model.modalities.empty() &&
                    model.operations.empty();
  if (bare) return bound(model.name);
  return model_fixed + bound(model.name) + bound(model.aliases) + bound(model.modalities) +
         bound(model.operations);
}

std::size_t bound(const std::vector<ModelDescription>& models) {
  std::size_t sum = item;
  for (const ModelDescription& model : models)
    sum += bound(model);
  return sum;
}

std::size_t bound(const PartMeta& meta) {
  return part_fixed + bound(meta.type) + bound(meta.headers) + bound(meta.worker) +
         value_bound(meta.usage);
}

std::size_t bound(const WorkerDescription& info) {
  return description_fixed + bound(info.worker) + bound(info.models) + bound(info.labels) +
         bound(info.version) + bound(info.why) + number * info.active.size();
}

struct Bound {
  std::size_t operator()(const Chunk& m) const { return bound(m.meta); }
  std::size_t operator()(const Final& m) const { return bound(m.meta); }
  std::size_t operator()(const Error& m) const {
    return error_fixed + bound(m.message) + bound(m.meta.reason) + bound(m.meta.worker);
  }
  std::size_t operator()(const WorkerHeartbeat& m) const {
    return heartbeat_fixed + bound(m.why) + (m.models ? bound(*m.models) : 0);
  }
  std::size_t operator()(const Register& m) const { return bound(m.info); }
  std::size_t operator()(const Deregister& m) const { return bare_fixed + bound(m.reason); }
  std::size_t operator()(const Status& m) const { return number + bound(m.info); }
};

// ---- what gives way ----------------------------------------------------------------------------

std::size_t less(std::size_t from, std::size_t what) {
  return from - std::min(from, what);
}

template <class Message>
bool fits(const Message& message, std::size_t room) {
  return Bound{}(message) <= room || encode(message).size() <= room;
}

// Leaves out the models that do not fit in so many bytes; the order of the others stays.
void keep_fitting(std::vector<ModelDescription>& models, std::size_t room) {
  std::size_t kept = 0;
  std::size_t aliases = 0;
  std::size_t bytes = item;
  std::erase_if(models, [&](const ModelDescription& model) {
    const std::size_t more = bound(model);
    if (kept == models_told_max || aliases + model.aliases.size() > aliases_told_max ||
        bytes + more > room)
      return true;
    ++kept;
    aliases += model.aliases.size();
    bytes += more;
    return false;
  });
}

// Cuts at least `bytes` off the end of a text that is UTF-8, whole characters only, and says so in
// the text.
void shorten(std::string& text, std::size_t bytes) {
  std::size_t end = less(text.size(), bytes + ellipsis.size());
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  while (end > 0 && continues(text[end]))
    --end;
  text.resize(end);
  if (end > 0) text += ellipsis;
}

struct Fit {
  std::size_t room;

  void operator()(Chunk& m) const { part(m); }
  void operator()(Final& m) const { part(m); }
  void operator()(Error& m) const {
    if (!fits(m, room)) shorten(m.message, encode(m).size() - room);
  }
  void operator()(WorkerHeartbeat& m) const {
    if (m.models) keep_fitting(*m.models, less(room, heartbeat_fixed + bound(m.why)));
  }
  void operator()(Register& m) const { description(m.info, 0); }
  void operator()(Deregister&) const {}  // its reason is a word of the worker's own
  void operator()(Status& m) const { description(m.info, number); }

 private:
  template <class Part>
  void part(Part& m) const {
    if (fits(m, room)) return;
    m.meta.headers.clear();
    if (fits(m, room)) return;
    m.meta.usage = {};
    if (fits(m, room)) return;
    m.meta.type.clear();
  }

  // `beside`: what else stands in the header.
  void description(WorkerDescription& info, std::size_t beside) const {
    const auto others = [&] { return beside + bound(info) - bound(info.models) + item; };
    keep_fitting(info.models, less(room + item, others()));
    if (others() <= room) return;
    info.version.clear();
    if (others() <= room) return;
    info.labels.clear();
    const std::size_t ids = number * info.active.size();
    const std::size_t ids_max = less(room, less(others(), ids)) / number;
    info.active.resize(std::min(info.active.size(), ids_max));
  }
};

}  // namespace

std::size_t payload_bytes_max(const WireLimits& limits) {
  return std::min<std::uint64_t>(limits.frame_bytes, less(limits.message_bytes, lean_header_bytes));
}

std::size_t header_bytes_bound(const FromWorker& message) {
  return std::visit(Bound{}, message);
}

void fit_header(FromWorker& message, std::size_t payload_bytes, const WireLimits& limits) {
  const std::size_t room =
      std::min<std::uint64_t>(limits.header_bytes, less(limits.message_bytes, payload_bytes));
  std::visit(Fit{room}, message);
}

}  // namespace muster::agent
