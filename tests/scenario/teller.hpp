#pragma once

// What a Controller wants done, told in lines. Each message is first made into the bytes that the
// broker's shell would send and read back by the decoder of the peer that it is for.
//
//   -> c1/7 ERROR NO_WORKER reason=none_live retryable
//   -> w1/a1 REQUEST m stream "the body"
//
// Sentences for people, and what every REGISTERED repeats, are told only where they are asked for:
// a dialogue is about rules, and should fail when a rule is broken.

#include <string>
#include <vector>

#include "broker/core/action.hpp"
#include "protocol/codec.hpp"
#include "tests/scenario/messages.hpp"

namespace muster::scenario {

using Lines = std::vector<std::string>;

// What is told beside who says what to whom.
struct Show {
  bool heartbeats = false;  // those that the broker sends of itself
  bool notes = false;       // for the log
  bool sentences = false;   // of the broker's own making, for people
  bool terms = false;       // of REGISTERED, and of a HEARTBEAT to a client
  bool bytes = false;       // of headers
  // Of an answer to a QUERY only these fields; empty: all.
  std::vector<std::string> picks;
};

class Teller {
 public:
  // Takes the action's frames. `unasked`: nobody has just said something, time has passed.
  [[nodiscard]] Lines tell(broker::Action& action, bool unasked);

  Show show;

  // A message of the broker that its peer could not read, in a sentence: a bug of the broker's, or
  // of the codec's, whatever the dialogue expects.
  [[nodiscard]] const std::string& unreadable() const { return unreadable_; }

 private:
  Lines told(broker::SendToClient& action, bool unasked);
  Lines told(broker::RelayToClient& action, bool unasked);
  Lines told(broker::SendToWorker& action, bool unasked);
  Lines told(broker::RelayToWorker& action, bool unasked);
  Lines told(broker::WorkerNote& note, bool unasked);
  // Of a request's failure and its whole story, for the log, a dialogue tells already.
  Lines told(broker::FailureNote&, bool) { return {}; }
  Lines told(broker::RequestNote&, bool) { return {}; }
  Lines told(broker::FaultNote& note, bool unasked);

  Lines to_client(ClientConnection to, const Frame& header, const Payload& payload, bool relayed,
                  bool unasked);
  Lines to_worker(WorkerConnection to, const Frame& header, const Payload& payload, bool relayed,
                  bool unasked);
  Lines message(const std::string& to, const Frame& header, const Payload& payload, bool relayed,
                bool unasked);
  [[nodiscard]] std::string elements_of(const Header& header, bool relayed) const;
  [[nodiscard]] std::string fields_of(const Header& header, const Value::Map& fields) const;
  [[nodiscard]] Lines answer(const Value& result) const;

  // A peer's decoder takes an ANSWER as large as any message (section 2).
  Decoder peer_{WireLimits{.header_bytes = WireLimits{}.message_bytes}};
  std::string unreadable_;
};

}  // namespace muster::scenario
