#include "tests/unit/broker/bench.hpp"

#include <gtest/gtest.h>

namespace muster::broker {
namespace {

constexpr std::uint8_t id_width = 9;

std::string attempt_text(std::uint64_t id) {
  return "#" + std::to_string(id - Bench::first_id);
}

std::string word_and(const std::string& word, const std::string& more) {
  return more.empty() ? word : word + " " + more;
}

// A header that is an id and then `text`.
Header header_of(std::string_view text) {
  return {Frame{std::string(id_width, '\0') + std::string{text}},
          {.offset = 0, .width = static_cast<std::uint8_t>(id_width)}};
}

// The text, if the header has been given this id.
std::string text_of(const Frame& header, WireId id) {
  const Frame right = with_id(Frame{header.bytes()}, {0, id_width}, id);
  EXPECT_EQ(header.text(), right.text()) << "a header was passed on under another id";
  return std::string{header.text().substr(id_width)};
}

// Tests begin long after the start of a broker, unless they are about it.
ControllerOptions without_default_grace(ControllerOptions options) {
  if (options.restart_grace == ControllerOptions{}.restart_grace) options.restart_grace = {};
  return options;
}

WorkerDescription description_of(const WorkerSpec& spec) {
  WorkerDescription info;
  info.worker = spec.name;
  info.instance = Instance{spec.instance};
  for (const std::string& model : spec.models) {
    info.models.push_back(ModelDescription{
        .name = model, .aliases = {}, .context_length = {}, .modalities = {}, .operations = {}});
  }
  info.slots = spec.slots;
  info.state = spec.state;
  info.speed = spec.speed;
  info.labels = spec.labels;
  for (const std::uint64_t attempt : spec.active)
    info.active.push_back(BrokerId{Bench::first_id + attempt});
  return info;
}

}  // namespace

Bench::Bench(ControllerOptions options, std::uint64_t seed)
    : options_(without_default_grace(std::move(options))),
      controller_(options_, Birth{Instance{77}, BrokerId{first_id}, seed}, now_) {}

void Bench::give(Event event) {
  unasked_ = std::holds_alternative<Tick>(event);
  std::vector<Action> out;
  controller_.step(std::move(event), now_, out);
  for (const Action& action : out)
    note(action);
  controller_.check_invariants();
}

void Bench::request(std::uint32_t client, std::uint64_t id, RequestOptions options,
                    std::string model, std::string body) {
  give(ClientSaid{ClientConnection{client},
                  Request{WireId{id}, std::move(model), std::move(options)}, header_of("REQUEST"),
                  Payload{std::string_view{body}}});
}

void Bench::cancel(std::uint32_t client, std::uint64_t id) {
  give(ClientSaid{ClientConnection{client}, Cancel{WireId{id}}, {}, {}});
}

void Bench::register_worker(std::uint32_t connection, const WorkerSpec& spec) {
  worker_says(connection, Register{description_of(spec)});
}

void Bench::status(std::uint32_t connection, std::uint64_t nonce, const WorkerSpec& spec) {
  worker_says(connection, Status{nonce, description_of(spec)});
}

void Bench::add_worker(std::uint32_t connection, const WorkerSpec& spec) {
  register_worker(connection, spec);
  drop();
}

void Bench::heartbeat(std::uint32_t connection, WorkerHeartbeat body) {
  worker_says(connection, std::move(body));
}

void Bench::chunk(std::uint32_t connection, std::uint64_t attempt, std::uint64_t seq) {
  worker_says(connection, Chunk{WireId{first_id + attempt}, seq, {}},
              "CHUNK " + std::to_string(seq));
}

void Bench::undelivered(std::uint32_t connection, std::uint64_t attempt) {
  give(WorkerUnreachable{WorkerConnection{connection}, BrokerId{first_id + attempt}});
}

void Bench::final(std::uint32_t connection, std::uint64_t attempt, std::uint64_t seq) {
  worker_says(connection, Final{WireId{first_id + attempt}, seq, {}}, "FINAL");
}

void Bench::error(std::uint32_t connection, std::uint64_t attempt, ErrorCode code) {
  worker_says(connection, Error{WireId{first_id + attempt}, code, "as the worker says", {}},
              "ERROR " + error_name(code));
}

void Bench::worker_says(std::uint32_t connection, FromWorker message, std::string header) {
  give(WorkerSaid{WorkerConnection{connection}, std::move(message), header_of(header), Payload{}});
}

void Bench::tick(bool backend_empty) {
  give(Tick{.backend_empty = backend_empty, .frontend_empty = true});
}

void Bench::pass(Duration duration, const std::vector<std::uint32_t>& alive) {
  const Time end = now_ + duration;
  Time next_beat = now_ + options_.heartbeat_interval;
  int turns = 0;
  while (true) {
    const Time wanted = std::max(now_, std::min(controller_.next_deadline(), next_beat));
    if (wanted > end) break;
    ASSERT_LT(++turns, 100'000) << "the Controller wants Ticks without end";
    now_ = wanted;
    if (now_ == next_beat) {
      for (const std::uint32_t connection : alive) {
        heartbeat(connection);
      }
      next_beat += options_.heartbeat_interval;
    }
    tick();
  }
  now_ = end;
}

Lines Bench::take() {
  return std::exchange(lines_, {});
}
Lines Bench::take_probes() {
  return std::exchange(probes_, {});
}

Lines Bench::take_client_heartbeats() {
  return std::exchange(client_heartbeats_, {});
}

Lines Bench::take_heartbeats() {
  return std::exchange(heartbeats_, {});
}
std::vector<WorkerNote> Bench::take_notes() {
  return std::exchange(notes_, {});
}
std::vector<FailureNote> Bench::take_failure_notes() {
  return std::exchange(failure_notes_, {});
}
std::vector<RequestNote> Bench::take_request_notes() {
  return std::exchange(request_notes_, {});
}

Value Bench::query(const std::string& name, Value args) {
  answer_ = {};
  give(ClientSaid{ClientConnection{4'000'000'000},
                  Query{WireId{++last_query_}, name, std::move(args)},
                  {},
                  {}});
  return answer_;
}

Value Bench::worker(const std::string& name) {
  const Value all = query("workers");
  for (const Value& row : *all.find("workers")->array()) {
    if (row.find("worker")->string_or("") == name) return row;
  }
  return {};
}

std::uint64_t Bench::stat(const std::string& path) {
  const Value stats = query("stats");
  const Value* at = &stats;
  std::size_t begin = 0;
  while (at != nullptr && begin <= path.size()) {
    const std::size_t dot = std::min(path.find('.', begin), path.size());
    at = at->find(path.substr(begin, dot - begin));
    begin = dot + 1;
  }
  return at != nullptr ? at->uint_or(0) : 0;
}

void Bench::note(const Action& action) {
  if (const auto* a = std::get_if<RelayToWorker>(&action)) {
    lines_.push_back("w" + std::to_string(a->to.value) + " " +
                     text_of(a->header, WireId{a->id.value}) + " " + attempt_text(a->id.value));
  } else if (const auto* b = std::get_if<RelayToClient>(&action)) {
    lines_.push_back("c" + std::to_string(b->to.value) + " " + std::to_string(b->id.value) + " " +
                     text_of(b->header, WireId{b->id.value}));
  } else if (const auto* c = std::get_if<SendToClient>(&action)) {
    const std::string to = "c" + std::to_string(c->to.value);
    if (const auto* error = std::get_if<Error>(&c->message)) {
      errors_.push_back(*error);
      lines_.push_back(to + " ERROR " + std::to_string(error->id.value) + " " +
                       word_and(error_name(error->code), error->meta.reason) +
                       (error->meta.duplicate ? " duplicate" : ""));
    } else if (const auto* answer = std::get_if<Answer>(&c->message)) {
      answer_ = answer->result;
    } else if (const auto* terms = std::get_if<ClientTerms>(&c->message)) {
      const std::string line = to + " HEARTBEAT" + (terms->terms.draining ? " draining" : "");
      (unasked_ ? client_heartbeats_ : lines_).push_back(line);
    }
  } else if (const auto* d = std::get_if<SendToWorker>(&action)) {
    const std::string to = "w" + std::to_string(d->to.value) + " ";
    if (const auto* cancel = std::get_if<Cancel>(&d->message)) {
      lines_.push_back(to + "CANCEL " + attempt_text(cancel->id.value));
    } else if (const auto* dismiss = std::get_if<Dismiss>(&d->message)) {
      lines_.push_back(to + "DISMISS " + error_name(dismiss->code));
    } else if (const auto* beat = std::get_if<BrokerHeartbeat>(&d->message)) {
      heartbeats_.push_back(to + "grant=" + std::to_string(beat->grant) +
                            " in_flight=" + std::to_string(beat->in_flight) +
                            " queued=" + std::to_string(beat->queued));
    } else if (const auto* probe = std::get_if<Probe>(&d->message)) {
      (unasked_ ? probes_ : lines_).push_back(to + "PROBE " + std::to_string(probe->nonce));
    } else if (const auto* drain = std::get_if<Drain>(&d->message)) {
      lines_.push_back(to + (drain->on ? "DRAIN" : "UNDRAIN"));
    } else if (std::holds_alternative<Registered>(d->message)) {
      lines_.push_back(to + "REGISTERED");
    } else if (std::holds_alternative<Reregister>(d->message)) {
      lines_.push_back(to + "REREGISTER");
    }
  } else if (const auto* e = std::get_if<WorkerNote>(&action)) {
    notes_.push_back(*e);
  } else if (const auto* f = std::get_if<FailureNote>(&action)) {
    failure_notes_.push_back(*f);
  } else if (const auto* g = std::get_if<RequestNote>(&action)) {
    request_notes_.push_back(*g);
  }
}

}  // namespace muster::broker
