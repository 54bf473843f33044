#pragma once

// The way of a request through a broker's core, without sockets: what is received is decoded, the
// Controller takes it, and what it wants sent is taken from it, as the shell does all of that. For
// measuring.

#include <cstdint>
#include <vector>

#include "broker/core/controller.hpp"
#include "protocol/codec.hpp"

namespace muster::broker {

class HotPath {
 public:
  struct Shape {
    std::size_t workers = 4;
    std::size_t models = 1;  // worker i serves model i modulo this
    std::size_t clients = 8;
    std::uint64_t slots = 64;
    RoutingPolicyKind policy = RoutingPolicyKind::shortest_queue;
    std::size_t chunks = 0;  // in front of each FINAL
    std::size_t body_bytes = 256;
  };
  explicit HotPath(const Shape& shape);

  // A request comes, of the clients and models in turn, and is given to a worker.
  void ask();
  // The oldest that was asked is answered, and its slot is free. REQUIRES: one was.
  void answer();
  // Every worker says that it lives.
  void beat();
  // Nothing is due.
  void tick();

  [[nodiscard]] std::size_t asked() const { return held_.size() - answered_; }

 private:
  struct Held {
    WorkerConnection worker;
    BrokerId id;
  };
  struct Header {
    Frame bytes;
    IdSpan id;
    [[nodiscard]] Frame under(WireId id_now) const;
  };

  void from_client(ClientConnection from, Frame header, Payload payload);
  void from_worker(WorkerConnection from, Frame header, Payload payload);
  void step(Event&& event);

  Shape shape_;
  Time now_{std::chrono::seconds{1}};
  Controller controller_;
  Decoder client_decoder_;
  Decoder worker_decoder_;
  std::vector<Header> requests_;  // by model
  std::vector<Header> chunks_;
  Header final_;
  Frame heartbeat_;
  Frame body_;
  std::uint64_t asks_ = 0;
  std::vector<Held> held_;  // in order; the first `answered_` of them are over
  std::size_t answered_ = 0;
  Event client_said_{std::in_place_type<ClientSaid>};
  Event worker_said_{std::in_place_type<WorkerSaid>};
  std::vector<Action> actions_;
};

}  // namespace muster::broker
