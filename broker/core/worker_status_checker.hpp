#pragma once

// The WorkerStatusChecker keeps liveness, Paranoid-Pirate style (docs/protocol.md, section 7): it
// tells when each worker is to be sent a heartbeat, which are overdue (suspect) and which are to be
// taken for dead (expired).
//
// A silence counts against a worker only if it is the worker's own (silence_clock.hpp). Where all
// of several workers fall silent together, the broker doubts itself: its own network is likelier to
// be gone than all of theirs. None of them is taken for dead before one is heard again, or twice
// the expiry time has passed; and when one is heard, the others have the expiry time to follow. A
// worker that was silent before the others, or whose connection is gone, has no part in this.
//
// Complexity: heard() is O(1); a Tick is O(log n) for each worker that is due.

#include <map>
#include <vector>

#include "broker/core/options.hpp"
#include "broker/core/silence_clock.hpp"
#include "broker/core/timer_queue.hpp"
#include "broker/core/worker_registry.hpp"

namespace muster::broker {

class WorkerStatusChecker {
 public:
  WorkerStatusChecker(const ControllerOptions& options, Time now)
      : options_(options), clock_(options, now), last_sign_(now) {}

  void watch(const WorkerInfo& worker, Time now);
  void forget(const WorkerInfo& worker);

  // A sign of life. True where it ends a suspicion.
  bool heard(WorkerInfo& worker, Time now);

  struct Due {
    std::vector<WorkerInfo*> heartbeat;  // to be sent one
    std::vector<WorkerInfo*> suspect;    // overdue since now
    std::vector<WorkerInfo*> expired;    // to be taken for dead
    bool doubt_begins = false;           // all are silent
    bool doubt_ends = false;             // one was heard again, or all are taken for dead
  };
  // `all_read`: everything that had arrived from workers has been given to heard().
  [[nodiscard]] Due tick(Time now, bool all_read, WorkerRegistry& workers);

  // When tick() has something to do; never later than an interval from the last one.
  [[nodiscard]] Time next_deadline() const;

  // Whether all workers are silent, so that it is not held against any of them.
  [[nodiscard]] bool doubts() const { return doubts_; }

  // Everything that had arrived from workers by then has been read.
  [[nodiscard]] Time read_up_to() const { return clock_.read_up_to(); }

  // How long nothing has been heard.
  [[nodiscard]] static Duration silence(const WorkerInfo& worker, Time now) {
    return now - worker.last_heard;
  }

 private:
  struct Watch {
    Time judge_at;
    Time heartbeat_at;
    bool spared = false;  // it fell silent with all others
  };
  void look_for_doubt(const WorkerRegistry& workers, Due& due);
  void begin_doubt(const WorkerRegistry& workers);
  void end_doubt(Time now);
  [[nodiscard]] Time spared_until(const Watch& watch) const;
  void judge_at(SessionId session, Watch& watch, Time at);
  void judge(WorkerInfo& worker, Watch& watch, Time now, Due& due);

  const ControllerOptions& options_;
  std::map<SessionId, Watch> watches_;
  TimerQueue<SessionId> judgements_;
  TimerQueue<SessionId> heartbeats_;
  SilenceClock clock_;
  Time last_sign_;      // of life, of any worker
  Time spare_until_{};  // those that are spared, where there is no doubt any more
  bool doubts_ = false;
  bool told_doubt_ = false;
};

}  // namespace muster::broker
