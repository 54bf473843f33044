#include "tools/bench/nats_link.hpp"

#include <nats/nats.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "protocol/check.hpp"

namespace muster::bench {

namespace {

constexpr const char* workers_subject = "work";
constexpr const char* workers_group = "workers";
constexpr std::size_t length_bytes = 2;
constexpr std::int64_t flush_patience_ms = 5000;

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* one) const {
    destroy(one);
  }
};
using Message = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;

// What has come and was not taken yet; written by the client's threads.
class Inbox {
 public:
  Inbox() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CHECK(fd_ >= 0, "no descriptor left for a connection");
  }
  ~Inbox() { ::close(fd_); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  void add(Message message) {
    const std::lock_guard lock{mutex_};
    if (came_.empty()) ring();
    came_.push_back(std::move(message));
  }
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    ring();
  }

  // All that is there, in order; whether the connection is closed.
  [[nodiscard]] bool take(std::vector<Message>& into) {
    std::uint64_t rings = 0;
    (void)!::read(fd_, &rings, sizeof rings);
    const std::lock_guard lock{mutex_};
    came_.swap(into);
    return closed_;
  }

 private:
  void ring() const {
    const std::uint64_t once = 1;
    (void)!::write(fd_, &once, sizeof once);
  }

  const int fd_;
  std::mutex mutex_;
  std::vector<Message> came_;
  bool closed_ = false;
};

// The client's threads may come back to an inbox after its link is gone: each has a share in it.
using Share = std::shared_ptr<Inbox>;

void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* share) {
  (*static_cast<Share*>(share))->add(Message{message});
}
void on_closed(natsConnection*, void* share) {
  (*static_cast<Share*>(share))->close();
  delete static_cast<Share*>(share);
}
void on_complete(void* share) {
  delete static_cast<Share*>(share);
}

class NatsLink : public Link {
 public:
  // `inbox_subject`: a client's; empty: a worker.
  explicit NatsLink(std::string inbox_subject) : subject_(std::move(inbox_subject)) {}
  ~NatsLink() override {
    subscription_.reset();
    if (connection_ != nullptr) natsConnection_Close(connection_.get());
  }

  [[nodiscard]] Outcome connect(const std::string& endpoint) override;
  [[nodiscard]] int fd() const override { return inbox_->fd(); }
  [[nodiscard]] bool receive(Received& into) override;
  [[nodiscard]] bool send(zmq::message_t& header, const zmq::message_t* body) override {
    return publish(workers_subject, subject_.c_str(), header, body);
  }
  [[nodiscard]] bool answer(std::string_view to, zmq::message_t& header,
                            const zmq::message_t* body) override {
    return publish(std::string{to}.c_str(), nullptr, header, body);
  }
  [[nodiscard]] std::string last_words() const override { return last_words_; }

 private:
  [[nodiscard]] natsStatus subscribe();
  [[nodiscard]] bool publish(const char* to, const char* answer_to, const zmq::message_t& header,
                             const zmq::message_t* body);
  void lose(std::string_view why);

  const std::string subject_;
  Share inbox_ = std::make_shared<Inbox>();
  std::unique_ptr<natsConnection, Destroy<natsConnection_Destroy>> connection_;
  std::unique_ptr<natsSubscription, Destroy<natsSubscription_Destroy>> subscription_;
  std::string last_words_;
  std::vector<Message> taken_;  // from `next_` on not given yet
  std::size_t next_ = 0;
  std::string out_;
};

