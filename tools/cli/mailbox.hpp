#pragma once

// What the client's callbacks, on the client's thread, leave for the main thread, which sleeps in
// poll() meanwhile. The main thread does all the printing: a pipe that nobody reads must not hold
// up the client's heartbeats.

#include <mutex>
#include <utility>
#include <vector>

namespace muster::cli {

// A descriptor that is readable from ring() until quiet().
class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() const;  // from any thread, and from a signal handler
  void quiet() const;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

template <class T>
class Mailbox {
 public:
  void put(T item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    bell_.ring();
  }
  [[nodiscard]] std::vector<T> take() {
    bell_.quiet();
    const std::lock_guard lock(mutex_);
    return std::exchange(items_, {});
  }
  [[nodiscard]] int fd() const { return bell_.fd(); }  // readable while there is something to take

 private:
  Bell bell_;
  std::mutex mutex_;
  std::vector<T> items_;
};

}  // namespace muster::cli
