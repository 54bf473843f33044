#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "protocol/check.hpp"
#include "worker_agent/model_server/http_rules.hpp"

namespace muster::agent::test {

std::string SeenRequest::header(const std::string& name) const {
  const std::string wanted = lower_case(name) + ":";
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string line = head.substr(at, head.find("\r\n", at) - at);
    if (!lower_case(line).starts_with(wanted)) continue;
    const std::size_t value = line.find_first_not_of(' ', wanted.size());
    return value == std::string::npos ? std::string{} : line.substr(value);
  }
  return {};
}

ScriptedServer::ScriptedServer(Handler handler) : handler_(std::move(handler)) {
  listen();
}

ScriptedServer::~ScriptedServer() {
  kill();
}

void ScriptedServer::listen() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  CHECK(::bind(listener_, generic, size) == 0, "the test's server can't bind");
  CHECK(::listen(listener_, 4096) == 0, "the test's server can't listen");
  CHECK(::getsockname(listener_, generic, &size) == 0, "the test's server has no address");
  port_ = ntohs(address.sin_port);
}

void ScriptedServer::choke() {
  freeze(true);
  CHECK(::listen(listener_, 0) == 0, "the test's server can't listen");
  sockaddr_in address{};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  CHECK(::getsockname(listener_, generic, &size) == 0, "the test's server has no address");
  for (int i = 0; i < 8; ++i) {
    queued_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::connect(queued_.back(), generic, size);
  }
}

void ScriptedServer::kill() {
  if (listener_ >= 0) ::close(listener_);
  listener_ = -1;
  for (const int fd : queued_)
    ::close(fd);
  queued_.clear();
  for (Connection& connection : connections_)
    close(connection, true);
}

void ScriptedServer::revive() {
  listen();
}

std::string ScriptedServer::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

std::vector<SeenRequest> ScriptedServer::requests_to(const std::string& path) const {
  std::vector<SeenRequest> found;
  std::copy_if(requests_.begin(), requests_.end(), std::back_inserter(found),
               [&](const SeenRequest& request) { return request.path == path; });
  return found;
}

bool ScriptedServer::closed_by_client(int connection) const {
  return connections_.at(static_cast<std::size_t>(connection - 1)).closed_by_client;
}

bool ScriptedServer::pump() {
  if (frozen_) return false;
  bool busy = accept_all();
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    if (connection.fd < 0) continue;
    busy = read(connection) || busy;
    if (connection.fd >= 0 && !connection.answering) busy = answer(connection) || busy;
    if (connection.fd >= 0 && connection.answering) busy = send(connection) || busy;
  }
  return busy;
}

bool ScriptedServer::accept_all() {
  const int before = accepted_;
  while (listener_ >= 0) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection connection;
    connection.fd = fd;
    connection.number = ++accepted_;
    connections_.push_back(std::move(connection));
  }
  return accepted_ > before;
}

bool ScriptedServer::read(Connection& connection) {
  std::array<char, 65536> buffer;
  for (bool busy = false;; busy = true) {
    const ssize_t size = ::recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (size > 0) {
      connection.in.append(buffer.data(), static_cast<std::size_t>(size));
      continue;
    }
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return busy;
    connection.closed_by_client = true;
    close(connection, false);
    return true;
  }
}

bool ScriptedServer::answer(Connection& connection) {
  constexpr char tls_handshake = 0x16;  // no method of HTTP begins so
  if (connection.in.starts_with(tls_handshake)) {
    close(connection, false);
    return true;
  }
  const std::size_t head_end = connection.in.find("\r\n\r\n");
  if (head_end == std::string::npos) return false;
  SeenRequest request;
  request.head = connection.in.substr(0, head_end);
  const std::string length = request.header("content-length");
  const std::size_t size = length.empty() ? 0 : std::strtoul(length.c_str(), nullptr, 10);
  if (connection.in.size() < head_end + 4 + size) return false;
  request.body = connection.in.substr(head_end + 4, size);
  connection.in.erase(0, head_end + 4 + size);
  const std::size_t space = request.head.find(' ');
  request.method = request.head.substr(0, space);
  request.path = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
  request.connection = connection.number;
  request.nth = ++connection.requests;
  requests_.push_back(request);
  ScriptedAnswer answer = handler_(request);
  connection.out = std::move(answer.pieces);
  std::reverse(connection.out.begin(), connection.out.end());
  connection.end = answer.end;
  connection.hung = answer.hang;
  connection.answering = true;
  return true;
}

bool ScriptedServer::send(Connection& connection) {
  bool busy = false;
  if (!connection.out.empty()) {
    std::string& piece = connection.out.back();
    const ssize_t size = ::send(connection.fd, piece.data(), piece.size(), MSG_NOSIGNAL);
    if (size < 0) return false;
    busy = true;
    piece.erase(0, static_cast<std::size_t>(size));
    if (piece.empty()) connection.out.pop_back();
  }
  if (!connection.out.empty() || connection.hung) return busy;
  connection.answering = false;
  if (connection.end != ScriptedAnswer::End::keep_alive)
    close(connection, connection.end == ScriptedAnswer::End::reset);
  return true;
}

void ScriptedServer::close(Connection& connection, bool reset) {
  if (connection.fd < 0) return;
  if (reset) {
    const linger at_once{1, 0};
    ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  ::close(connection.fd);
  connection.fd = -1;
}

}  // namespace muster::agent::test
