#pragma once

// One client: keeps its window full, or its schedule, and holds every answer against what the
// workers have sent.

#include <optional>
#include <string>

#include "protocol/codec.hpp"
#include "tools/bench/arrivals.hpp"
#include "tools/bench/dealer.hpp"
#include "tools/bench/ledger.hpp"
#include "tools/bench/peer.hpp"
#include "tools/bench/script.hpp"

namespace muster::bench {

class Client : public Peer {
 public:
  // `number`: of this client among all. `script`, `yield` and `context` outlive it.
  Client(SocketContext& context, Script& script, Yield& yield, std::uint64_t number);

  [[nodiscard]] Outcome connect(const std::string& endpoint) { return socket_.connect(endpoint); }
  [[nodiscard]] int fd() const override { return socket_.fd(); }
  [[nodiscard]] bool ready() const override { return ready_; }
  [[nodiscard]] bool pump() override;

  // When the schedule wants the next request sent; never while there is no schedule, or no room.
  [[nodiscard]] Time due() const override;
  void act(Time now) override;

  // Begins to ask.
  void start(const Window& window, Time now);

  // Nothing is outstanding, and nothing more will be sent.
  [[nodiscard]] bool done(Time now) const;

  // Counts what the schedule still wanted to be sent, and how long it has waited at the least: left
  // out, it would make an overloaded target look quick. REQUIRES: the run is over; to be called
  // once.
  [[nodiscard]] Tally settle();

 private:
  void send(Time since);
  void took(Time now);
  void took_part(Ledger::Pending& pending, const Rest& rest, Time now);
  void took_other();
  void answered(Time now);
  [[nodiscard]] bool is_measured(Time since) const {
    return since >= window_.from && since < window_.to;
  }

  Script& script_;
  Yield& yield_;
  Dealer socket_;
  Ledger ledger_;
  Prng prng_;
  Window window_;
  std::optional<Arrivals> arrivals_;
  bool ready_ = false;
  bool cut_off_ = false;
  bool over_ = false;  // nothing is sent any more, whatever the schedule wants
  zmq::message_t header_;
};

}  // namespace muster::bench
