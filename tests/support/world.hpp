#pragma once

// A world around a Controller: clients and workers that do anything that the protocol allows and
// much that it does not, as a source of choices has it; and a check, after every step, of what must
// hold whatever happens: every request gets exactly one answer, no worker is given more than it
// granted, nothing is sent after an end, and the Controller's own invariants.
//
// The unit test draws the choices from a seed, the fuzzer from its input.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/core/controller.hpp"
#include "protocol/codec.hpp"

namespace muster::test {

class Choices {
 public:
  virtual ~Choices() = default;
  [[nodiscard]] virtual std::uint64_t next() = 0;
  // In [0, bound). REQUIRES: bound > 0.
  [[nodiscard]] virtual std::uint64_t below(std::uint64_t bound) = 0;
  // Bytes of a peer that keeps to nothing.
  [[nodiscard]] virtual std::string bytes() = 0;
  // Whether there is nothing left to choose from.
  [[nodiscard]] virtual bool spent() const = 0;
};

class World {
 public:
  World(Choices& choices, std::uint64_t seed);

  // At most so many turns, fewer where the choices are spent or something is violated; then the
  // broker stops, which has to leave nobody without an answer.
  void run(int turns);

  // What did not hold, in sentences; empty: all is well.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::size_t answered() const { return answered_; }
  // What was said, in a few letters each: the same choices give the same.
  [[nodiscard]] const std::string& trace() const { return trace_; }

 private:
  static constexpr std::size_t workers_count = 4;
  static constexpr std::uint64_t clients_count = 3;

  struct Worker {
    std::uint32_t connection = 0;  // 0: none
    std::uint64_t instance = 1;
    std::uint64_t progress = 0;
    std::uint64_t slots = 0;                     // as the broker has heard
    std::uint64_t asked = 0;                     // in its last REGISTER, which may be turned away
    std::optional<std::uint64_t> nonce{};        // of a PROBE that is not answered
    std::map<std::uint64_t, std::uint64_t> has;  // attempt -> parts sent
  };
  using Key = std::pair<std::uint32_t, std::uint64_t>;  // a client, and its id

  [[nodiscard]] broker::ControllerOptions make_options();
  void turn();
  void settle();
  void ask(std::uint32_t client);
  void order(std::uint32_t client);
  void rave(std::uint32_t client);
  void rave(Worker& worker);
  void forget_client(std::uint32_t client);
  void cut(Worker& worker);
  void leave(Worker& worker);
  void enlist(Worker& worker);
  [[nodiscard]] std::uint64_t registers_dropped();
  void beat(Worker& worker);
  void report(Worker& worker);
  [[nodiscard]] WorkerDescription info_of(const Worker& worker);
  void answer(Worker& worker);
  bool say(Worker& worker, FromWorker message);
  void note_said(const FromWorker& message, Worker& worker);
  void client_says(std::uint32_t client, FromClient message);
  [[nodiscard]] WorkerState some_state();

  void give(broker::Event event);
  void take(const broker::Action& action, const std::string& said);
  void take_error(const broker::SendToClient& send, const Error& error);
  [[nodiscard]] Worker* worker_at(WorkerConnection connection);
  void take_answer(const broker::SendToClient& send, const Answer& answer);
  void take_request(const broker::RelayToWorker& request);
  void end(const Key& key, const std::string& said);
  void expect(bool holds, const std::string& sentence);

  Choices& choices_;
  Time now_{std::chrono::seconds{1}};
  broker::ControllerOptions options_;
  broker::Controller controller_;
  Decoder decoder_{WireLimits{}};
  std::array<Worker, workers_count> workers_;
  std::uint32_t next_connection_ = 100;
  std::map<Key, Time> outstanding_;  // and when it was asked
  bool duplicate_expected_ = false;
  std::size_t answered_ = 0;
  std::string trace_;
  std::vector<std::string> violations_;
};

}  // namespace muster::test
