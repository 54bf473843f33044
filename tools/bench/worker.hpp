#pragma once

// One worker: answers each request at once. To a broker it is a worker like any other: it
// registers, sends heartbeats and hears them (docs/protocol.md, sections 6 and 7). The others only
// bring it requests, and a bare ROUTER sends the heartbeats of a crowd back.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/prng.hpp"
#include "tools/bench/link.hpp"
#include "tools/bench/peer.hpp"
#include "tools/bench/script.hpp"

namespace muster::bench {

class Worker : public Peer {
 public:
  // `number`: of this worker among all. `crowd`: it is one whom nobody asks. `script` and `yield`
  // outlive it.
  Worker(std::unique_ptr<Link> link, Script& script, Yield& yield, std::uint64_t number,
         bool crowd = false);

  [[nodiscard]] Outcome connect(const std::string& endpoint) { return link_->connect(endpoint); }
  [[nodiscard]] int fd() const override { return link_->fd(); }
  [[nodiscard]] std::uint32_t news() const override { return link_->news(); }
  [[nodiscard]] bool ready() const override { return ready_; }
  [[nodiscard]] std::string last_words() const override { return link_->last_words(); }
  [[nodiscard]] bool pump() override;

  // When the next heartbeat, or the next part of an answer, is to be sent.
  [[nodiscard]] Time due() const override;
  void act(Time now) override;

  // What was said to it that should not be; empty: nothing.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  void took(const Received& message);
  // An answer on its way.
  struct Stream {
    std::string to;
    std::uint64_t id = 0;
    std::size_t part = 0;  // the next
    Time due;
    friend bool operator>(const Stream& a, const Stream& b) { return a.due > b.due; }
  };

  void answer(std::string_view to, std::uint64_t id);
  void go_on(Stream stream);
  void put_off(Stream stream);  // until it is due
  [[nodiscard]] bool send_part(std::string_view to, std::uint64_t id, std::size_t part);
  void took_other(const Received& message);
  void heard_heartbeat(Time now);
  void met();
  [[nodiscard]] WorkerDescription description() const;
  void heartbeat(Time now);
  void say(const Frame& frame);
  void lost_connection();
  void complain(std::string sentence);

  std::unique_ptr<Link> link_;
  Script& script_;
  Yield& yield_;
  const std::uint64_t number_;
  const bool crowd_;
  const std::string name_;
  const Instance instance_;
  std::vector<Stream> streams_;  // of paced answers: a heap, what is due next at its front
  Prng prng_;
  std::string complaint_;
  bool met_ = false;
  bool ready_ = false;
  Duration interval_{};
  Time heartbeat_due_ = time_never;
  Time heartbeat_heard_{};  // the broker's last one, or its REGISTERED
};

}  // namespace muster::bench
