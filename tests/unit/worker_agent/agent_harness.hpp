#pragma once

// Plays the shell to an Agent in virtual time: hands it events, performs its actions into lists
// that a test can look at, and takes its messages as sockets would.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "worker_agent/core/agent.hpp"

namespace muster::agent::test {

using namespace std::chrono_literals;

inline constexpr SessionId first{0};
inline constexpr SessionId second{1};
inline constexpr Instance broker_instance{1000};

struct Said {
  SessionId to;
  FromWorker message;
  std::string payload;
  Time at;
};

inline AgentOptions options_for(std::size_t brokers, std::optional<std::uint64_t> slots = 4) {
  AgentOptions options;
  options.name = "gpu7:8000";
  options.brokers.clear();
  for (std::size_t i = 0; i < brokers; ++i)
    options.brokers.push_back("tcp://broker" + std::to_string(i) + ":5556");
  options.slots = slots;
  return options;
}

inline BrokerTerms terms_of(Instance instance = broker_instance) {
  BrokerTerms terms;
  terms.broker = "b";
  terms.instance = instance;
  terms.interval = 1s;
  terms.liveness = 3;
  return terms;
}

inline ServerChanged server_is(WorkerState state, std::uint64_t slots = 4,
                               std::string model = "llama") {
  ServerChanged event;
  event.state = state;
  event.why = "so it is";
  event.models = {{.name = std::move(model),
                   .aliases = {"alias"},
                   .context_length = {},
                   .modalities = {},
                   .operations = {}}};
  event.slots = slots;
  return event;
}

class Harness {
 public:
  explicit Harness(const AgentOptions& options, std::uint64_t seed = 1)
      : agent(options, Birth{Instance{77}, seed}, Time{1h}), now_(Time{1h}) {
    writable.assign(options.brokers.size(), true);
    beating.assign(options.brokers.size(), false);
    grants_.assign(options.brokers.size(), 0);
  }

  Agent agent;
  std::vector<bool> writable;  // whether that broker's socket takes messages
  std::vector<bool> beating;   // whether that broker heartbeats while time passes
  std::vector<Action> actions;
  std::vector<Said> said;

  [[nodiscard]] Time now() const { return now_; }

  void step(Event event) {
    agent.step(std::move(event), now_, actions);
    flush();
  }

  // Lets time pass, with a Tick at each deadline and each beating broker's heartbeat.
  void advance(Duration d, bool sockets_empty = true) {
    const Time end = now_ + d;
    while (true) {
      const Time next = std::min({agent.next_deadline(), next_beat(), end});
      now_ = std::max(now_, next);
      if (now_ >= next_beat()) beat_all();
      step(Tick{sockets_empty});
      if (now_ >= end) return;
    }
  }
  // Lets time pass as for a process that stood still meanwhile.
  void freeze(Duration d) { now_ += d; }

  void flush() {
    for (std::uint32_t i = 0; i < writable.size(); ++i)
      while (writable[i]) {
        const Outgoing* message = agent.next_message(SessionId{i});
        if (message == nullptr) break;
        if (const auto* beat = std::get_if<WorkerHeartbeat>(&message->message))
          grants_[i] = beat->grant;
        said.push_back({SessionId{i}, message->message, message->payload.joined(), now_});
        agent.message_sent(SessionId{i});
      }
  }

  // ---- what happens

