#include "tests/sim/trace.hpp"

#include <array>
#include <cstdio>
#include <variant>

namespace muster::sim {
namespace {

std::string number(std::uint64_t value) {
  return std::to_string(value);
}
std::string with_id(const char* type, WireId id) {
  return std::string{type} + " " + number(id.value);
}

std::string say(const Request& m) {
  std::string text = with_id("REQUEST", m.id) + " " + m.model;
  if (m.options.stream) text += " stream";
  if (!m.options.retry) text += " retry=false";
  if (m.options.timeout) text += " timeout=" + seconds(*m.options.timeout);
  if (m.options.first_timeout) text += " first=" + seconds(*m.options.first_timeout);
  if (m.options.idle_timeout) text += " idle=" + seconds(*m.options.idle_timeout);
  if (m.options.priority != 0) text += " priority=" + std::to_string(m.options.priority);
  for (const auto& [key, value] : m.options.require)
    text += " require " + key + "=" + value;
  if (!m.options.session.empty()) text += " session=" + m.options.session;
  return text;
}
std::string say(const Cancel& m) {
  return with_id("CANCEL", m.id);
}
std::string say(const Chunk& m) {
  return with_id("CHUNK", m.id) + " seq=" + number(m.seq);
}
std::string say(const Final& m) {
  return with_id("FINAL", m.id) + " seq=" + number(m.seq);
}
std::string say(const Error& m) {
  std::string text = with_id("ERROR", m.id) + " " + std::string{error_name(m.code)};
  if (!m.meta.reason.empty()) text += " " + m.meta.reason;
  if (m.meta.duplicate) text += " duplicate";
  return text + " \"" + m.message + "\"";
}
std::string say(const ClientHeartbeat&) {
  return "HEARTBEAT";
}
std::string say(const Query& m) {
  return with_id("QUERY", m.id) + " " + m.name;
}
std::string say(const Answer& m) {
  return with_id("ANSWER", m.id);
}
std::string say(const ClientTerms& m) {
  return std::string{"HEARTBEAT"} + (m.terms.draining ? " draining" : "");
}
std::string info(const WorkerDescription& m) {
  std::string text = " " + m.worker + "#" + number(m.instance.value) + " slots=" + number(m.slots) +
                     " " + std::string{state_name(m.state)};
  for (const ModelDescription& model : m.models)
    text += " " + model.name;
  text += " active=[";
  for (const BrokerId id : m.active)
    text += (text.back() == '[' ? "" : " ") + number(id.value);
  return text + "]";
}
std::string say(const Register& m) {
  return "REGISTER" + info(m.info);
}
std::string say(const Registered& m) {
  return "REGISTERED by " + m.terms.broker;
}
std::string say(const Reregister&) {
  return "REREGISTER";
}
std::string say(const Deregister& m) {
  return "DEREGISTER \"" + m.reason + "\"";
}
std::string say(const Dismiss& m) {
  return "DISMISS " + std::string{error_name(m.code)} + " \"" + m.reason + "\"";
}
std::string say(const Probe& m) {
  return "PROBE " + number(m.nonce);
}
std::string say(const Status& m) {
  return "STATUS " + number(m.nonce) + info(m.info);
}
std::string say(const Drain& m) {
  return std::string{"DRAIN "} + (m.on ? "on" : "off");
}
std::string say(const WorkerHeartbeat& m) {
  std::string text = "HEARTBEAT slots=" + number(m.slots) + " grant=" + number(m.grant) + " " +
                     std::string{state_name(m.state)};
  if (m.progress) text += " progress=" + number(*m.progress);
  return text;
}
std::string say(const BrokerHeartbeat& m) {
  return "HEARTBEAT grant=" + number(m.grant) + " in_flight=" + number(m.in_flight) +
         " queued=" + number(m.queued);
}

template <class Variant>
std::string say_any(const Variant& message) {
  return std::visit([](const auto& m) { return say(m); }, message);
}

}  // namespace

std::string describe(const FromClient& message) {
  return say_any(message);
}
std::string describe(const ToClient& message) {
  return say_any(message);
}
std::string describe(const FromWorker& message) {
  return say_any(message);
}
std::string describe(const ToWorker& message) {
  return say_any(message);
}
std::string describe(const broker::OwnToWorker& message) {
  return say_any(message);
}
std::string describe(const Fault& fault) {
  return "what can't be read: " + std::string{fault_name(fault.reason)} + ", " + fault.what;
}

std::string seconds(Time time) {
  return seconds(Duration{time.time_since_epoch()});
}
std::string seconds(Duration duration) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%lld.%06lld",
                static_cast<long long>(duration.count() / 1'000'000),
                static_cast<long long>(duration.count() % 1'000'000));
  return text.data();
}

void Trace::write(std::string_view who, std::string_view text) const {
  std::string line = seconds(now_);
  line.insert(0, line.size() < 12 ? 12 - line.size() : 0, ' ');
  line.append("  ").append(who);
  if (who.size() < 6) line.append(6 - who.size(), ' ');
  sink_(line.append("  ").append(text));
}

}  // namespace muster::sim
