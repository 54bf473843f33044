#include "worker_agent/model_server/http_client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "protocol/check.hpp"
#include "worker_agent/model_server/http_rules.hpp"

namespace muster::agent {
namespace {

constexpr int events_per_run_max = 512;  // sockets served in one run
constexpr int timer_rounds_max = 8;      // times that libcurl's timer is run in one run
constexpr long idle_seconds_max = 4;     // servers close kept connections after 5 s, most of them

long whole_ms(Duration d) {
  return static_cast<long>(to_wire_ms(d));
}

}  // namespace

struct HttpClient::Impl {
  struct Exchange {
    Impl* owner = nullptr;
    ExchangeId id;
    HttpRequest request;
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    std::size_t head_bytes = 0;
    bool answer_began = false;
    bool head_done = false;
    bool sent = false;            // the request has gone out, or begun to
    bool second_attempt = false;  // this is the one repetition, by us or by libcurl
    bool no_files = false;
    std::array<char, CURL_ERROR_SIZE> error{};

    ~Exchange() {
      curl_easy_cleanup(easy);
      curl_slist_free_all(headers);
    }
  };

  Options options;
  CURLM* multi = nullptr;
  int epoll_fd = -1;
  Time now{};
  Time timer = time_never;
  std::uint64_t ids = 0;
  std::map<ExchangeId, std::unique_ptr<Exchange>> exchanges;
  std::vector<HttpEvent>* out = nullptr;  // set while libcurl runs

  explicit Impl(Options o);
  ~Impl();

  void begin(Exchange& exchange);
  void set_up(Exchange& exchange) const;
  void serve_sockets();
  void serve_timer();
  void take_ended();
  [[nodiscard]] bool to_be_repeated(const Exchange& exchange, CURLcode code) const;
  void report_head(Exchange& exchange) const;
  [[nodiscard]] static HttpEnd end_of(const Exchange& exchange, CURLcode code);

  // libcurl's callbacks. None of them starts or stops an exchange.
  static int on_socket(CURL*, curl_socket_t fd, int what, void* impl, void*);
  static int on_timer(CURLM*, long timeout_ms, void* impl);
  static curl_socket_t on_open_socket(void* exchange, curlsocktype, curl_sockaddr* address);
  static int on_about_to_send(void* exchange, char*, char*, int, int);
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* exchange);
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* exchange);
};

HttpClient::Impl::Impl(Options o) : options(std::move(o)) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(global == CURLE_OK, "libcurl can't be set up");
  multi = curl_multi_init();
  CHECK(multi != nullptr, "libcurl has no memory left");
  epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_fd >= 0, "no epoll set can be made");
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options.kept_connections_max));
}

HttpClient::Impl::~Impl() {
  for (auto& [id, exchange] : exchanges)
    curl_multi_remove_handle(multi, exchange->easy);
  exchanges.clear();
  curl_multi_cleanup(multi);
  ::close(epoll_fd);
}

void HttpClient::Impl::begin(Exchange& exchange) {
  const CURLMcode added = curl_multi_add_handle(multi, exchange.easy);
  CHECK(added == CURLM_OK, "libcurl does not take an exchange");
}

void HttpClient::Impl::set_up(Exchange& exchange) const {
  CURL* const easy = exchange.easy;
  const HttpRequest& request = exchange.request;
  for (const std::string& line : request.headers)
    exchange.headers = curl_slist_append(exchange.headers, line.c_str());
  exchange.headers = curl_slist_append(exchange.headers, "Expect:");
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &exchange);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.headers);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
  if (!request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request.fresh_connection ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request.fresh_connection ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, idle_seconds_max);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, whole_ms(options.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // An exchange that is stopped while its name is resolved is not waited for.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error.data());
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_about_to_send);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
}

