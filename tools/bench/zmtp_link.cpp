#include "tools/bench/zmtp_link.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "tools/bench/stencil.hpp"

namespace muster::bench {

namespace {

using namespace std::literals;

constexpr std::size_t room_min = 64 * 1024;  // of what is read together
constexpr std::uint64_t frame_bytes_max = std::uint64_t{128} * 1024 * 1024;  // none is sent to it

constexpr std::uint8_t flag_more = 1;
constexpr std::uint8_t flag_long = 2;
constexpr std::uint8_t flag_command = 4;

// Signature, version 3.0, mechanism, and 32 bytes that say nothing.
constexpr std::size_t greeting_bytes = 64;
constexpr std::string_view greeting =
    "\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
static_assert(greeting.size() == greeting_bytes);
constexpr std::string_view ready = "\5READY\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0\0"sv;

std::span<const std::byte> raw_of(std::string_view text) {
  return std::as_bytes(std::span{text});
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::uint64_t number_at(const std::byte* at) {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i)
    number = number << 8 | std::to_integer<std::uint64_t>(at[i]);
  return number;
}

}  // namespace

struct ZmtpLink::Part {
  std::uint8_t flags = 0;
  std::span<const std::byte> body;
  std::size_t end = 0;  // where the next one begins

  [[nodiscard]] bool more() const { return (flags & flag_more) != 0; }
  [[nodiscard]] bool command() const { return (flags & flag_command) != 0; }
};

ZmtpLink::~ZmtpLink() {
  if (fd_ >= 0) ::close(fd_);
}

Outcome ZmtpLink::connect(const std::string& endpoint) {
  constexpr std::string_view scheme = "tcp://";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(scheme) || colon < scheme.size())
    return failure("cannot connect to " + endpoint + ": only tcp://HOST:PORT is spoken here");
  const std::string host = endpoint.substr(scheme.size(), colon - scheme.size());
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error =
          ::getaddrinfo(host.c_str(), endpoint.substr(colon + 1).c_str(), &hints, &found))
    return failure("cannot connect to " + endpoint + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> freed{found, &::freeaddrinfo};
  fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return failure("cannot connect to " + endpoint + ": " + std::strerror(errno));
  const int yes = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(fd_, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS)
    return failure("cannot connect to " + endpoint + ": " + std::strerror(errno));
  put_raw(greeting);
  put(raw_of(ready), flag_command);
  return Done{};
}

// Its edges: what has come is read until nothing is left, and that there is room again to write in
// is told only after there was none.
std::uint32_t ZmtpLink::news() const {
  return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
}

std::string ZmtpLink::last_words() const {
  return why_.empty() ? why_ : ": " + why_;
}

void ZmtpLink::cut_off(std::string why) {
  if (why_.empty()) why_ = std::move(why);
}

void ZmtpLink::give_up(std::string why) {
  cut_off(std::move(why));
  is_deaf_ = true;
}

// ---- what comes --------------------------------------------------------------------------------

bool ZmtpLink::receive(Received& into) {
  while (true) {
    if (greeted() && take_message(into)) return true;
    if (is_deaf_ || std::exchange(drained_, false) || !fill()) return false;
  }
}

bool ZmtpLink::fill() {
  if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
  if (in_.size() - in_begin_ < wanted_ || in_.size() == in_end_) {
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(in_begin_),
              in_.begin() + static_cast<std::ptrdiff_t>(in_end_), in_.begin());
    in_end_ -= std::exchange(in_begin_, 0);
    in_.resize(std::max({in_.size(), wanted_, room_min}));
  }
  const std::size_t room = in_.size() - in_end_;
  const auto got = ::recv(fd_, in_.data() + in_end_, room, 0);
  if (got > 0) {
    in_end_ += static_cast<std::size_t>(got);
    drained_ = static_cast<std::size_t>(got) < room;
    return true;
  }
  if (got == 0) cut_off("the target has closed it");
  if (got < 0 && errno != EAGAIN && errno != EINTR) cut_off(std::strerror(errno));
  return false;
}

bool ZmtpLink::greeted() {
  if (greeted_) return true;
  wanted_ = greeting_bytes;
  if (in_end_ - in_begin_ < greeting_bytes) return false;
  const std::string_view said = text_of({in_.data() + in_begin_, greeting_bytes});
  const bool speaks = said[0] == greeting[0] && said[9] == greeting[9] && said[10] >= greeting[10];
  if (!speaks || said.substr(12, 20) != greeting.substr(12, 20)) {
    give_up("the target does not speak ZMTP 3 with the NULL mechanism");
    return false;
  }
  in_begin_ += greeting_bytes;
  greeted_ = true;
  return true;
}

