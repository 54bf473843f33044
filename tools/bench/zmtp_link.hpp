#pragma once

// A DEALER that speaks ZMTP by itself, over a plain TCP socket on its driver's own thread. Between
// libzmq's two threads a message that comes alone costs the load generator more than twice what it
// costs a broker: where latencies are measured at a rate, they would be the generator's. Here it is
// one system call.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/link.hpp"

namespace muster::bench {

// ZMTP 3 with the NULL mechanism (https://rfc.zeromq.org/spec/23). What is sent is kept until
// flush(), which hands it to the system in one piece; bodies are copied into it.
class ZmtpLink : public Link {
 public:
  // `enveloped`: as for a Dealer.
  explicit ZmtpLink(bool enveloped) : enveloped_(enveloped) {}
  ~ZmtpLink() override;

  // Begins to: that it has failed, last_words() say.
  // `endpoint`: tcp://HOST:PORT.
  [[nodiscard]] Outcome connect(const std::string& endpoint) override;
  [[nodiscard]] int fd() const override { return fd_; }
  [[nodiscard]] std::uint32_t news() const override;
  [[nodiscard]] bool receive(Received& into) override;
  [[nodiscard]] bool send(zmq::message_t& header, const zmq::message_t* body) override;
  [[nodiscard]] bool answer(std::string_view to, zmq::message_t& header,
                            const zmq::message_t* body) override;
  void flush() override;
  [[nodiscard]] std::string last_words() const override;

 private:
  struct Part;  // a frame of what has come

  // The frame at `at` of what has come; false where not all of it is here.
  [[nodiscard]] bool part_at(std::size_t at, Part& part);
  // Whether the other side's greeting is here, and taken.
  [[nodiscard]] bool greeted();
  // Takes the next message; false where not all of it is here.
  [[nodiscard]] bool take_message(Received& into);
  void took_command(std::span<const std::byte> body);
  // What the other side says can't be read from here on.
  void give_up(std::string why);
  // Reads what has come; false where nothing has.
  [[nodiscard]] bool fill();
  void put(std::span<const std::byte> bytes, std::uint8_t flags);
  void put_raw(std::string_view bytes);
  void cut_off(std::string why);

  const bool enveloped_;
  int fd_ = -1;
  std::string why_;       // the connection is gone; empty: it is not
  bool is_deaf_ = false;  // what still comes is not read

  std::vector<std::byte> in_;  // what has come and is not taken stands at [in_begin_, in_end_)
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::size_t wanted_ = 1;  // bytes from in_begin_ on, for the next message to be here
  bool greeted_ = false;
  bool drained_ = false;  // the last read of this turn has left nothing behind

  std::vector<std::byte> out_;  // what waits for flush(), from out_begin_ on
  std::size_t out_begin_ = 0;
};

}  // namespace muster::bench
