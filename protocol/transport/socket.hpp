#pragma once

// The two kinds of socket that Muster has (docs/protocol.md, section 1), with what libzmq 4.3.4
// needs to be safe set on them: nothing outside this folder sees libzmq. Sockets belong to one
// thread.
//
// Errors of libzmq come back as values; what can only be our own bug is CHECKed.

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/message.hpp"
#include "protocol/payload.hpp"
#include "protocol/result.hpp"

namespace muster::transport {

// libzmq's context: one a process. Seeds libzmq's generator from the system's randomness, so that
// routing ids can't be guessed from a fresh start. Outlives its sockets; its destructor waits until
// what they had still to send is sent, at most `linger` (socket.cpp).
class Context {
 public:
  explicit Context(int io_threads = 1);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Each connection is a file descriptor, and the limit that processes start with is often 1024.
// Lifts it as far as the system lets this process, and returns it. For programs that many connect
// to.
std::uint64_t raise_descriptor_limit();

// A message as it came, within the limits: of one that has too many frames or bytes, what is
// beyond the first frame too many has been read and dropped. That one frame is kept, so that the
// decoder faults the message like any other that is over a limit.
struct Incoming {
  std::uint32_t peer = 0;  // ROUTER only: the connection
  Frame header;
  Payload payload;
  std::size_t dropped_frames = 0;
  bool foreign_identity = false;  // ROUTER only: to be dropped unanswered (RouterSocket)

  // The second step of take(), where that has said true.
  void arrived() {
    header.filled();
    if (!payload.empty()) payload.frame(0).filled();
  }
};

// The address, without a port, that a message's sender has connected from; empty: the transport
// does not tell. Only of a header as it came.
[[nodiscard]] std::string peer_address(const Frame& header);

enum class Sent : std::uint8_t {
  done,         // taken; should its connection break, it is lost with that
  unreachable,  // ROUTER: no such connection any more. DEALER: never.
  full,         // no room now; nothing was sent, and the frames are still the caller's
};

class Socket {
 public:
  virtual ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Takes the next message, whole, if one is there; never waits. What `into` held is let go.
  [[nodiscard]] bool receive(Incoming& into);
  // receive() in two steps, the second being into.arrived(). What stands between, a few messages
  // more, say, is the time in which another thread's bytes come. REQUIRES: where this has said
  // true, arrived() comes before anything else that is done with `into`.
  [[nodiscard]] bool take(Incoming& into);

  // What is not sent yet is not waited for when the socket closes.
  void drop_unsent();

  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 protected:
  explicit Socket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct RouterOptions {
  WireLimits limits;
  // What libzmq may hold for one peer before it is `full`; 0: no bound.
  int send_high_water = 0;                   // messages
  std::uint64_t large_bytes_high_water = 0;  // bytes of messages of large_message_bytes and more
};
inline constexpr std::uint64_t large_message_bytes = 16 * 1024;

// A broker's end. Each connection gets a number that it can't choose and that is not given twice;
// the first thing that it is sent is an empty frame (section 1).
//
// A peer that sets a routing id of its own could take another's place, so what it says is marked
// `foreign_identity`; so is what comes over a ZMTP older than 3.0, which does not tell. An id that
// begins with a zero byte escapes the mark: whoever uses one has 2^32 to guess from (section 12).
class RouterSocket : public Socket {
 public:
  RouterSocket(Context& context, const RouterOptions& options);

  // The endpoint as bound ("tcp://127.0.0.1:40123" for port 0 or *), or a sentence: port in use, no
  // such address, no such scheme. May be called several times.
  [[nodiscard]] Result<std::string> bind(const std::string& endpoint);

  [[nodiscard]] Sent send(std::uint32_t peer, Frame&& header, Payload&& payload);

 private:
  const std::uint64_t large_bytes_high_water_;
};

class ConnectionWatch;

class DealerSocket : public Socket {
 public:
  DealerSocket(Context& context, const WireLimits& limits);
  ~DealerSocket() override;

  // From now on connection_broke() can be asked. To be called before connect().
  void watch_connection();
  // Whether the connection has broken since the last call. libzmq makes it anew by itself, and what
  // is sent goes out on the new one as soon as that stands, before its empty first frame has come:
  // whoever may not say it there asks this right before a send.
  [[nodiscard]] bool connection_broke();

  // Starts to connect, and goes on trying; says only whether the endpoint can be understood. The
  // empty first frame that the broker sends (section 1) tells that a connection stands.
  //
  // When a connection breaks, libzmq drops what had come on it and was not received yet.
  [[nodiscard]] Outcome connect(const std::string& endpoint);

  // `full` also while no connection stands.
  [[nodiscard]] Sent send(Frame&& header, Payload&& payload);

 private:
  Context& context_;
  std::unique_ptr<ConnectionWatch> watch_;
};

}  // namespace muster::transport
