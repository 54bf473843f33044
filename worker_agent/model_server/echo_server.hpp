#pragma once

// The model that is built in: it says a prompt's words back, in the shapes of OpenAI's API
// (/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models), streamed or not, with delays
// as configured. For a first try without a model server, and as a load target.
//
// The body's `stream` decides the shape of an answer, the job's `stream` whether it goes out in
// parts: one part a word, the opening event with the first. Any model name is answered.
//
// It does no I/O and knows no clock: it runs in virtual time as well as in real time. A run says at
// most `words_per_run_max` words, and goes on in the next.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker_agent/model_server/echo_answer.hpp"
#include "worker_agent/model_server/job_clock.hpp"
#include "worker_agent/model_server/model_server.hpp"
#include "worker_agent/model_server/options.hpp"

namespace muster::agent {

class EchoServer : public ModelServer {
 public:
  static constexpr std::uint64_t slots = 256;
  static constexpr std::size_t jobs_max = slots_max;  // more at once are REFUSED
  static constexpr std::size_t words_per_run_max = 4096;

  explicit EchoServer(EchoOptions options) : options_(std::move(options)) {}

  void start(Job job, Time now) override;
  void stop(JobId id) override;
  void run(Time now, std::vector<ServerEvent>& out) override;
  [[nodiscard]] int fd() const override { return -1; }
  [[nodiscard]] Time next_deadline() const override;

 private:
  struct Running {
    JobDone
        done;  // what ends it; complete from the start where there is nothing to say word by word
    std::optional<EchoAnswer> answer;
    bool in_parts = false;  // only where there is an answer
    JobClock clock;
    Time due{};   // of the next word, or of the whole
    Time wake{};  // its entry in wakes_: when it is due, or its time runs out
  };
  using Jobs = std::map<JobId, Running>;

  void answer_to(EchoRequest request, bool takes_parts, Running& running, Time now);
  void begin_answer(EchoPrompt prompt, bool takes_parts, Running& running, Time now);
  [[nodiscard]] Duration whole_delay(std::uint64_t words) const;
  void set_wake(JobId id, Running& running);
  void say(Jobs::iterator at, Time now, std::size_t& words_left, std::vector<ServerEvent>& out);
  void finish(Jobs::iterator at, std::vector<ServerEvent>& out);
  void end(Jobs::iterator at);

  EchoOptions options_;
  Jobs jobs_;
  std::set<std::pair<Time, JobId>> wakes_;
  std::vector<ServerEvent> refused_;  // told at the next run()
  std::uint64_t answers_ = 0;
  bool told_ = false;
  Time now_{};
};

}  // namespace muster::agent
