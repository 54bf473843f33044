#pragma once

// A model server beside its agent: it answers as docs/protocol.md, section 5, has it that one does,
// and lies, hangs and dies as such servers do.

#include <map>
#include <vector>

#include "tests/sim/content.hpp"
#include "tests/sim/plan.hpp"
#include "worker_agent/core/action.hpp"
#include "worker_agent/core/event.hpp"

namespace muster::sim {

class ModelServer {
 public:
  enum class Mood : std::uint8_t {
    well,
    gone,     // refuses connections
    hung,     // takes all and answers nothing
    failing,  // 500 to everything
    busy,     // 429 to everything
    cutting,  // cuts answers off in the middle
  };

  ModelServer(const agent::AgentOptions& options, const Work& work, Duration interval, Draw draw,
              Time now);

  void start(agent::StartJob&& job, Time now);
  void stop(agent::JobId job);
  void be(Mood mood, Time now);
  // What is asked from now on takes so long; what it works on ends soon.
  void calm(const Work& work, Time now);

  // When it has something to tell.
  [[nodiscard]] Time next() const;
  void run(Time now, std::vector<agent::Event>& out);

  [[nodiscard]] std::size_t jobs() const { return jobs_.size(); }

 private:
  struct Job {
    Nonce nonce = 0;
    bool stream = false;
    std::uint64_t parts = 0;  // that it will have
    std::uint64_t done = 0;
    Duration gap{};
    Time next{};
  };

  void tell(std::vector<agent::Event>& out) const;
  // Whether the job has ended.
  [[nodiscard]] bool go_on(agent::JobId id, Job& job, Time now, std::vector<agent::Event>& out);
  void cut_off(agent::JobId id, const Job& job, std::vector<agent::Event>& out);

  const std::string worker_;
  const std::uint64_t slots_;
  const std::vector<ModelDescription> models_;
  Work work_;
  const Duration interval_;
  Draw draw_;
  Mood mood_ = Mood::well;
  bool up_ = false;  // whether the agent is to be told so
  bool told_ = false;
  const bool tells_progress_;
  std::uint64_t progress_ = 0;
  Time look_at_;  // when its agent looks at it
  std::map<agent::JobId, Job> jobs_;
};

}  // namespace muster::sim
