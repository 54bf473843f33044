#pragma once

// Peer: what a driver's loop sees of a client or a worker. All on one thread.

#include <cstdint>
#include <string>

#include "protocol/time.hpp"

namespace muster::bench {

class Peer {
 public:
  // How many messages one takes before the others have their turn.
  static constexpr int messages_a_turn = 256;

  Peer() = default;
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Whether it has met the other side, and can begin.
  [[nodiscard]] virtual bool ready() const = 0;

  // Readable when something may have come since pump() last said that there is nothing more.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual std::uint32_t news() const = 0;  // Link::news()

  // Takes what has come, at most `messages_a_turn`, and says what is to be said to it. True where
  // more may be there: the descriptor does not tell then.
  [[nodiscard]] virtual bool pump() = 0;

  // When act() is to be called; may change with every call of anything.
  [[nodiscard]] virtual Time due() const = 0;
  virtual void act(Time now) = 0;

  // Why its connection is gone; empty: it is not.
  [[nodiscard]] virtual std::string last_words() const = 0;

  // The driver's own notes.
  Time appointed = time_never;
  bool to_be_read = false;
  bool hung_up = false;  // the other side has, behind what it had said last
};

}  // namespace muster::bench
