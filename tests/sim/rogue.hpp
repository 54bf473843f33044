#pragma once

// Peers that keep to nothing: a worker that answers twice, late, out of order, for others and
// never, and a client that uses ids again, floods, rambles and vanishes. They speak by hand, over
// the same network; what they do must harm nobody but those who trusted them.

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/codec.hpp"
#include "tests/sim/content.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/process.hpp"

namespace muster::sim {

class RogueWorker final : public Process {
 public:
  // `worker`: under which name it registers.
  RogueWorker(Stage& stage, HostId host, const std::string& name, const std::string& worker,
              Duration skew, const Plan& plan, RouterId backend, Instance instance, Draw draw);
  void turn() override;

 private:
  struct Job {
    Nonce nonce = 0;
    bool stream = false;
    std::uint64_t parts = 0;
  };

  [[nodiscard]] Time wake() const override { return acts_at_; }
  void hear(ToWorker&& message, const Payload& payload);
  void act();
  void answer();
  void wrong_answer();
  void send(const FromWorker& message, Payload payload = {});
  [[nodiscard]] WorkerDescription info();

  const std::string worker_;
  const Plan& plan_;
  const RouterId backend_;
  Instance instance_;
  Draw draw_;
  DealerId socket_;
  Decoder decoder_;
  std::map<std::uint64_t, Job> jobs_;
  std::deque<std::pair<std::uint64_t, Job>> ended_;  // the last of them
  std::set<std::uint64_t> given_;                    // all, ever
  std::uint64_t slots_;
  Time acts_at_;
};

class RogueClient final : public Process {
 public:
  RogueClient(Stage& stage, HostId host, const std::string& name, Duration skew, const Plan& plan,
              RouterId frontend, Draw draw);
  void turn() override;
  [[nodiscard]] bool listens() const override { return reads_; }

 private:
  [[nodiscard]] Time wake() const override { return acts_at_; }
  void act();
  void send(const FromClient& message, Payload payload = {});

  const Plan& plan_;
  const RouterId frontend_;
  Draw draw_;
  DealerId socket_;
  const bool reads_;
  Time acts_at_;
};

// Bytes that may or may not be a message: a sound one with some of them changed, or none at all.
[[nodiscard]] Frame garbled(Frame header, Draw& draw);

}  // namespace muster::sim
