#pragma once

// HttpClient: many HTTP/1.1 requests at once on one thread, none of which ever makes it wait. The
// only user of libcurl's transfers: its multi interface drives the sockets, an epoll set of our own
// says when. Requests go in, what has happened comes out as values, in order.
//
// Connections are kept alive and used again. A server may close one just when a request goes out on
// it: where a used connection ends before anything of an answer has come, the request is sent once
// more, exactly once, on a fresh connection. (libcurl would do so up to five times by itself, and
// on other used connections; that is held back.) An answer that has begun is never asked for again.
//
// Redirects are not followed, no proxy is used whatever the environment says, and no `Expect` is
// sent. Host names are resolved by libcurl's own threads, not on this one; an address needs none.
//
// Time: `now` is what the caller says it is. Only connect_timeout is measured by libcurl's clock.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::agent {

using ExchangeId = StrongId<struct ExchangeIdTag>;

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value" lines; in the place of libcurl's own
  std::string body;                  // empty: GET, else POST
  bool fresh_connection = false;     // on a connection of its own, closed afterwards
};

// The answer's head is there. Names of headers are in lower case; those of one hop, and values that
// are not printable ASCII, are left out.
struct HttpHead {
  std::uint64_t status = 0;
  std::string type;   // content type
  StringMap headers;  // at most `kept_header_bytes_max` in all: those that still fit, in order
  // Whether its end can be told from a length or from chunks; else it ends with the connection.
  bool framed = false;
};

struct HttpBytes {
  std::string bytes;  // of the body, without its transfer coding
};

enum class HttpOutcome : std::uint8_t {
  complete,
  unreachable,    // no connection: refused, no such host, TLS failed
  late,           // no connection within connect_timeout
  closed,         // the connection ended before anything of an answer came
  cut,            // ... after something of it had come
  malformed,      // what came is not an answer in HTTP
  no_connection,  // this process has no file descriptor left: nothing was begun
};

struct HttpEnd {
  HttpOutcome outcome{};
  std::string why;  // a few words, the same for the same cause: "connection refused"
};

struct HttpEvent {
  ExchangeId id;
  std::variant<HttpHead, HttpBytes, HttpEnd> what;
};

class HttpClient {
 public:
  static constexpr std::size_t head_bytes_max = std::size_t{256} * 1024;  // of one answer
  static constexpr std::size_t kept_header_bytes_max = std::size_t{8} * 1024;
  // A content type that is longer is left out.
  static constexpr std::size_t type_bytes_max = 256;

  struct Options {
    std::string ca_file;  // empty: the system's
    Duration connect_timeout = std::chrono::seconds{2};
    std::size_t kept_connections_max = slots_max;
  };

  explicit HttpClient(Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Exactly one HttpEnd comes for each exchange that is not stopped; never from within start().
  [[nodiscard]] ExchangeId start(HttpRequest request, Time now);

  // Closes the exchange's connection; nothing more comes of it. One that has ended is ignored.
  void stop(ExchangeId id);

  // Reads and writes what can be without waiting, up to a bound, and appends what has happened.
  void run(Time now, std::vector<HttpEvent>& out);

  [[nodiscard]] int fd() const;
  [[nodiscard]] Time next_deadline() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::agent
