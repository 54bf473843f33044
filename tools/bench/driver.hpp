#pragma once

// Driver: one thread's share of clients and workers, and the loop that plays them all: waits for
// whichever has something to read, lets it read and answer, and keeps heartbeats and schedules.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "tools/bench/client.hpp"
#include "tools/bench/dealer.hpp"
#include "tools/bench/script.hpp"
#include "tools/bench/worker.hpp"

namespace muster::bench {

// Where a target listens.
struct Endpoints {
  std::string frontend;
  std::string backend;
};

class Driver {
 public:
  // `number`: of this driver among options.threads. It plays each client and worker whose own
  // number, divided by that of the threads, leaves `number`.
  Driver(const BenchOptions& options, Target target, std::uint64_t number);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Connects them all, and waits until each has met the other side.
  [[nodiscard]] Outcome open(const Endpoints& endpoints, Time deadline);

  // Plays until all clients of all drivers have their answers, or until `give_up`. `asking`: how
  // many drivers have not; this one takes itself off. REQUIRES: open() went well.
  void run(const Window& window, Time give_up, std::atomic<std::uint64_t>& asking);

  // What has been answered so far; its latencies are whole only after settle().
  [[nodiscard]] const Yield& yield() const { return yield_; }
  // REQUIRES: run() is over; to be called once.
  [[nodiscard]] Tally settle();

 private:
  struct Appointment {
    Time at;
    Peer* who;
    friend bool operator>(const Appointment& a, const Appointment& b) { return a.at > b.at; }
  };

  [[nodiscard]] std::unique_ptr<Link> client_link(std::uint64_t number);
  [[nodiscard]] std::unique_ptr<Link> worker_link();
  [[nodiscard]] std::unique_ptr<Link> dealer(bool enveloped);
  void watch(Peer& peer);
  [[nodiscard]] bool all_ready() const;
  [[nodiscard]] std::string first_last_words() const;  // empty: all connections stand
  [[nodiscard]] bool all_done(Time now) const;
  void appoint(Peer& peer);
  void keep_appointments(Time now);
  void to_be_read(Peer& peer);
  // Lets those read that have something to read; where nobody has, sleeps until somebody has, an
  // appointment is due, or `deadline`.
  void turn(Time deadline);
  void set_timer(Time at);

  Script script_;
  Yield yield_;
  SocketContext context_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Worker>> workers_;
  int epoll_ = -1;
  int timer_ = -1;
  Time timer_at_ = time_never;
  // Each peer's next one; one that it has put off is found stale when it comes.
  std::priority_queue<Appointment, std::vector<Appointment>, std::greater<>> appointments_;
  std::vector<Peer*> to_read_;  // whatever their descriptors say
  std::vector<Peer*> reading_;  // of this turn
};

}  // namespace muster::bench
