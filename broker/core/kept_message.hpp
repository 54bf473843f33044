#pragma once

// KeptMessage: a REQUEST that is kept so that a worker, or another one, can be given it. What is
// small (Frame::keep()) is copied, all of it into one buffer; what is large is shared.

#include <memory>
#include <utility>

#include "broker/core/event.hpp"

namespace muster::broker {

class KeptMessage {
 public:
  KeptMessage() = default;
  KeptMessage(const Header& header, const Payload& payload);

  // The message, to be sent; it stays kept. REQUIRES: !empty().
  [[nodiscard]] std::pair<Header, Payload> give() const;

  [[nodiscard]] bool empty() const { return small_ == nullptr && shared_ == nullptr; }
  void let_go() {
    small_.reset();
    shared_.reset();
  }

 private:
  struct Small;
  struct Delete {
    void operator()(Small* small) const;
  };
  // One of them, where not empty. They stand apart so that one that is let go is not looked at: its
  // bytes were last seen when the request came.
  std::unique_ptr<Small, Delete> small_;
  std::unique_ptr<std::pair<Header, Payload>> shared_;
};

}  // namespace muster::broker
