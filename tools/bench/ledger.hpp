#pragma once

// Ledger: what one client has asked and not been answered yet, and what it has to complain of. A
// run counts only if every request had its answer, all of it, once.
//
// An id names a place in the ledger and how often it was used, so that it is found by an index,
// and an answer to nothing is seen. No allocation after the making.

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/time.hpp"

namespace muster::bench {

// Counted over a whole run, its warm-up and its end included.
struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;   // by FINAL or ERROR
  std::uint64_t errors = 0;     // ERRORs among them
  std::uint64_t unasked = 0;    // parts of an answer that nobody had asked for
  std::uint64_t mangled = 0;    // parts that are not what the worker has sent
  std::uint64_t not_sent = 0;   // the schedule wanted them sent, and their window was full
  std::string first_complaint;  // the first ERROR, or whatever else was said that should not be

  void add(const Tally& other);
  void complain(std::string sentence) {
    if (first_complaint.empty()) first_complaint = std::move(sentence);
  }
};

class Ledger {
 public:
  struct Pending {
    std::uint64_t id = 0;
    Time since{};  // when it was, or should have been, sent
    std::uint32_t parts = 0;
    bool open = false;
  };

  // How many requests may be open at once.
  explicit Ledger(std::size_t window);

  [[nodiscard]] bool full() const { return free_.empty(); }
  [[nodiscard]] std::size_t outstanding() const { return places_.size() - free_.size(); }

  // A request is sent under the id that is returned. REQUIRES: !full().
  [[nodiscard]] std::uint64_t open(Time since);

  // The open request of this id; null, and counted, where there is none.
  [[nodiscard]] Pending* find(std::uint64_t id);

  // It has its FINAL, or its ERROR.
  void close(Pending& pending);
  void close_with_error(Pending& pending, std::string sentence);

  Tally tally;

 private:
  std::vector<Pending> places_;
  std::vector<std::uint32_t> free_;
};

}  // namespace muster::bench
