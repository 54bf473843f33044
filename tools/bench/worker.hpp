#pragma once

// One worker: answers each request at once. To a broker it is a worker like any other: it
// registers, sends heartbeats and hears them (docs/protocol.md, sections 6 and 7). From the proxy
// it gets each request with the routing id of who has asked in front, and gives that back.

#include <string>

#include "protocol/codec.hpp"
#include "tools/bench/dealer.hpp"
#include "tools/bench/peer.hpp"
#include "tools/bench/script.hpp"

namespace muster::bench {

class Worker : public Peer {
 public:
  // `number`: of this worker among all. `script` and `context` outlive it.
  Worker(SocketContext& context, Script& script, std::uint64_t number);

  [[nodiscard]] Outcome connect(const std::string& endpoint) { return socket_.connect(endpoint); }
  [[nodiscard]] int fd() const override { return socket_.fd(); }
  [[nodiscard]] bool ready() const override { return ready_; }
  [[nodiscard]] bool pump() override;

  // When the next heartbeat is to be sent; never where nobody wants any.
  [[nodiscard]] Time due() const override { return heartbeat_due_; }
  void act(Time now) override { heartbeat(now); }

  // What was said to it that should not be; empty: nothing.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  void took();
  void answer(std::uint64_t id);
  void took_other();
  void met();
  void heartbeat(Time now);
  void say(Frame frame);
  void complain(std::string sentence);

  Script& script_;
  const bool enveloped_;  // there is a routing id in front of each message
  Dealer socket_;
  const std::string name_;
  std::string complaint_;
  bool met_ = false;
  bool ready_ = false;
  Duration interval_{};
  Time heartbeat_due_ = time_never;
  zmq::message_t envelope_;
  zmq::message_t header_;
};

}  // namespace muster::bench