bool ZmtpLink::part_at(std::size_t at, Part& part) {
  const std::size_t here = in_end_ - at;
  wanted_ = at - in_begin_ + 2;
  if (here < 2) return false;
  part.flags = std::to_integer<std::uint8_t>(in_[at]);
  const bool is_long = (part.flags & flag_long) != 0;
  const std::size_t head = is_long ? 9 : 2;
  wanted_ = at - in_begin_ + head;
  if (here < head) return false;
  const std::uint64_t size =
      is_long ? number_at(&in_[at + 1]) : std::to_integer<std::uint64_t>(in_[at + 1]);
  if (size > frame_bytes_max) {
    give_up("the target sends a frame of " + std::to_string(size) + " bytes, and " +
            std::to_string(frame_bytes_max) + " are taken");
    return false;
  }
  wanted_ += size;
  if (here - head < size) return false;
  part.body = {in_.data() + at + head, size};
  part.end = at + head + size;
  return true;
}

// All of a message, or nothing of it, so that its parts stand side by side.
bool ZmtpLink::take_message(Received& into) {
  Part part;
  while (true) {
    if (!part_at(in_begin_, part)) return false;
    if (!part.command()) break;
    in_begin_ = part.end;
    took_command(part.body);
  }
  for (Part last = part; last.more();)
    if (!part_at(last.end, last)) return false;
  into = {};
  if (enveloped_ && part.more()) {
    into.from = text_of(part.body);
    (void)part_at(part.end, part);
  }
  into.header = part.body;
  while (part.more()) {
    (void)part_at(part.end, part);
    ++into.frames;
    into.bytes += part.body.size();
    into.body = part.body;
  }
  in_begin_ = part.end;
  return true;
}

void ZmtpLink::took_command(std::span<const std::byte> body) {
  constexpr std::string_view ping = "\4PING"sv;
  constexpr std::string_view error = "\5ERROR"sv;
  constexpr std::size_t ping_ttl = 2;
  const std::string_view said = text_of(body);
  if (said.starts_with(error)) {
    const std::string_view reason = said.substr(std::min(said.size(), error.size() + 1));
    give_up("the target refuses it: " + std::string{reason});
  }
  if (!said.starts_with(ping) || said.size() < ping.size() + ping_ttl) return;
  const std::string pong = "\4PONG" + std::string{said.substr(ping.size() + ping_ttl)};
  put(raw_of(pong), flag_command);
}

// ---- what goes out -----------------------------------------------------------------------------

bool ZmtpLink::send(zmq::message_t& header, const zmq::message_t* body) {
  put(bytes_of(header), body != nullptr ? flag_more : 0);
  if (body != nullptr) put(bytes_of(*body), 0);
  return why_.empty();
}

bool ZmtpLink::answer(std::string_view to, zmq::message_t& header, const zmq::message_t* body) {
  if (enveloped_) put(raw_of(to), flag_more);
  return send(header, body);
}

void ZmtpLink::put(std::span<const std::byte> bytes, std::uint8_t flags) {
  const bool is_long = bytes.size() > 255;
  std::array<std::byte, 9> head{static_cast<std::byte>(flags | (is_long ? flag_long : 0))};
  if (is_long) {
    for (std::size_t i = 0; i < 8; ++i)
      head[i + 1] = static_cast<std::byte>(bytes.size() >> (56 - 8 * i));
  } else {
    head[1] = static_cast<std::byte>(bytes.size());
  }
  out_.insert(out_.end(), head.begin(), head.begin() + (is_long ? 9 : 2));
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void ZmtpLink::put_raw(std::string_view bytes) {
  const auto raw = raw_of(bytes);
  out_.insert(out_.end(), raw.begin(), raw.end());
}

void ZmtpLink::flush() {
  drained_ = false;  // of what comes from here on the driver may hear before it asks again
  while (why_.empty() && out_begin_ < out_.size()) {
    const auto sent = ::send(fd_, out_.data() + out_begin_, out_.size() - out_begin_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {  // there will be news when there is room
      if (out_begin_ <= out_.size() / 2) return;
      out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_begin_));
      out_begin_ = 0;
      return;
    }
    if (sent < 0 && errno != EINTR) cut_off(std::strerror(errno));
    if (sent > 0) out_begin_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  out_begin_ = 0;
}

}  // namespace muster::bench
