#pragma once

// A Controller on a stage: what peers send reaches it as bytes through the decoder, as from the
// broker's shell; time is virtual; what it wants done comes out in lines. Its invariants are
// checked after every step.

#include <functional>
#include <memory>
#include <string>

#include "broker/core/controller.hpp"
#include "tests/scenario/teller.hpp"

namespace muster::scenario {

class Stage {
 public:
  // A broker starts; the one before it, with all that it knew, is no more. Each start has an
  // instance of its own, and ids that begin a thousand further on.
  void start(const broker::ControllerOptions& options, std::uint64_t seed);

  // The broker reads its configuration again. REQUIRES: name, heartbeat and wire limits are those
  // that it started with.
  void reload(const broker::ControllerOptions& options);
  [[nodiscard]] const broker::ControllerOptions& options() const { return options_; }

  void client_says(ClientConnection from, Spoken&& spoken);
  // Whether it could be read.
  bool worker_says(WorkerConnection from, Spoken&& spoken);
  void give(broker::Event event);

  // Time passes, with a Tick whenever the Controller wants one; `beat` is called once an interval.
  // `all_read`: nothing that has arrived from workers is still unread.
  void pass(Duration duration, bool all_read, const std::function<void()>& beat);
  // Time passes and the broker does not see it: its machine stood still.
  void freeze(Duration duration) { now_ += duration; }

  // What was told since the last call.
  [[nodiscard]] Lines take() { return std::exchange(lines_, {}); }
  [[nodiscard]] const std::string& unreadable() const { return teller_.unreadable(); }
  [[nodiscard]] Show& show() { return teller_.show; }

 private:
  broker::ControllerOptions options_;
  const Time began_{std::chrono::hours{1}};
  Time now_ = began_;
  std::uint64_t starts_ = 0;
  std::unique_ptr<broker::Controller> controller_;
  std::unique_ptr<Decoder> decoder_;
  Teller teller_;
  bool passing_ = false;  // time is passing: lines say when
  Lines lines_;
};

}  // namespace muster::scenario
