#pragma once

// What a test of the client hears of one request.

#include <mutex>
#include <string>
#include <vector>

#include "client/include/muster/client.hpp"
#include "tests/unit/client/test_broker.hpp"

namespace muster::client {

// What came back for one request; written on the client's thread, read on the test's.
class Story {
 public:
  Callbacks callbacks() {
    return {.on_part =
                [this](const Part& part) {
                  const std::lock_guard lock(mutex_);
                  parts_.emplace_back(part.bytes);
                  if (part.seq == 0) worker_ = part.worker;
                },
            .on_end =
                [this](const End& end) {
                  const std::lock_guard lock(mutex_);
                  ++ends_;
                  error_ = end.error;
                  rest_ = end.bytes;
                },
            .on_retry =
                [this](std::string_view why) {
                  const std::lock_guard lock(mutex_);
                  retries_.emplace_back(why);
                }};
  }

  [[nodiscard]] bool over() const { return ends() > 0; }
  [[nodiscard]] int ends() const { return locked(ends_); }
  [[nodiscard]] std::vector<std::string> parts() const { return locked(parts_); }
  [[nodiscard]] std::vector<std::string> retries() const { return locked(retries_); }
  [[nodiscard]] RequestError error() const { return locked(error_); }
  [[nodiscard]] std::string rest() const { return locked(rest_); }
  [[nodiscard]] std::string worker() const { return locked(worker_); }

 private:
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  int ends_ = 0;
  std::vector<std::string> parts_;
  std::vector<std::string> retries_;
  RequestError error_;
  std::string rest_;
  std::string worker_;
};

inline ClientOptions options_for(const TestBroker& broker) {
  return {.broker = broker.endpoint()};
}

}  // namespace muster::client
