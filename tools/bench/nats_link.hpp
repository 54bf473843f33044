#pragma once

// A connection to a NATS server, in NATS's own text protocol: a client asks by publishing to the
// workers' subject with a subject of its own to answer to; the workers are one queue group, of
// which each message comes to one. A header and its body are one payload, with the header's length
// in two bytes in front.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tools/bench/link.hpp"

namespace muster::bench {

class NatsLink : public Link {
 public:
  // Of client `number`, who asks the workers; of a worker.
  [[nodiscard]] static std::unique_ptr<NatsLink> of_client(std::uint64_t number);
  [[nodiscard]] static std::unique_ptr<NatsLink> of_worker();
  ~NatsLink() override;

  // `endpoint`: as of the others, "tcp://ADDRESS:PORT".
  [[nodiscard]] Outcome connect(const std::string& endpoint) override;
  [[nodiscard]] int fd() const override { return socket_; }
  [[nodiscard]] bool receive(Received& into) override;
  [[nodiscard]] bool send(zmq::message_t& header, const zmq::message_t* body) override;
  [[nodiscard]] bool answer(std::string_view to, zmq::message_t& header,
                            const zmq::message_t* body) override;
  void flush() override;
  [[nodiscard]] std::string last_words() const override { return last_words_; }

 private:
  NatsLink(std::string subscription, std::string ask);

  [[nodiscard]] bool publish(std::string_view to, const zmq::message_t& header,
                             const zmq::message_t* body);
  enum class Took : std::uint8_t { message, other, nothing };
  // Of what has been read.
  [[nodiscard]] Took take(Received& into);
  [[nodiscard]] Took take_message(std::string_view line, std::size_t behind, Received& into);
  [[nodiscard]] bool read_more();
  void lose(std::string why);

  const std::string subscription_;  // what it listens to: the end of a SUB line
  const std::string ask_;           // where send() goes: the begin of a PUB line
  int socket_ = -1;
  bool broken_ = false;
  bool greeted_ = false;
  std::string last_words_;
  std::string in_;  // read, from `taken_` on not taken yet
  std::size_t taken_ = 0;
  std::string out_;
};

}  // namespace muster::bench
