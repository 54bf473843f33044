#pragma once

// A raw TCP server on loopback whose answers a test writes, byte for byte. It has no thread: the
// test pumps it, in turn with the code under test, so that what happens is always the same. Each
// pump sends at most one piece on each connection: what a test cuts into pieces arrives in as many
// reads.

#include <functional>
#include <string>
#include <vector>

namespace muster::agent::test {

struct SeenRequest {
  std::string method;
  std::string path;
  std::string head;  // with the request line, without the blank line
  std::string body;
  int connection = 0;  // counted from 1
  int nth = 0;         // on its connection, counted from 1

  // The value of a header; empty where there is none.
  [[nodiscard]] std::string header(const std::string& name) const;
};

struct ScriptedAnswer {
  enum class End { keep_alive, close, reset };
  std::vector<std::string> pieces;
  End end = End::keep_alive;
  bool hang = false;  // after the pieces nothing more happens
};

class ScriptedServer {
 public:
  using Handler = std::function<ScriptedAnswer(const SeenRequest&)>;

  explicit ScriptedServer(Handler handler);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // Accepts, reads, and sends the next piece on each connection. Nothing while frozen. Says whether
  // anything was to be done.
  bool pump();
  void freeze(bool on) { frozen_ = on; }

  // Freezes for good, with the queue of new connections full, as a frozen server's comes to be: the
  // system drops what would connect to it.
  void choke();

  // Closes the listening socket and every connection, as a killed process does.
  void kill();
  void revive();  // listens again, at the same port

  [[nodiscard]] std::string url() const;
  [[nodiscard]] const std::vector<SeenRequest>& requests() const { return requests_; }
  [[nodiscard]] std::vector<SeenRequest> requests_to(const std::string& path) const;
  [[nodiscard]] int accepted() const { return accepted_; }
  // Whether the other side has closed that connection.
  [[nodiscard]] bool closed_by_client(int connection) const;

 private:
  struct Connection {
    int fd = -1;
    int number = 0;
    int requests = 0;
    std::string in;
    std::vector<std::string> out;
    ScriptedAnswer::End end = ScriptedAnswer::End::keep_alive;
    bool answering = false;
    bool hung = false;
    bool closed_by_client = false;
  };

  void listen();
  bool accept_all();
  bool read(Connection& connection);
  bool answer(Connection& connection);
  bool send(Connection& connection);
  static void close(Connection& connection, bool reset);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  int accepted_ = 0;
  bool frozen_ = false;
  std::vector<Connection> connections_;
  std::vector<int> queued_;  // what fills the queue
  std::vector<SeenRequest> requests_;
};

}  // namespace muster::agent::test
