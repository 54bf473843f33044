#pragma once

// Any events at all, in any order, for a Controller that is held to the naive model
// (naive_controller.hpp) after every one of them. Who says something next, and what, is drawn from
// a source of choices (world.hpp); what could be said (attempts that are out, PROBEs that are not
// answered, connections) is asked of the model, so that this knows nothing of its own and cannot be
// wrong about it.
//
// Every kind of event comes: also pauses in which the broker is not woken, time that passes with
// all its Ticks and some of the workers speaking, and new configurations.

#include <map>
#include <string>
#include <vector>

#include "broker/core/controller.hpp"
#include "tests/support/naive_controller.hpp"
#include "tests/support/world.hpp"

namespace muster::test {

class NaiveWorld {
 public:
  NaiveWorld(Choices& choices, std::uint64_t seed);

  // At most so many turns, fewer where the choices are spent or something does not hold; then the
  // broker stops, which leaves nobody without an answer.
  void run(int turns);

  [[nodiscard]] const NaiveController& model() const { return model_; }
  // What did not hold first, and what led to it; empty: all is well.
  [[nodiscard]] std::string failure() const;
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  [[nodiscard]] broker::ControllerOptions some_options(const broker::ControllerOptions& now);
  void give(broker::Event event);
  void turn();
  void pass();

  // Clients.
  void client_turn();
  void ask(ClientConnection client);
  void cancel(ClientConnection client);
  void query(ClientConnection client);
  void say(ClientConnection client, FromClient message, std::string payload = {});
  [[nodiscard]] RequestOptions some_request_options();

  // Workers.
  void worker_turn();
  void enlist();
  void start_anew();
  void beat(const naive::Worker& worker);
  void report(const naive::Worker& worker);
  void answer();
  void fault();
  void break_connection(const naive::Worker& worker);
  void say(WorkerConnection worker, FromWorker message);
  [[nodiscard]] const naive::Worker* some_worker();
  [[nodiscard]] const naive::Request* some_attempt(naive::Session at_most_of = 0);
  [[nodiscard]] WorkerConnection some_connection();
  [[nodiscard]] WorkerState some_state();
  [[nodiscard]] std::vector<ModelDescription> some_models();
  [[nodiscard]] WorkerDescription some_info(const std::string& name, std::uint64_t instance);

  [[nodiscard]] bool one_in(std::uint64_t n) { return choices_.below(n) == 0; }
  [[nodiscard]] Duration some_time(std::uint64_t ms_max) {
    return std::chrono::milliseconds{choices_.below(ms_max)};
  }

  Choices& choices_;
  Time now_{std::chrono::seconds{1}};
  broker::ControllerOptions options_;
  NaiveController model_;
  broker::Controller controller_;
  std::uint32_t next_connection_ = 100;
  std::uint64_t serial_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace muster::test
