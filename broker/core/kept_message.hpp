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

  [[nodiscard]] bool empty() const { return kept_ == nullptr; }
  void let_go() { kept_.reset(); }

 private:
  struct Kept;
  struct Delete {
    void operator()(Kept* kept) const;
  };
  std::unique_ptr<Kept, Delete> kept_;
};

}  // namespace muster::broker