  void hear(SessionId session, ToWorker message, Payload payload = {}) {
    step(BrokerSaid{session, std::move(message), std::move(payload)});
  }
  void register_with(SessionId session, Instance instance = broker_instance) {
    step(Connected{session});
    hear(session, Registered{terms_of(instance)});
  }
  // Registered with every broker, the model server up.
  void make_ready(std::uint64_t slots = 4) {
    for (std::uint32_t i = 0; i < writable.size(); ++i)
      register_with(SessionId{i});
    step(server_is(WorkerState::ready, slots));
    clear();
  }
  // Gives a request; the job that came of it, if one did.
  std::optional<JobId> ask(SessionId session, std::uint64_t id, bool stream = false,
                           std::string model = "llama", std::optional<Duration> timeout = {}) {
    RequestOptions options;
    options.stream = stream;
    options.timeout = timeout;
    const std::size_t before = actions.size();
    hear(session, Request{WireId{id}, std::move(model), options}, Payload{"body"});
    for (std::size_t i = before; i < actions.size(); ++i)
      if (const auto* start = std::get_if<StartJob>(&actions[i])) return start->job;
    return std::nullopt;
  }
  // That broker's heartbeat, by which it shows that it has seen all that it was told.
  void beat(SessionId session, std::uint64_t in_flight = 0, std::uint64_t queued = 0) {
    hear(session, BrokerHeartbeat{grants_[session.value], in_flight, queued});
  }
  void part(JobId job, std::string bytes) { step(PartMade{job, {}, Payload{bytes}}); }
  void done(JobId job, std::string bytes = "answer") { step(JobEnded{job, {}, Payload{bytes}}); }

  // ---- what came of it

  void clear() {
    actions.clear();
    said.clear();
  }
  template <class A>
  [[nodiscard]] std::vector<const A*> all() const {
    std::vector<const A*> found;
    for (const auto& action : actions)
      if (const auto* one = std::get_if<A>(&action)) found.push_back(one);
    return found;
  }
  template <class M>
  [[nodiscard]] std::vector<const M*> all_said(SessionId to = first) const {
    std::vector<const M*> found;
    for (const auto& one : said)
      if (one.to == to)
        if (const auto* message = std::get_if<M>(&one.message)) found.push_back(message);
    return found;
  }
  template <class M>
  [[nodiscard]] std::vector<Duration> times_of(SessionId to, Time since) const {
    std::vector<Duration> times;
    for (const auto& one : said)
      if (one.to == to && std::holds_alternative<M>(one.message)) times.push_back(one.at - since);
    return times;
  }
  // What was said about requests, in a short form: "CHUNK 7 0 ab", "FINAL 7 1 c", "ERROR 7
  // REFUSED".
  [[nodiscard]] std::vector<std::string> answers(SessionId to = first) const {
    std::vector<std::string> lines;
    for (const auto& one : said) {
      if (one.to != to) continue;
      const auto line = [&](const std::string& kind, WireId id, const std::string& more) {
        lines.push_back(kind + " " + std::to_string(id.value) + " " + more +
                        (one.payload.empty() ? "" : " " + one.payload));
      };
      if (const auto* c = std::get_if<Chunk>(&one.message))
        line("CHUNK", c->id, std::to_string(c->seq));
      if (const auto* f = std::get_if<Final>(&one.message))
        line("FINAL", f->id, std::to_string(f->seq));
      if (const auto* e = std::get_if<Error>(&one.message))
        line("ERROR", e->id, error_name(e->code));
    }
    return lines;
  }
  [[nodiscard]] std::vector<std::string> notes() const {
    std::vector<std::string> words;
    for (const auto& action : actions) {
      if (const auto* note = std::get_if<SessionNote>(&action))
        words.push_back(std::string{note->what} + (note->alarming ? "!" : ""));
      if (const auto* note = std::get_if<AgentNote>(&action))
        words.push_back(std::string{note->what} + (note->alarming ? "!" : ""));
    }
    return words;
  }
  [[nodiscard]] std::optional<ExitCode> exit_code() const {
    const auto exits = all<Exit>();
    return exits.empty() ? std::nullopt : std::optional{exits.front()->code};
  }

 private:
  [[nodiscard]] Time next_beat() const {
    return std::find(beating.begin(), beating.end(), true) == beating.end() ? time_never
                                                                            : next_beat_;
  }
  void beat_all() {
    next_beat_ = now_ + 500ms;
    for (std::uint32_t i = 0; i < beating.size(); ++i)
      if (beating[i]) beat(SessionId{i});
  }

  Time now_;
  Time next_beat_{};
  std::vector<std::uint64_t> grants_;  // by broker: the last that it was told
};

}  // namespace muster::agent::test