Outcome NatsLink::connect(const std::string& endpoint) {
  const auto refuse = [&](natsStatus status) {
    return failure("cannot connect to " + endpoint + ": " + natsStatus_GetText(status));
  };
  natsOptions* made = nullptr;
  if (const natsStatus status = natsOptions_Create(&made); status != NATS_OK) return refuse(status);
  const std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>> options{made};
  const std::string url = "nats" + endpoint.substr(endpoint.find(':'));
  natsOptions_SetURL(made, url.c_str());
  natsOptions_SetAllowReconnect(made, false);
  auto* const share = new Share{inbox_};
  natsOptions_SetClosedCB(made, on_closed, share);
  natsConnection* connection = nullptr;
  if (const natsStatus status = natsConnection_Connect(&connection, made); status != NATS_OK) {
    delete share;
    return refuse(status);
  }
  connection_.reset(connection);
  if (const natsStatus status = subscribe(); status != NATS_OK) return refuse(status);
  inbox_->add(nullptr);  // the subscription stands
  return Done{};
}

natsStatus NatsLink::subscribe() {
  natsConnection* const connection = connection_.get();
  auto* const share = new Share{inbox_};
  natsSubscription* made = nullptr;
  const natsStatus status =
      subject_.empty()
          ? natsConnection_QueueSubscribe(&made, connection, workers_subject, workers_group,
                                          on_message, share)
          : natsConnection_Subscribe(&made, connection, subject_.c_str(), on_message, share);
  if (status != NATS_OK) {
    delete share;
    return status;
  }
  subscription_.reset(made);
  natsSubscription_SetPendingLimits(made, -1, -1);
  natsSubscription_SetOnCompleteCB(made, on_complete, share);
  return natsConnection_FlushTimeout(connection, flush_patience_ms);
}

bool NatsLink::receive(Received& into) {
  if (next_ == taken_.size()) {
    taken_.clear();
    next_ = 0;
    if (inbox_->take(taken_) && taken_.empty()) {
      const char* why = nullptr;
      natsConnection_GetLastError(connection_.get(), &why);
      lose(why != nullptr && *why != '\0' ? why : "it was closed");
    }
    if (taken_.empty()) return false;
  }
  const natsMsg* message = taken_[next_++].get();
  into = {};
  if (message == nullptr) return true;
  const auto* bytes = reinterpret_cast<const std::byte*>(natsMsg_GetData(message));
  const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
  const std::size_t header = size < length_bytes ? size
                                                 : std::to_integer<std::size_t>(bytes[0]) << 8 |
                                                       std::to_integer<std::size_t>(bytes[1]);
  if (size < length_bytes || header > size - length_bytes) {
    lose("a payload that nobody has sent");
    return false;
  }
  const char* const from = natsMsg_GetReply(message);
  const std::size_t rest = size - length_bytes - header;
  into = {.from = from != nullptr ? from : "",
          .header = {bytes + length_bytes, header},
          .frames = rest > 0 ? 1u : 0u,
          .bytes = rest,
          .body = {bytes + length_bytes + header, rest}};
  return true;
}

bool NatsLink::publish(const char* to, const char* answer_to, const zmq::message_t& header,
                       const zmq::message_t* body) {
  out_.clear();
  out_ += static_cast<char>(header.size() >> 8);
  out_ += static_cast<char>(header.size() & 0xff);
  out_.append(header.data<char>(), header.size());
  if (body != nullptr) out_.append(body->data<char>(), body->size());
  const int size = static_cast<int>(out_.size());
  natsConnection* const connection = connection_.get();
  const natsStatus status =
      answer_to != nullptr
          ? natsConnection_PublishRequest(connection, to, answer_to, out_.data(), size)
          : natsConnection_Publish(connection, to, out_.data(), size);
  if (status != NATS_OK) lose(natsStatus_GetText(status));
  return status == NATS_OK;
}

void NatsLink::lose(std::string_view why) {
  if (last_words_.empty()) last_words_.append(": ").append(why);
}

}  // namespace

bool has_nats() {
  return true;
}

std::unique_ptr<Link> nats_client(std::uint64_t number) {
  return std::make_unique<NatsLink>("client." + std::to_string(number));
}

std::unique_ptr<Link> nats_worker() {
  return std::make_unique<NatsLink>("");
}

}  // namespace muster::bench
