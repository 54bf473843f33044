#pragma once

// A Controller on a bench: events are given by hand, time is virtual, and what comes out is told in
// lines that a test can compare. Invariants are checked after every step.
//
//   w1 REQUEST #0            a REQUEST relayed to worker connection 1 as the first attempt
//   w1 CANCEL #0   w1 REGISTERED   w1 DISMISS NAME_TAKEN   w1 REREGISTER
//   c1 7 CHUNK a             a part relayed to client connection 1 under its id 7
//   c1 ERROR 7 NO_WORKER none_live
//
// Broker ids count from #0. Heartbeats to workers are kept apart.

#include <string>
#include <vector>

#include "broker/core/controller.hpp"

namespace muster::broker {

using Lines = std::vector<std::string>;

struct WorkerSpec {
  std::string name = "A";
  std::uint64_t instance = 1;
  std::vector<std::string> models = {"m"};
  std::uint64_t slots = 1;
  WorkerState state = WorkerState::ready;
  double speed = 1.0;
  StringMap labels = {};
  std::vector<std::uint64_t> active = {};  // counted from #0
};

class Bench {
 public:
  static constexpr std::uint64_t first_id = broker_id_min + 1000;

  explicit Bench(ControllerOptions options = {}, std::uint64_t seed = 1);

  // Clients and workers are named by the numbers of their connections.
  void request(std::uint32_t client, std::uint64_t id, RequestOptions options = {},
               std::string model = "m", std::string body = "body");
  void cancel(std::uint32_t client, std::uint64_t id);
  void add_worker(std::uint32_t connection, const WorkerSpec& spec = {});  // drops what is said
  void register_worker(std::uint32_t connection, const WorkerSpec& spec = {});
  void status(std::uint32_t connection, std::uint64_t nonce, const WorkerSpec& spec = {});
  void heartbeat(std::uint32_t connection,
                 WorkerHeartbeat body = {.slots = 1, .state = WorkerState::ready});
  void chunk(std::uint32_t connection, std::uint64_t attempt, std::uint64_t seq);
  void final(std::uint32_t connection, std::uint64_t attempt, std::uint64_t seq = 0);
  void undelivered(std::uint32_t connection, std::uint64_t attempt);
  void error(std::uint32_t connection, std::uint64_t attempt, ErrorCode code);
  void worker_says(std::uint32_t connection, FromWorker message, std::string header = "");
  void give(Event event);

  // Lets time pass, with a Tick whenever the Controller wants one. Workers named in `alive` send a
  // heartbeat each interval meanwhile.
  void pass(Duration duration, const std::vector<std::uint32_t>& alive = {});
  void tick(bool backend_empty = true);
  // Time passes without the Controller seeing it: the broker was frozen.
  void freeze(Duration duration) { now_ += duration; }

  // What was said since the last call.
  [[nodiscard]] Lines take();
  [[nodiscard]] Lines take_heartbeats();         // to workers
  [[nodiscard]] Lines take_probes();             // that time has brought about
  [[nodiscard]] Lines take_client_heartbeats();  // that no client has asked for
  [[nodiscard]] std::vector<WorkerNote> take_notes();
  [[nodiscard]] std::vector<FailureNote> take_failure_notes();
  [[nodiscard]] std::vector<RequestNote> take_request_notes();
  void drop() { (void)take(); }

  [[nodiscard]] Value query(const std::string& name, Value args = Value::Map{});
  [[nodiscard]] Value worker(const std::string& name);        // its row of `workers`
  [[nodiscard]] std::uint64_t stat(const std::string& path);  // "errors.NO_WORKER"; 0 if absent

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] Controller& controller() { return controller_; }
  [[nodiscard]] const std::vector<Error>& errors() const { return errors_; }

 private:
  void note(const Action& action);

  ControllerOptions options_;
  Time now_{std::chrono::hours{1}};
  Controller controller_;
  std::uint64_t last_query_ = 1'000'000;
  Lines lines_;
  Lines heartbeats_;
  Lines client_heartbeats_;
  Lines probes_;
  bool unasked_ = false;  // what is said now is said upon a Tick
  std::vector<WorkerNote> notes_;
  std::vector<FailureNote> failure_notes_;
  std::vector<RequestNote> request_notes_;
  std::vector<Error> errors_;  // every ERROR of the broker's own
  Value answer_;
};

[[nodiscard]] RequestOptions with(auto change) {
  RequestOptions options;
  change(options);
  return options;
}

[[nodiscard]] inline RequestOptions streamed() {
  RequestOptions options;
  options.stream = true;
  return options;
}

// May not be given to a second worker.
[[nodiscard]] inline RequestOptions once() {
  RequestOptions options;
  options.retry = false;
  return options;
}

}  // namespace muster::broker
