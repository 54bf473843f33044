#pragma once

// BrokerChecker: holds one life of a broker to its promise, from what it hears and what it does
// alone. It keeps a table of its own, made from docs/protocol.md and not from the broker's code:
// who is owed an answer, who has which slot, what each worker has said of itself. Of the broker's
// own notes it takes only that a session has ended. After every step it judges each action by that:
//
// - every REQUEST and QUERY gets one answer and no more, in time; nothing is sent after it;
// - the parts of an answer are those of its request, in order, of the one worker that has it;
// - no worker has more than it granted, nor what it does not serve, nor while it is not ready;
// - none is given to a second worker after its first part, or against its `retry`, or too often;
// - what ends here while a worker has it is cancelled there in the same step;
// - no request waits while a slot that fits it is free;
// - what the broker tells of its tables is what this one holds.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/action.hpp"
#include "broker/core/event.hpp"
#include "broker/core/options.hpp"
#include "protocol/codec.hpp"
#include "tests/sim/content.hpp"

namespace muster::sim {

class BrokerChecker {
 public:
  explicit BrokerChecker(const broker::ControllerOptions& options) : options_(options) {}

  // What the Controller is about to be told.
  void before(const broker::Event& event, Time now);
  // What it has done upon that.
  void after(const std::vector<broker::Action>& actions, std::size_t from, Time now);
  // What it says of itself: the answers to `stats` and `workers`.
  void compare(const Value& stats) const;
  void compare_workers(const Value& workers) const;

  [[nodiscard]] std::size_t owed() const { return owed_.size(); }
  // What is still owed, and where it is, in sentences.
  [[nodiscard]] std::string story() const;

 private:
  using Key = std::pair<ClientConnection, std::uint64_t>;
  struct Owed {
    bool query = false;
    Nonce nonce = 0;
    std::string body{};
    std::string model{};
    StringMap require{};
    bool stream = false;
    bool retry = true;
    Time due{};
    Time first_due = time_never;  // of the first part
    Duration idle{};              // between parts; 0: any
    Time idle_due = time_never;
    std::uint64_t parts = 0;
    std::optional<BrokerId> attempt{};
    std::uint64_t losses = 0;
    bool given_back = false;  // once: it was refused, or could not be delivered
    std::map<std::string, Time>
        avoids{};  // workers that refused it, and until when it is not theirs
    [[nodiscard]] bool is_late(Time now) const {
      return now >= due || now >= (parts == 0 ? first_due : idle_due);
    }
  };
  struct Held {
    WorkerConnection at;
    std::optional<Key> owed{};  // none: its client has had its end, or it is an orphan
    bool cancelled = false;
    std::uint64_t order = 0;  // when it was sent; 0: an orphan
  };
  struct Session {
    std::string name;
    WorkerDescription said;
    bool broken = false;
    Time heard{};                // when it said something last
    std::uint64_t failures = 0;  // of its model server, in a row
    std::map<BrokerId, Held> holds{};
    std::optional<std::pair<std::uint64_t, std::uint64_t>> probe{};  // nonce, and sent before it
    [[nodiscard]] bool serves(const std::string& model) const;
    [[nodiscard]] bool fits(const StringMap& require) const;
  };
  using Sessions = std::map<WorkerConnection, Session>;
  struct Cause {  // what this step came from, where that is a worker's word of an attempt
    WorkerConnection from;
    BrokerId attempt;
    enum class Kind : std::uint8_t { chunk, final, error } kind{};
    std::uint64_t seq = 0;
    bool had_it = false;
  };

  void heard(const broker::ClientSaid& event, Time now);
  void heard(const broker::ClientFault& event, Time now);
  void heard(const broker::ClientUnreachable& event, Time now);
  void heard(const broker::WorkerSaid& event, Time now);
  void heard(const broker::WorkerFault& event, Time now);
  void heard(const broker::WorkerUnreachable& event, Time now);
  void heard(const broker::ForeignPeer&, Time) {}
  void heard(const broker::Tick& event, Time now);
  void heard(const broker::Reconfigured& event, Time now);
  void heard(const broker::Stop& event, Time now);
  void ask(Key key, Owed&& owed);
  void word_of(WorkerConnection from, const FromWorker& message, Time now);
  void error_of(Session& session, const Error& error, Time now);
  void status(Session& session, const Status& message);

  void judge(const broker::SendToClient& action, Time now);
  void judge(const broker::RelayToClient& action, Time now);
  void judge(const broker::SendToWorker& action, Time now);
  void judge(const broker::RelayToWorker& action, Time now);
  void judge(const broker::WorkerNote& note, Time now);
  void judge(const broker::FailureNote&, Time) {}
  void judge(const broker::RequestNote&, Time) {}
  void judge(const broker::FaultNote&, Time) {}
  void judge_choice(const Owed& owed, const Session& session) const;
  void judge_again(Owed& owed, const Session& session, Time now);
  void judge_error(const Key& key, const Error& error, Time now);
  void judge_header(const broker::RelayToClient& action);
  void judge_step(Time now);
  void judge_waiting(Time now) const;
  void judge_depths() const;

  void registered(WorkerConnection connection, Time now);
  void reconcile(Session& session, WorkerConnection at, const std::vector<BrokerId>& active,
                 std::uint64_t sent_before);
  void end_session(Sessions::iterator session);
  void end(const Key& key);
  void lose(const Held& held);
  [[nodiscard]] Session* session_at(WorkerConnection connection);
  [[nodiscard]] Held* held_by(BrokerId attempt);

  broker::ControllerOptions options_;
  std::uint64_t retries_max_ = options_.retries;  // since its start: a new one holds from then on
  std::uint64_t retries_min_ = options_.retries;
  Decoder reader_{WireLimits{}};
  std::map<Key, Owed> owed_;
  Sessions sessions_;
  std::map<WorkerConnection, WorkerDescription> asked_;  // of the last REGISTER
  std::optional<Cause> cause_;
  std::optional<Key> duplicate_due_;
  std::optional<Key> cancel_due_;
  std::vector<BrokerId> cancels_due_;  // attempts whose end in this step wants a CANCEL
  std::vector<Owed> not_served_;       // what was answered NO_WORKER in this step
  std::uint64_t last_attempt_ = 0;
  std::uint64_t order_ = 0;
  bool ticked_ = false;
  Time stopped_by_ = time_never;
  std::uint64_t depth_max_ = options_.queue_depth_max;  // the largest since its start
};

}  // namespace muster::sim
