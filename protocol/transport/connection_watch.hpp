#pragma once

// Tells when a socket's connection has broken. libzmq makes one anew without a word, and gives what
// is sent to it the moment it stands, before anything can have come on it; whoever must say
// something first on a new connection has to learn of the break before it sends.
//
// libzmq's monitor writes the event before it begins to dial again, which takes it 100 ms
// (socket.cpp): asked right before a send, this is never too late.

#include <zmq.h>

namespace muster::transport {

class ConnectionWatch {
 public:
  // `socket` is not connected yet, and outlives this.
  ConnectionWatch(void* context, void* socket);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // Whether the connection has broken since the last call.
  [[nodiscard]] bool broke();

 private:
  void* watched_;
  void* events_;
};

}  // namespace muster::transport