int HttpClient::Impl::on_socket(CURL*, curl_socket_t fd, int what, void* impl, void*) {
  auto& self = *static_cast<Impl*>(impl);
  if (what == CURL_POLL_REMOVE) {
    // Fails where the descriptor is closed already; then epoll has forgotten it by itself.
    ::epoll_ctl(self.epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  event.data.fd = fd;
  if (::epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0) return 0;
  const bool changed =
      errno == EEXIST && ::epoll_ctl(self.epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
  CHECK(changed, "epoll does not watch a socket of libcurl's");
  return 0;
}

int HttpClient::Impl::on_timer(CURLM*, long timeout_ms, void* impl) {
  auto& self = *static_cast<Impl*>(impl);
  self.timer = timeout_ms < 0 ? time_never : self.now + std::chrono::milliseconds{timeout_ms};
  return 0;
}

curl_socket_t HttpClient::Impl::on_open_socket(void* exchange, curlsocktype,
                                               curl_sockaddr* address) {
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0) return fd;
  if (errno == EMFILE || errno == ENFILE) static_cast<Exchange*>(exchange)->no_files = true;
  return CURL_SOCKET_BAD;
}

// Called each time before the request goes out, also where libcurl repeats it by itself after a
// used connection was lost. A repetition on another used connection might be lost in the same way:
// it is given up here, and done by take_ended() on a fresh one.
int HttpClient::Impl::on_about_to_send(void* data, char*, char*, int, int) {
  auto& exchange = *static_cast<Exchange*>(data);
  if (!exchange.sent) {
    exchange.sent = true;
    return CURL_PREREQFUNC_OK;
  }
  long connections_made = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_NUM_CONNECTS, &connections_made);
  if (exchange.second_attempt || connections_made == 0) return CURL_PREREQFUNC_ABORT;
  exchange.second_attempt = true;
  return CURL_PREREQFUNC_OK;
}

std::size_t HttpClient::Impl::on_header(char* data, std::size_t, std::size_t size, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  exchange.answer_began = true;
  exchange.head_bytes += size;
  if (exchange.head_bytes > head_bytes_max) return 0;
  const std::string_view line{data, size};
  if (exchange.head_done || (line != "\r\n" && line != "\n")) return size;
  long status = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200) exchange.owner->report_head(exchange);  // else the head of an interim answer
  return size;
}

void HttpClient::Impl::report_head(Exchange& exchange) const {
  exchange.head_done = true;
  HttpHead head;
  long status = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
  head.status = static_cast<std::uint64_t>(status);
  std::size_t bytes = 0;
  for (curl_header* h = nullptr;
       (h = curl_easy_nextheader(exchange.easy, CURLH_HEADER, -1, h)) != nullptr;) {
    const std::string name = lower_case(h->name);
    if (!is_token(name) || !is_header_text(h->value)) continue;
    if (name == "content-type" && std::strlen(h->value) <= type_bytes_max) head.type = h->value;
    if (name == "content-length" || name == "transfer-encoding") head.framed = true;
    const std::size_t more = name.size() + std::strlen(h->value);
    if (!is_header_relayed(name) || bytes + more > kept_header_bytes_max) continue;
    bytes += more;
    std::string& value = head.headers[name];
    value += (value.empty() ? "" : ", ");
    value += h->value;
  }
  CHECK(out != nullptr, "libcurl reads outside of run()");
  out->push_back({exchange.id, std::move(head)});
}

std::size_t HttpClient::Impl::on_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  exchange.answer_began = true;
  std::vector<HttpEvent>* const events = exchange.owner->out;
  CHECK(events != nullptr, "libcurl reads outside of run()");
  if (!events->empty() && events->back().id == exchange.id) {
    if (auto* last = std::get_if<HttpBytes>(&events->back().what)) {
      last->bytes.append(data, size);
      return size;
    }
  }
  events->push_back({exchange.id, HttpBytes{std::string{data, size}}});
  return size;
}

void HttpClient::Impl::serve_sockets() {
  std::array<epoll_event, events_per_run_max> events;
  const int count = ::epoll_wait(epoll_fd, events.data(), events_per_run_max, 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    int what = 0;
    if ((event.events & EPOLLIN) != 0) what |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) what |= CURL_CSELECT_ERR;
    int running = 0;
    curl_multi_socket_action(multi, event.data.fd, what, &running);
  }
}

