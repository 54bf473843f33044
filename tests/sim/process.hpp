#pragma once

// Process: one program of the simulation, which lives on a machine of its own. Each is a real core
// with a shell around it that does what the real shell does, on the simulated network.

#include <string>
#include <utility>

#include "tests/sim/ask_checker.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/trace.hpp"

namespace muster::sim {

// What all programs of one simulation share.
struct Stage {
  Network network;
  AskChecker asks{};
  Trace trace{};
  Time now{};  // the simulation's own; each process has a clock besides
};

class Process {
 public:
  Process(Stage& stage, HostId host, std::string name, Duration skew)
      : stage_(stage), host_(host), name_(std::move(name)), skew_(skew) {}
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // When it wants a turn, by the simulation's clock, should nothing arrive before.
  [[nodiscard]] Time wakes_at() const {
    const Time at = wake();
    return at == time_never ? at : at - skew_;
  }
  // One turn of its loop.
  virtual void turn() = 0;
  // Whether it has ended by itself.
  [[nodiscard]] virtual bool finished() const { return false; }
  // Whether it takes a turn when something arrives.
  [[nodiscard]] virtual bool listens() const { return true; }
  // Its clock jumps ahead.
  void jump(Duration ahead) { skew_ += ahead; }

  [[nodiscard]] const std::string& name() const { return name_; }

 protected:
  [[nodiscard]] virtual Time wake() const = 0;  // by its own clock
  [[nodiscard]] Time now() const { return stage_.now + skew_; }
  template <class Text>
  void say(const Text& text) const {
    stage_.trace.say(name_, text);
  }

  Stage& stage_;
  const HostId host_;

 private:
  const std::string name_;
  Duration skew_;
};

}  // namespace muster::sim
