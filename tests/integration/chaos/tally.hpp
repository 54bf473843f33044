#pragma once

// What became of a load's requests: counts, and a journal with one JSON line for each that ended.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "muster/client.hpp"
#include "tests/integration/chaos/plan.hpp"

namespace muster::chaos {

using Clock = std::chrono::steady_clock;

struct Request {
  Plan plan;
  Reader reader{plan};
  Clock::time_point sent;
  std::vector<Clock::time_point> retries;
  std::uint64_t parts = 0;
  std::uint64_t ends = 0;
  std::string worker;
};

class Tally {
 public:
  // Throws std::runtime_error where the journal can't be written. Empty: no journal.
  explicit Tally(const std::string& journal);

  void sent();
  void part(Request& request, const client::Part& part);
  void retry(Request& request);
  void end(Request& request, const client::End& end);

  // Whether no more than so many are open; waits for it, for so long at most.
  [[nodiscard]] bool wait_for_open(std::uint64_t open, Clock::duration at_most);
  [[nodiscard]] std::string line() const;  // for people
  // One JSON object: what a load is judged by.
  [[nodiscard]] std::string json() const;
  [[nodiscard]] bool well() const;  // each ended once, and no answer was a wrong one

 private:
  void twice(const Request& request);
  void write_journal(const Request& request, const std::string& result);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t awaited_ = 0;  // how many may be open still, for what waits
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> journal_{nullptr, &std::fclose};
  std::uint64_t sent_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t cancelled_ = 0;  // as asked; what ends so otherwise is among the errors
  std::uint64_t retries_ = 0;
  std::uint64_t wrong_ = 0;  // answers, or parts of one, that are not those asked for
  std::uint64_t twice_ = 0;  // calls after an end
  std::map<std::string, std::uint64_t> errors_;
  Clock::duration longest_wait_{};  // from sent to ended, beyond what the answer itself takes
};

}  // namespace muster::chaos
