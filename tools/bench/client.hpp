#pragma once

// One client: keeps its window full, or its schedule, and holds every answer against what the
// workers have sent.

#include <memory>
#include <optional>
#include <string>

#include "protocol/codec.hpp"
#include "tools/bench/arrivals.hpp"
#include "tools/bench/ledger.hpp"
#include "tools/bench/link.hpp"
#include "tools/bench/peer.hpp"
#include "tools/bench/script.hpp"

namespace muster::bench {

class Client : public Peer {
 public:
  // `number`: of this client among all. `script` and `yield` outlive it.
  Client(std::unique_ptr<Link> link, Script& script, Yield& yield, std::uint64_t number);

  [[nodiscard]] Outcome connect(const std::string& endpoint) { return link_->connect(endpoint); }
  [[nodiscard]] int fd() const override { return link_->fd(); }
  [[nodiscard]] std::uint32_t news() const override { return link_->news(); }
  [[nodiscard]] bool ready() const override { return ready_; }
  [[nodiscard]] std::string last_words() const override { return link_->last_words(); }
  [[nodiscard]] bool pump() override;

  // When the schedule wants the next request sent; never while there is no schedule, or no room.
  [[nodiscard]] Time due() const override;
  void act(Time now) override;

  // Begins to ask.
  void start(const Window& window, Time now);

  // Nothing is outstanding that may still be answered, and nothing more will be sent.
  [[nodiscard]] bool done(Time now) const;

  // Counts what the schedule still wanted to be sent, and how long it has waited at the least: left
  // out, it would make an overloaded target look quick. REQUIRES: the run is over; to be called
  // once.
  [[nodiscard]] Tally settle();

 private:
  void send(Time since);
  void took(const Received& message, Time now);
  void took_part(Ledger::Pending& pending, const Received& part, Time now);
  void took_other();
  void lost_connection();
  void answered(Time now);
  [[nodiscard]] bool is_measured(Time since) const {
    return since >= window_.from && since < window_.to;
  }

  std::unique_ptr<Link> link_;
  Script& script_;
  Yield& yield_;
  Ledger ledger_;
  Prng prng_;
  Window window_;
  std::optional<Arrivals> arrivals_;
  bool ready_ = false;
  bool cut_off_ = false;
  bool over_ = false;  // nothing is sent any more, whatever the schedule wants
};

}  // namespace muster::bench
