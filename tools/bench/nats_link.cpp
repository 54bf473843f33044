#include "tools/bench/nats_link.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace muster::bench {

namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view workers_subject = "work";
constexpr std::size_t length_bytes = 2;
constexpr std::size_t read_at_once = std::size_t{64} * 1024;
constexpr std::size_t write_at_once = std::size_t{64} * 1024;
constexpr int write_patience_ms = 5000;

std::string_view text_of(const zmq::message_t& message) {
  return {message.data<char>(), message.size()};
}

std::string_view last_word(std::string_view& line) {
  const std::size_t space = line.rfind(' ');
  const std::string_view word = line.substr(space + 1);
  line = space == std::string_view::npos ? std::string_view{} : line.substr(0, space);
  return word;
}

std::optional<std::size_t> number_in(std::string_view word) {
  std::size_t number = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size()) return std::nullopt;
  return number;
}

}  // namespace

std::unique_ptr<NatsLink> NatsLink::of_client(std::uint64_t number) {
  const std::string inbox = "client." + std::to_string(number);
  return std::unique_ptr<NatsLink>{
      new NatsLink(inbox + " 1", std::string{workers_subject} + " " + inbox + " ")};
}

std::unique_ptr<NatsLink> NatsLink::of_worker() {
  return std::unique_ptr<NatsLink>{new NatsLink(std::string{workers_subject} + " workers 1", "")};
}

NatsLink::NatsLink(std::string subscription, std::string ask)
    : subscription_(std::move(subscription)), ask_(std::move(ask)) {}

NatsLink::~NatsLink() {
  if (socket_ >= 0) ::close(socket_);
}

Outcome NatsLink::connect(const std::string& endpoint) {
  const std::string_view port = std::string_view{endpoint}.substr(endpoint.rfind(':') + 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(number_in(port).value_or(0)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 ||
      ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failure("cannot connect to " + endpoint + ": " + std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Its PONG says that the subscription stands.
  out_ += R"(CONNECT {"verbose":false,"pedantic":false,"echo":false})";
  out_.append(line_end).append("SUB ").append(subscription_).append(line_end).append("PING\r\n");
  flush();
  return Done{};
}

// ---- what comes --------------------------------------------------------------------------------

bool NatsLink::receive(Received& into) {
  while (true) {
    switch (take(into)) {
      case Took::message:
        return true;
      case Took::other:
        continue;
      case Took::nothing:
        if (!read_more()) return false;
    }
  }
}

NatsLink::Took NatsLink::take(Received& into) {
  const std::string_view unread = std::string_view{in_}.substr(taken_);
  const std::size_t end = unread.find(line_end);
  if (end == std::string_view::npos) return Took::nothing;
  const std::string_view line = unread.substr(0, end);
  const std::size_t behind = taken_ + end + line_end.size();
  if (line.starts_with("MSG ")) return take_message(line, behind, into);
  taken_ = behind;
  if (line == "PING") out_ += "PONG\r\n";
  if (line.starts_with("-ERR")) lose(std::string{line});
  if (line != "PONG" || std::exchange(greeted_, true)) return Took::other;
  into = {};
  return Took::message;
}

// MSG SUBJECT SUBSCRIPTION [ANSWER-TO] BYTES
NatsLink::Took NatsLink::take_message(std::string_view line, std::size_t behind, Received& into) {
  const auto size = number_in(last_word(line));
  if (!size || *size < length_bytes) {
    lose("a message that is none");
    taken_ = in_.size();
    return Took::nothing;
  }
  if (in_.size() < behind + *size + line_end.size()) return Took::nothing;
  taken_ = behind + *size + line_end.size();
  const auto* bytes = reinterpret_cast<const std::byte*>(in_.data() + behind);
  const std::size_t header =
      std::to_integer<std::size_t>(bytes[0]) << 8 | std::to_integer<std::size_t>(bytes[1]);
  if (header > *size - length_bytes) {
    lose("a payload that nobody has sent");
    return Took::nothing;
  }
  const std::size_t rest = *size - length_bytes - header;
  into = {.from = last_word(line),
          .header = {bytes + length_bytes, header},
          .frames = rest > 0 ? 1u : 0u,
          .bytes = rest,
          .body = {bytes + length_bytes + header, rest}};
  return Took::message;
}

bool NatsLink::read_more() {
  if (broken_) return false;
  in_.erase(0, std::exchange(taken_, 0));
  const std::size_t had = in_.size();
  in_.resize(had + read_at_once);
  ssize_t got = 0;
  do {
    got = ::recv(socket_, in_.data() + had, read_at_once, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  in_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got > 0) return true;
  if (got == 0) lose("it was closed");
  if (got < 0 && errno != EAGAIN) lose(std::strerror(errno));
  return false;
}

// ---- what goes ---------------------------------------------------------------------------------

bool NatsLink::send(zmq::message_t& header, const zmq::message_t* body) {
  return publish(ask_, header, body);
}

bool NatsLink::answer(std::string_view to, zmq::message_t& header, const zmq::message_t* body) {
  return publish(std::string{to} + " ", header, body);
}

bool NatsLink::publish(std::string_view to, const zmq::message_t& header,
                       const zmq::message_t* body) {
  if (broken_) return false;
  const std::size_t body_size = body != nullptr ? body->size() : 0;
  const std::size_t size = length_bytes + header.size() + body_size;
  out_.append("PUB ").append(to).append(std::to_string(size)).append(line_end);
  out_ += static_cast<char>(header.size() >> 8);
  out_ += static_cast<char>(header.size() & 0xff);
  out_ += text_of(header);
  if (body != nullptr) out_ += text_of(*body);
  out_ += line_end;
  if (out_.size() >= write_at_once) flush();
  return !broken_;
}

// Waits where the server is slow to read, which it does whatever its clients do.
void NatsLink::flush() {
  std::string_view rest = out_;
  while (!rest.empty() && !broken_) {
    const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      rest.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd writable{.fd = socket_, .events = POLLOUT, .revents = 0};
      if (::poll(&writable, 1, write_patience_ms) == 0) lose("the server does not read");
    } else if (errno != EINTR) {
      lose(std::strerror(errno));
    }
  }
  out_.clear();
}

void NatsLink::lose(std::string why) {
  if (std::exchange(broken_, true)) return;
  last_words_ = ": " + std::move(why);
}

}  // namespace muster::bench
