#pragma once

// The Muster client library: sends requests to a broker and hands over what comes back.
//
//   muster::client::Client client({.broker = "tcp://127.0.0.1:5555"});
//   client.request(
//       {.model = "llama", .path = "/v1/chat/completions", .body = json, .stream = true},
//       {.on_part = [](const auto& part) { std::cout << part.bytes; },
//        .on_end = [](const auto& end) { ... }});
//
// Contract
// - Every request ends in exactly one on_end, whatever happens to broker, worker or network: with
//   the answer, or with an error as a value. Nothing is called for a request after its on_end.
// - All methods may be called from any thread, callbacks included. Callbacks run on the thread of
//   the client, one at a time; one that takes long delays the others. They must not throw.
// - The client dials out by itself and goes on trying; requests made while no broker is there wait
//   for it within their deadline.
// - A broker that has something outstanding of ours and says nothing for heartbeat_interval x
//   heartbeat_liveness is taken for dead, and dialled anew.
// - What was sent on a connection that has broken, or to a broker taken for dead, has no answer to
//   come (docs/protocol.md, section 1), and whether it was carried out is not known. A request with
//   `retry` of whose answer nothing has come is sent again, twice at most, as soon as a connection
//   stands; its deadline stays what it was. It may so be carried out more than once: where that
//   does harm, say `retry = false`. A request without `retry`, one of which a part has come, and
//   one for which retry_bytes_max left no room, end with `connection_lost`. Of queries those that
//   only read are sent again.
// - A broker that is stopping answers SHUTTING_DOWN. What could be sent again then waits for the
//   broker to go and come back; it ends with that SHUTTING_DOWN where the broker stays for longer
//   than the time after which it would be taken for dead, and one interval.
// - ~Client ends what is outstanding with `cancelled`, after a CANCEL to the broker, within a
//   second. What a callback still asks for meanwhile is not taken: its handle is 0 and nothing is
//   called for it. Not from within a callback.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace muster::client {

using Milliseconds = std::chrono::milliseconds;

struct ClientOptions {
  std::string broker = "tcp://127.0.0.1:5555";
  Milliseconds heartbeat_interval{1000};  // while something is outstanding; at least 10 ms
  std::uint32_t heartbeat_liveness = 6;   // at least 1
  std::size_t outstanding_max = 10000;    // beyond: a request ends at once with `overloaded`
  // What is kept of requests that were sent, all together, so that they can be sent again.
  std::size_t retry_bytes_max = std::size_t{256} * 1024 * 1024;
  // The largest message taken from the broker, so the largest answer that does not come in parts.
  // A broker that sends a larger one is cut off: `connection_lost`.
  std::size_t message_bytes_max = std::size_t{64} * 1024 * 1024;
};

// One request (docs/protocol.md, section 4). What is left out is left to the broker.
struct RequestSpec {
  std::string model{};
  std::string path{};  // the operation, e.g. /v1/chat/completions
  std::string body{};
  std::string type = "application/json";                      // of the body
  bool stream = false;                                        // the answer may come in parts
  std::optional<Milliseconds> timeout{};                      // until the end; default: 10 minutes
  std::optional<Milliseconds> first_timeout{};                // until the first part
  std::optional<Milliseconds> idle_timeout{};                 // between parts
  std::map<std::string, std::string, std::less<>> headers{};  // for the model server
  std::map<std::string, std::string, std::less<>> require{};  // labels that the worker must have
  std::string session{};                                      // affinity key
  std::string request_id{};
  std::string tenant{};
  std::int64_t priority = 0;  // higher is sooner
  // May be carried out again when lost before its first part: by another worker, or sent again to a
  // broker.
  bool retry = true;
};

// A part of a streamed answer. The first one tells status, type and worker.
// The views hold until the callback returns.
struct Part {
  std::string_view bytes{};
  std::uint64_t seq = 0;
  std::optional<std::uint64_t> status{};  // HTTP status of the model server
  std::string_view type{};                // content type of the answer
  std::string_view worker{};
};

enum class ErrorKind : std::uint8_t {
  none,
  from_broker,      // `code` is one of docs/protocol.md, section 5
  timed_out,        // the client's own deadline: no answer came in time
  connection_lost,  // the broker, or the way to it, was lost after the request had been sent, and
                    // it was not to be sent again or could not be until its deadline; or the
                    // broker's answer to a query can't be read
  unreachable,      // the deadline passed, no connection stood, and nothing was sent; or, not
                    // `retryable` and at once, what answers there is a broker's backend
  cancelled,
  overloaded,  // outstanding_max
  invalid,     // the request cannot be said in the protocol; `message` says why
};

struct RequestError {
  ErrorKind kind = ErrorKind::none;
  std::uint32_t code = 0;  // from_broker: 50005 is NO_WORKER
  std::string name{};      // "NO_WORKER", "TIMED_OUT", ...
  std::string message{};   // one sentence
  std::string reason{};    // a stable word, where there is one
  std::string worker{};
  std::string body{};  // the model server's own error body
  bool retryable = false;
  std::optional<Milliseconds> retry_after{};
  std::optional<std::uint64_t> status{};
  [[nodiscard]] explicit operator bool() const { return kind != ErrorKind::none; }
};

// How a request ended. Without an error: `bytes` is the answer, or what had not come as parts. The
// views hold until the callback returns.
struct End {
  RequestError error{};
  std::string_view bytes{};
  std::uint64_t parts = 0;                // how many came
  std::optional<std::uint64_t> status{};  // where the first part has not told them: these three
  std::string_view type{};
  std::string_view worker{};
};

struct Callbacks {
  std::function<void(const Part&)> on_part{};  // only with `stream`
  std::function<void(const End&)> on_end{};
  // It is to be sent again; `why` is one sentence. The view holds until the callback returns.
  std::function<void(std::string_view why)> on_retry{};
};

// Names a request of one Client; 0 is none.
enum class RequestHandle : std::uint64_t {};

// A question to the broker itself, or an operator's order: docs/protocol.md, section 9, has the
// names and what each takes. Those that only read ("models", "workers", "stats", "why", "refresh")
// are sent again where that is needed.
struct QuerySpec {
  std::string name{};
  std::string args{};  // a JSON object; empty: nothing
  Milliseconds timeout{5000};
};

// The answer to a query: JSON text, exactly what the broker said.
struct QueryEnd {
  RequestError error{};
  std::string json{};
};

class Client {
 public:
  explicit Client(const ClientOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  RequestHandle request(RequestSpec spec, Callbacks callbacks);

  // Ends a request with `cancelled`, and the work on it at broker and worker. One that has ended is
  // ignored.
  void cancel(RequestHandle handle);

  // Args that are no JSON object end it with `invalid`.
  void query(QuerySpec spec, std::function<void(const QueryEnd&)> on_end);
  void query(std::string name, Milliseconds timeout, std::function<void(const QueryEnd&)> on_end);

  // The same, waiting for the answer. From within a callback it ends at once with `invalid`.
  [[nodiscard]] QueryEnd query(QuerySpec spec);
  [[nodiscard]] QueryEnd query(std::string name, Milliseconds timeout);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::client
