// Events and Actions in words: what was owed is compared with what was done by them, and a failure
// is told in them.

#include "tests/support/naive_controller.hpp"

namespace muster::test::naive {

using namespace broker;

namespace {

template <class... Cases>
struct InWords : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
InWords(Cases...) -> InWords<Cases...>;

std::string number(std::uint64_t n) {
  return std::to_string(n);
}

std::string ms(const std::optional<Duration>& d) {
  return d ? number(to_wire_ms(*d)) + "ms" : "-";
}

// Bytes that are compared and not read.
std::string print_of(std::string_view bytes) {
  return number(bytes.size()) + "#" + number(std::hash<std::string_view>{}(bytes));
}

std::string payload_of(const Payload& payload) {
  return number(payload.frame_count()) + "x" + print_of(payload.joined());
}

// A frame that opens with an id in its 9-byte form (section 2).
struct Numbered {
  std::uint64_t id = 0;
  std::string_view rest;
};
std::optional<Numbered> numbered(const Frame& frame) {
  constexpr std::size_t id_bytes = 9;
  const std::string_view bytes = frame.text();
  if (bytes.size() < id_bytes || static_cast<unsigned char>(bytes[0]) != 0xcf) return std::nullopt;
  std::uint64_t id = 0;
  for (const char byte : bytes.substr(1, id_bytes - 1))
    id = id << 8 | static_cast<unsigned char>(byte);
  return Numbered{id, bytes.substr(id_bytes)};
}

std::string header_of(const Frame& frame, std::uint64_t id) {
  const auto found = numbered(frame);
  if (!found || found->id != id) return "under another id than it says";
  return print_of(found->rest);
}

std::string models_of(const std::vector<ModelDescription>& models) {
  constexpr std::size_t shown_max = 8;
  if (models.size() > shown_max) return number(models.size()) + " of them";
  std::string text = "[";
  for (const ModelDescription& model : models) {
    text += (text.size() > 1 ? " " : "") + model.name;
    for (const std::string& alias : model.aliases)
      text += "/" + alias;
  }
  return text + "]";
}

std::string info_of(const WorkerDescription& info) {
  std::string text = info.worker + " instance " + number(info.instance.value) + " " +
                     models_of(info.models) + " slots=" + number(info.slots) + " " +
                     std::string{state_name(info.state)};
  for (const auto& [name, value] : info.labels)
    text += " " + name + "=" + value;
  text += " active=[";
  for (const BrokerId id : info.active)
    text += number(id.value) + " ";
  return text + "]";
}

std::string said(const muster::Request& m) {
  const RequestOptions& o = m.options;
  std::string text = "REQUEST " + number(m.id.value) + " " + m.model + " timeout=" + ms(o.timeout) +
                     " first=" + ms(o.first_timeout) + " idle=" + ms(o.idle_timeout) +
                     " priority=" + std::to_string(o.priority) + (o.stream ? " stream" : "") +
                     (o.retry ? "" : " no-retry");
  if (!o.session.empty()) text += " session=" + o.session;
  for (const auto& [name, value] : o.require)
    text += " " + name + "=" + value;
  return text;
}
std::string said(const Cancel& m) {
  return "CANCEL " + number(m.id.value);
}
std::string said(const ClientHeartbeat&) {
  return "HEARTBEAT";
}
std::string said(const Query& m) {
  const Value* worker = m.args.find("worker");
  return "QUERY " + number(m.id.value) + " " + m.name + " " +
         std::string{worker != nullptr ? worker->string_or("?") : ""};
}
std::string said(const Chunk& m) {
  return "CHUNK " + number(m.id.value) + " seq " + number(m.seq);
}
std::string said(const Final& m) {
  return "FINAL " + number(m.id.value) + " seq " + number(m.seq);
}
std::string said(const Error& m) {
  return "ERROR " + number(m.id.value) + " " + error_name(m.code) +
         (m.meta.duplicate ? " duplicate" : "") +
         (m.meta.status ? " status " + number(*m.meta.status) : "");
}
std::string said(const WorkerHeartbeat& m) {
  return "HEARTBEAT slots=" + number(m.slots) + " grant=" + number(m.grant) + " " +
         std::string{state_name(m.state)} + (m.progress ? " progress " + number(*m.progress) : "") +
         (m.models ? " models " + models_of(*m.models) : "");
}
std::string said(const Register& m) {
  return "REGISTER " + info_of(m.info);
}
std::string said(const Deregister&) {
  return "DEREGISTER";
}
std::string said(const Status& m) {
  return "STATUS " + number(m.nonce) + " " + info_of(m.info);
}

std::string fault_of(const Fault& fault) {
  return std::string{fault_name(fault.reason)} + " id " +
         (fault.id ? number(fault.id->value) : "-") + " type " +
         (fault.type ? number(*fault.type) : "-");
}

std::string terms_of(const BrokerTerms& terms) {
  return terms.broker + " instance " + number(terms.instance.value) +
         " interval=" + ms(terms.interval) + " liveness=" + number(terms.liveness) +
         (terms.limits == WireLimits{} ? "" : " other limits") +
         (terms.draining ? " draining" : "");
}

std::string told(ClientConnection to, const ToClient& message) {
  if (const auto* error = std::get_if<Error>(&message))
    return error_text(to, error->id.value, error->code, error->meta);
  const std::string whom = "client " + number(to.value) + ": ";
  if (const auto* answer = std::get_if<Answer>(&message))
    return whom + "ANSWER " + number(answer->id.value);
  if (const auto* terms = std::get_if<ClientTerms>(&message))
    return whom + "HEARTBEAT " + terms_of(terms->terms);
  return whom + "what no broker says of itself";
}

std::string told(const OwnToWorker& message) {
  return std::visit(
      InWords{[](const Cancel& m) { return "CANCEL " + number(m.id.value); },
              [](const BrokerHeartbeat& m) {
                return "HEARTBEAT grant=" + number(m.grant) + " in_flight=" + number(m.in_flight) +
                       " queued=" + number(m.queued);
              },
              [](const Registered& m) { return "REGISTERED " + terms_of(m.terms); },
              [](const Reregister&) -> std::string { return "REREGISTER"; },
              [](const Dismiss& m) { return "DISMISS " + error_name(m.code); },
              [](const Probe&) -> std::string { return "PROBE"; },
              [](const Drain& m) -> std::string { return m.on ? "DRAIN on" : "DRAIN off"; }},
      message);
}

}  // namespace

std::string text_of(const Request& request, Time started) {
  const auto at = [started](Time time) {
    return time == time_never ? "-" : std::to_string((time - started).count());
  };
  std::string text = "request " + request.said.options.request_id + " for " + request.said.model +
                     (request.waits() ? ", which waits" : " at " + request.worker) +
                     (request.answered ? " (answered)" : "") + ": until " + at(request.until) +
                     ", first " + at(request.first_until) + ", idle " + at(request.idle_until) +
                     ", asked " + at(request.ask_at) + ", held " +
                     at(request.held.value_or(time_never));
  for (const Request::Avoided& avoided : request.avoided)
    text += ", avoids a session until " + at(avoided.until);
  return text;
}

std::string behind_id(const Header& header) {
  const std::string_view bytes = header.frame.text();
  return std::string{bytes.substr(0, header.id.offset)} +
         std::string{bytes.substr(std::size_t{header.id.offset} + header.id.width)};
}

std::string error_text(ClientConnection to, std::uint64_t id, ErrorCode code,
                       const ErrorMeta& meta) {
  return "client " + number(to.value) + ": ERROR " + number(id) + " " + error_name(code) +
         " reason=" + meta.reason + (meta.retryable ? " retryable" : "") +
         " retry_after=" + ms(meta.retry_after) + " worker=" + meta.worker +
         (meta.duplicate ? " duplicate" : "");
}

std::string relay_text(ClientConnection to, std::uint64_t id, std::string_view header,
                       const Payload& payload) {
  return "client " + number(to.value) + ": under id " + number(id) + " " + print_of(header) + " " +
         payload_of(payload);
}

std::string to_worker(WorkerConnection to, const std::string& what) {
  return "worker connection " + number(to.value) + ": " + what;
}

std::string note_text(std::string_view what, const std::string& worker) {
  return "note: " + worker + " " + std::string{what};
}

std::string text_of(const Action& action) {
  return std::visit(
      InWords{[](const SendToClient& a) { return told(a.to, a.message); },
              [](const RelayToClient& a) {
                return "client " + number(a.to.value) + ": under id " + number(a.id.value) + " " +
                       header_of(a.header, a.id.value) + " " + payload_of(a.payload);
              },
              [](const SendToWorker& a) { return to_worker(a.to, told(a.message)); },
              [](const RelayToWorker& a) {
                return to_worker(a.to, "REQUEST " + number(a.id.value) + " " +
                                           header_of(a.header, a.id.value) + " " +
                                           payload_of(a.payload));
              },
              [](const WorkerNote& a) { return note_text(a.what, a.worker); },
              [](const FailureNote& a) {
                return "note: " + error_name(a.code) + " " + a.reason + " of request " +
                       a.request_id + " at " + a.worker;
              },
              [](const RequestNote& a) {
                return "note: the end of client " + number(a.client.value) + "'s request " +
                       number(a.id.value) + " by " + a.end + " at " + a.worker + " after " +
                       number(a.chunks) + " parts";
              },
              [](const FaultNote& a) {
                return "note: fault of " + std::string{a.from_worker ? "worker" : "client"} +
                       " connection " + number(a.connection) + " " + a.worker + " " +
                       fault_of(a.fault);
              }},
      action);
}

std::string text_of(const Event& event) {
  return std::visit(
      InWords{[](const ClientSaid& e) {
                return "client " + number(e.from.value) + " says " +
                       std::visit([](const auto& m) { return said(m); }, e.message);
              },
              [](const ClientFault& e) {
                return "client " + number(e.from.value) + " says what is " + fault_of(e.fault);
              },
              [](const ClientUnreachable& e) {
                return "client " + number(e.client.value) +
                       (e.cut_off ? " is cut off" : " is gone");
              },
              [](const WorkerSaid& e) {
                return "worker connection " + number(e.from.value) + " says " +
                       std::visit([](const auto& m) { return said(m); }, e.message);
              },
              [](const WorkerFault& e) {
                return "worker connection " + number(e.from.value) + " says what is " +
                       fault_of(e.fault);
              },
              [](const WorkerUnreachable& e) {
                return "worker connection " + number(e.worker.value) + " is unreachable, by " +
                       (e.undelivered ? "attempt " + number(e.undelivered->value) : "something");
              },
              [](const ForeignPeer& e) -> std::string {
                return e.on_backend ? "a foreign worker" : "a foreign client";
              },
              [](const Tick& e) -> std::string {
                return std::string{"Tick"} + (e.backend_empty ? "" : ", workers unread") +
                       (e.frontend_empty ? "" : ", clients unread");
              },
              [](const Reconfigured& e) {
                return "a new configuration: depth_max=" + number(e.options.queue_depth_max) +
                       " retries=" + number(e.options.retries);
              },
              [](const Stop& e) { return "stop within " + ms(e.within); }},
      event);
}

}  // namespace muster::test::naive
