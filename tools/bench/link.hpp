#pragma once

// Link: one peer's connection to a target, and how a message is carried on it. What the peers say
// is the same to all targets.

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "protocol/result.hpp"

namespace muster::bench {

// A message that has come. Valid until the link is asked for the next one.
struct Received {
  std::string_view from;  // to whom an answer is to go
  std::span<const std::byte> header;
  std::size_t frames = 0;           // behind the header: read, counted and thrown away
  std::size_t bytes = 0;            // in them
  std::span<const std::byte> body;  // the last of them

  // The first word on each connection: the other side is there.
  [[nodiscard]] bool is_hello() const { return header.empty() && frames == 0; }
};

class Link {
 public:
  Link() = default;
  virtual ~Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] virtual Outcome connect(const std::string& endpoint) = 0;

  // For a poll: readable when something may have come since receive() last gave nothing. A send may
  // take the news away, so whoever sends receives until nothing comes before it polls again.
  [[nodiscard]] virtual int fd() const = 0;

  // What of it is news, as epoll_ctl() wants to be told.
  [[nodiscard]] virtual std::uint32_t news() const { return EPOLLIN; }

  // The next message, if one is there.
  [[nodiscard]] virtual bool receive(Received& into) = 0;

  // `body`: null where the message has none; its bytes are shared, not taken. False, and nothing
  // sent: there is no connection.
  [[nodiscard]] virtual bool send(zmq::message_t& header, const zmq::message_t* body) = 0;

  // Likewise, to whom a received message was `from`.
  [[nodiscard]] virtual bool answer(std::string_view to, zmq::message_t& header,
                                    const zmq::message_t* body) = 0;

  // Ends a turn of the driver's: lets go of what was sent and is still kept to go out together.
  virtual void flush() {}

  // What the other side has said of why the connection is gone; empty: nothing.
  [[nodiscard]] virtual std::string last_words() const { return {}; }
};

}  // namespace muster::bench
