#include "protocol/transport/socket.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"
#include "protocol/transport/connection_watch.hpp"
#include "protocol/transport/socket_impl.hpp"

namespace muster::transport {
namespace {

// How long a closed socket goes on sending what it has: enough for the last ERRORs of a stopping
// broker over a slow line, and a bound on how long a frozen peer can hold up an exit.
constexpr int linger_ms = 500;

// Whole messages that libzmq reads ahead for each connection before it lets TCP push back. Every
// loop reads its sockets empty each turn, so this is the depth of one turn's burst; kept low
// because each may be a whole message of 64 MiB.
constexpr int receive_high_water = 1000;

// What a DEALER holds for a broker that does not read. The owners keep what does not fit (`full`)
// under bounds of their own; this only has to cover what is said between two turns of their loop.
constexpr int dealer_send_high_water = 1000;

// MAXMSGSIZE drops the connection of whoever exceeds it: it stands above the limits by so much that
// a frame over a limit still comes in, and can be answered with BAD_REQUEST.
constexpr std::uint64_t oversize_margin = std::uint64_t{64} * 1024;

constexpr int backlog = 1024;  // a cluster that dials in again all at once
constexpr int reconnect_ms = 100;
constexpr int reconnect_ms_max = 2000;
constexpr int connect_timeout_ms = 5000;  // a host that swallows SYNs; the system's own is minutes
// Dead connections are found by TCP alone. ZMTP heartbeats are off: libzmq 4.3.4 aborts the process
// where a ping is due on a connection that was reset while its input was stopped by a full pipe.
constexpr int keepalive_idle_s = 30;
constexpr int keepalive_interval_s = 10;
constexpr int keepalive_count = 3;

// A routing id that libzmq made: a zero byte and a counter of 32 bits.
constexpr std::size_t routing_id_size = 5;

// The host of "tcp://host:port"; empty for other transports.
std::string_view tcp_host(std::string_view endpoint) {
  constexpr std::string_view scheme = "tcp://";
  if (!endpoint.starts_with(scheme)) return {};
  endpoint.remove_prefix(scheme.size());
  return endpoint.substr(0, endpoint.rfind(':'));
}

// libzmq takes the lower 16 bits of a larger port, and listens there.
bool port_possible(std::string_view endpoint) {
  if (!endpoint.starts_with("tcp://")) return true;
  const auto port = endpoint.substr(endpoint.rfind(':') + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return port == "*" ||
         (error == std::errc{} && end == port.data() + port.size() && number <= 65535);
}

// With IPv6 on, libzmq takes a name's IPv6 address alone where it has both, and shows
// 127.0.0.1 as [::ffff:127.0.0.1]. So it is on where an address asks for it, and for `*`.
bool binds_ipv6(std::string_view endpoint) {
  const auto host = tcp_host(endpoint);
  return host == "*" || host.starts_with('[');
}

// Of names, `localhost` has both everywhere, and programs on loopback listen on IPv4.
bool connects_ipv6(std::string_view endpoint) {
  const auto host = tcp_host(endpoint);
  if (host.starts_with('[')) return true;
  return host != "localhost" && std::any_of(host.begin(), host.end(),
                                            [](unsigned char c) { return std::isalpha(c) != 0; });
}

// libzmq removes the socket file of whoever listens on an ipc endpoint already, without a word.
bool ipc_in_use(std::string_view endpoint) {
  constexpr std::string_view scheme = "ipc://";
  if (!endpoint.starts_with(scheme)) return false;
  endpoint.remove_prefix(scheme.size());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (endpoint.empty() || endpoint == "*" || endpoint.size() >= sizeof address.sun_path)
    return false;
  endpoint.copy(address.sun_path, endpoint.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = offsetof(sockaddr_un, sun_path) + endpoint.size();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool used = ::connect(fd, reinterpret_cast<const sockaddr*>(&address),
                              static_cast<socklen_t>(length)) == 0;
  ::close(fd);
  return used;
}

std::string why(int error) {
  switch (error) {
    case EADDRINUSE:
      return "the address is already in use";
    case EADDRNOTAVAIL:
    case ENODEV:
      return "this machine has no such address";
    case EACCES:
      return "permission denied (ports below 1024 are the system's)";
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
      return "not an endpoint; expected tcp://ADDRESS:PORT or ipc://PATH";
    default:
      return zmq_strerror(error);
  }
}

std::array<unsigned char, routing_id_size> routing_id_of(std::uint32_t peer) {
  return {0, static_cast<unsigned char>(peer >> 24), static_cast<unsigned char>(peer >> 16),
          static_cast<unsigned char>(peer >> 8), static_cast<unsigned char>(peer)};
}

// The number in a routing id that libzmq made; nothing of another.
std::optional<std::uint32_t> peer_of(zmq_msg_t* routing_id) {
  const auto* id = static_cast<const unsigned char*>(zmq_msg_data(routing_id));
  if (zmq_msg_size(routing_id) != routing_id_size || id[0] != 0) return std::nullopt;
  return static_cast<std::uint32_t>(id[1]) << 24 | static_cast<std::uint32_t>(id[2]) << 16 |
         static_cast<std::uint32_t>(id[3]) << 8 | id[4];
}

}  // namespace

// ---- Context -----------------------------------------------------------------------------------

Context::Impl::Impl(int io_threads) {
  // libzmq numbers connections from rand() and never seeds it: without this, every fresh process
  // would give the same routing ids (docs/protocol.md, section 12).
  std::srand(static_cast<unsigned>(system_random()));
  context = zmq_ctx_new();
  CHECK(context != nullptr, "libzmq gives no context");
  CHECK(zmq_ctx_set(context, ZMQ_IO_THREADS, io_threads) == 0, "impossible number of I/O threads");
}

Context::Impl::~Impl() {
  while (zmq_ctx_term(context) != 0 && errno == EINTR) {
  }
}

Context::Context(int io_threads) : impl_(std::make_unique<Impl>(io_threads)) {}
Context::~Context() = default;

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  rlimit raised = limit;
  raised.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::string peer_address(const Frame& header) {
  const char* const address = header.property("Peer-Address");
  return address != nullptr ? address : "";
}

// ---- Socket ------------------------------------------------------------------------------------

Socket::Impl::Impl(Context& owner, int type, const WireLimits& wire_limits)
    : limits(wire_limits), router(type == ZMQ_ROUTER) {
  socket = zmq_socket(owner.impl().context, type);
  CHECK(socket != nullptr, "libzmq gives no socket: too many in this process");
  CHECK(zmq_msg_init(&peer_id) == 0, "libzmq can't make an empty message");
  set(ZMQ_LINGER, linger_ms);
  set(ZMQ_RCVHWM, receive_high_water);
  set_wide(ZMQ_MAXMSGSIZE,
           static_cast<std::int64_t>(std::max(limits.frame_bytes, limits.header_bytes) +
                                     oversize_margin));
  set(ZMQ_TCP_KEEPALIVE, 1);
  set(ZMQ_TCP_KEEPALIVE_IDLE, keepalive_idle_s);
  set(ZMQ_TCP_KEEPALIVE_INTVL, keepalive_interval_s);
  set(ZMQ_TCP_KEEPALIVE_CNT, keepalive_count);
}

Socket::Impl::~Impl() {
  zmq_msg_close(&peer_id);
  zmq_close(socket);
}

void Socket::Impl::set(int option, int value) {
  CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0,
        "libzmq refused a socket option");
}

void Socket::Impl::set_wide(int option, std::int64_t value) {
  CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0,
        "libzmq refused a socket option");
}

bool Socket::Impl::receive_frame(zmq_msg_t* into) {
  while (zmq_msg_recv(into, socket, ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    CHECK(errno == EINTR, "libzmq refused a receive");
  }
  return true;
}

// With ZMQ_IMMEDIATE, libzmq lets go of what came on a connection as soon as it learns that this is
// broken, and aborts the process where it was in the middle of a message (fq.cpp, `!_more`, in
// every version to 4.3.5). It learns when the socket is empty, and at each hundredth frame,
// whatever frame that is. So it is made to learn in front of each message. What is left is a break
// between here and the message's last frame, where that or one before is a hundredth one.
void Socket::Impl::learn_of_breaks() {
  int events = 0;
  std::size_t size = sizeof events;
  while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0)
    CHECK(errno == EINTR, "libzmq can't say what is there");
}

void Socket::Impl::receive_rest(Incoming& into) {
  std::uint64_t bytes = into.header.size() + into.payload.bytes();
  const auto over = [&] {
    return bytes > limits.message_bytes || into.payload.frame_count() + 1 > limits.frames;
  };
  bool more = true;
  while (more && !over()) {
    Frame& frame = into.payload.add();
    more = take_rest(frame);
    bytes += frame.size();
  }
  for (Frame dropped; more; ++into.dropped_frames)
    more = take_rest(dropped);
}

bool Socket::Impl::take_rest(Frame& into) {
  zmq_msg_t* message = into.to_fill();
  CHECK(receive_frame(message), "libzmq gave a part of a message");
  into.filled();
  return zmq_msg_more(message) != 0;
}

bool Socket::Impl::is_foreign(std::uint32_t peer, const zmq_msg_t* header) {
  std::uint64_t& known = known_peers[peer % known_peers.size()];
  const std::uint64_t own = std::uint64_t{peer} + 1;
  if (known == own) return false;
  if (const char* identity = zmq_msg_gets(header, "Identity")) {
    if (*identity != '\0') return true;
  } else if (zmq_msg_gets(header, "Socket-Type") == nullptr && !inproc) {
    return true;  // a ZMTP 3 peer may leave its empty identity out, but not its socket type
  }
  known = own;
  return false;
}

int Socket::Impl::send_frame(Frame& frame, int flags) {
  while (zmq_msg_send(frame.to_send(), socket, flags | ZMQ_DONTWAIT) < 0)
    if (errno != EINTR) return errno;
  frame.gone();
  return 0;
}

// Once the first frame is taken the rest is too; if the connection breaks in between, libzmq drops
// the whole message, wanting to be given all of it nevertheless.
void Socket::Impl::send_rest(Payload& payload) {
  const std::size_t count = payload.frame_count();
  for (std::size_t i = 0; i < count; ++i) {
    const int error = send_frame(payload.frame(i), i + 1 < count ? ZMQ_SNDMORE : 0);
    CHECK(error == 0 || error == EAGAIN, "libzmq refused a later frame of a message");
  }
}

Socket::Socket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Socket::~Socket() = default;

bool Socket::receive(Incoming& into) {
  if (!take(into)) return false;
  into.arrived();
  return true;
}

bool Socket::take(Incoming& into) {
  into.payload = Payload{};
  into.dropped_frames = 0;
  into.foreign_identity = false;
  zmq_msg_t* header = into.header.to_fill();
  if (!impl_->router) {
    into.peer = 0;
    impl_->learn_of_breaks();
    if (!impl_->receive_frame(header)) return false;
  } else {
    if (!impl_->receive_frame(&impl_->peer_id)) return false;
    CHECK(impl_->receive_frame(header), "libzmq gave a routing id without a message");
    const auto peer = peer_of(&impl_->peer_id);
    into.foreign_identity = !peer || impl_->is_foreign(*peer, header);
    into.peer = into.foreign_identity ? 0 : *peer;
  }
  into.header.will_be_filled();
  if (zmq_msg_more(header) == 0) return true;
  zmq_msg_t* first = into.payload.add().to_fill();
  CHECK(impl_->receive_frame(first), "libzmq gave a part of a message");
  into.payload.frame(0).will_be_filled();
  if (zmq_msg_more(first) == 0) return true;
  into.arrived();
  impl_->receive_rest(into);
  return true;
}

void Socket::drop_unsent() {
  impl_->set(ZMQ_LINGER, 0);
}

// ---- RouterSocket ------------------------------------------------------------------------------

RouterSocket::RouterSocket(Context& context, const RouterOptions& options)
    : Socket(std::make_unique<Impl>(context, ZMQ_ROUTER, options.limits)),
      large_bytes_high_water_(options.large_bytes_high_water) {
  impl_->set(ZMQ_ROUTER_MANDATORY, 1);
  impl_->set(ZMQ_PROBE_ROUTER, 1);
  impl_->set(ZMQ_SNDHWM, options.send_high_water);
  impl_->set(ZMQ_BACKLOG, backlog);
}

Result<std::string> RouterSocket::bind(const std::string& endpoint) {
  const auto refuse = [&](int error) {
    return failure("cannot listen on \"" + endpoint + "\": " + why(error));
  };
  if (!port_possible(endpoint)) return refuse(EINVAL);
  if (ipc_in_use(endpoint)) return refuse(EADDRINUSE);
  impl_->set(ZMQ_IPV6, binds_ipv6(endpoint) ? 1 : 0);
  if (zmq_bind(impl_->socket, endpoint.c_str()) != 0) return refuse(errno);
  if (endpoint.starts_with("inproc://")) impl_->inproc = true;

  std::array<char, 1024> bound{};
  std::size_t size = bound.size();
  CHECK(zmq_getsockopt(impl_->socket, ZMQ_LAST_ENDPOINT, bound.data(), &size) == 0,
        "libzmq can't say where it listens");
  return std::string{bound.data()};
}

Sent RouterSocket::send(std::uint32_t peer, Frame&& header, Payload&& payload) {
  const bool large =
      large_bytes_high_water_ > 0 && header.size() + payload.bytes() >= large_message_bytes;
  if (large && impl_->unsent.bytes(peer) >= large_bytes_high_water_) return Sent::full;
  const auto id = routing_id_of(peer);
  while (zmq_send(impl_->socket, id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    if (errno == EHOSTUNREACH) return Sent::unreachable;
    if (errno == EAGAIN) return Sent::full;
    CHECK(errno == EINTR, "libzmq refused a send");
  }
  if (large) {
    const auto count = [&](Frame& frame) {
      impl_->unsent.count(peer, frame.to_send());
      frame.filled();
    };
    count(header);
    for (std::size_t i = 0; i < payload.frame_count(); ++i)
      count(payload.frame(i));
  }
  CHECK(impl_->send_frame(header, payload.empty() ? 0 : ZMQ_SNDMORE) == 0,
        "libzmq refused the frame after a routing id");
  impl_->send_rest(payload);
  return Sent::done;
}

// ---- DealerSocket ------------------------------------------------------------------------------

DealerSocket::DealerSocket(Context& context, const WireLimits& limits)
    : Socket(std::make_unique<Impl>(context, ZMQ_DEALER, limits)), context_(context) {
  impl_->set(ZMQ_IMMEDIATE, 1);
  impl_->set(ZMQ_SNDHWM, dealer_send_high_water);
  impl_->set(ZMQ_RECONNECT_IVL, reconnect_ms);
  impl_->set(ZMQ_RECONNECT_IVL_MAX, reconnect_ms_max);
  impl_->set(ZMQ_CONNECT_TIMEOUT, connect_timeout_ms);
}

DealerSocket::~DealerSocket() = default;

void DealerSocket::watch_connection() {
  watch_ = std::make_unique<ConnectionWatch>(context_.impl().context, impl_->socket);
}

bool DealerSocket::connection_broke() {
  CHECK(watch_ != nullptr, "a connection that is not watched was asked for");
  return watch_->broke();
}

Outcome DealerSocket::connect(const std::string& endpoint) {
  const auto refuse = [&](int error) {
    return failure("cannot connect to \"" + endpoint + "\": " + why(error));
  };
  if (!port_possible(endpoint)) return refuse(EINVAL);
  impl_->set(ZMQ_IPV6, connects_ipv6(endpoint) ? 1 : 0);
  if (zmq_connect(impl_->socket, endpoint.c_str()) != 0) return refuse(errno);
  return Done{};
}

Sent DealerSocket::send(Frame&& header, Payload&& payload) {
  const int error = impl_->send_frame(header, payload.empty() ? 0 : ZMQ_SNDMORE);
  if (error == EAGAIN) return Sent::full;
  CHECK(error == 0, "libzmq refused a send");
  impl_->send_rest(payload);
  return Sent::done;
}

}  // namespace muster::transport