void HttpClient::Impl::serve_timer() {
  for (int round = 0; round < timer_rounds_max && timer <= now; ++round) {
    timer = time_never;  // libcurl sets it anew, whatever has happened
    int running = 0;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

HttpEnd HttpClient::Impl::end_of(const Exchange& exchange, CURLcode code) {
  long os_error = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_OS_ERRNO, &os_error);
  const char* const error = exchange.error.data();
  switch (code) {
    case CURLE_OK:
      if (exchange.head_done) return {HttpOutcome::complete, {}};
      [[fallthrough]];
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_ABORTED_BY_CALLBACK:
      return exchange.answer_began
                 ? HttpEnd{HttpOutcome::cut, "it cut the answer off"}
                 : HttpEnd{HttpOutcome::closed, "it closed the connection unanswered"};
    case CURLE_COULDNT_CONNECT:
      if (exchange.no_files)
        return {HttpOutcome::no_connection, "too many open files in this process"};
      if (os_error == 0 || os_error == ECONNREFUSED)
        return {HttpOutcome::unreachable, "connection refused"};
      return {HttpOutcome::unreachable, std::strerror(static_cast<int>(os_error))};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {HttpOutcome::unreachable, "no such host"};
    case CURLE_OPERATION_TIMEDOUT:
      return {HttpOutcome::late, "no connection in time"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return {HttpOutcome::unreachable,
              std::string{"TLS failed: "} + (*error != '\0' ? error : curl_easy_strerror(code))};
    case CURLE_OUT_OF_MEMORY:  // as libcurl calls its own limit on a line of the head
      return {HttpOutcome::malformed, "a line in the head of its answer is too long"};
    default:
      if (exchange.head_bytes > head_bytes_max)
        return {HttpOutcome::malformed, "the head of its answer is over 256 KiB"};
      return {HttpOutcome::malformed, curl_easy_strerror(code)};
  }
}

bool HttpClient::Impl::to_be_repeated(const Exchange& exchange, CURLcode code) const {
  if (exchange.answer_began || !exchange.sent || exchange.second_attempt) return false;
  if (code == CURLE_ABORTED_BY_CALLBACK) return true;
  if (code != CURLE_GOT_NOTHING && code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR)
    return false;
  long connections_made = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_NUM_CONNECTS, &connections_made);
  return connections_made == 0;  // it went out on a used connection
}

void HttpClient::Impl::take_ended() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;  // `message` dies with the removal
    Exchange* exchange = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
    curl_multi_remove_handle(multi, easy);
    if (to_be_repeated(*exchange, code)) {
      exchange->second_attempt = true;
      exchange->sent = false;
      curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
      begin(*exchange);
      continue;
    }
    out->push_back({exchange->id, end_of(*exchange, code)});
    exchanges.erase(exchange->id);
  }
}

HttpClient::HttpClient(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;

ExchangeId HttpClient::start(HttpRequest request, Time now) {
  impl_->now = now;
  auto exchange = std::make_unique<Impl::Exchange>();
  exchange->owner = impl_.get();
  exchange->id = ExchangeId{++impl_->ids};
  exchange->request = std::move(request);
  exchange->easy = curl_easy_init();
  CHECK(exchange->easy != nullptr, "libcurl has no memory left");
  impl_->set_up(*exchange);
  impl_->begin(*exchange);
  const ExchangeId id = exchange->id;
  impl_->exchanges.emplace(id, std::move(exchange));
  return id;
}

void HttpClient::stop(ExchangeId id) {
  const auto found = impl_->exchanges.find(id);
  if (found == impl_->exchanges.end()) return;
  curl_multi_remove_handle(impl_->multi, found->second->easy);
  impl_->exchanges.erase(found);
}

void HttpClient::run(Time now, std::vector<HttpEvent>& out) {
  impl_->now = now;
  impl_->out = &out;
  impl_->serve_sockets();
  impl_->serve_timer();
  impl_->take_ended();
  impl_->out = nullptr;
}

int HttpClient::fd() const {
  return impl_->epoll_fd;
}

Time HttpClient::next_deadline() const {
  return impl_->timer;
}

}  // namespace muster::agent
