#pragma once

// What a simulation tells of itself, one line an event, where it is asked for: who said what to
// whom, what befell whom. A line costs nothing where it is not.

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "broker/core/action.hpp"
#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::sim {

// A message in one line: its type, its id, and of its fields those that tell a story by.
[[nodiscard]] std::string describe(const FromClient& message);
[[nodiscard]] std::string describe(const ToClient& message);
[[nodiscard]] std::string describe(const FromWorker& message);
[[nodiscard]] std::string describe(const ToWorker& message);
[[nodiscard]] std::string describe(const broker::OwnToWorker& message);
[[nodiscard]] std::string describe(const Fault& fault);
// "12.345678"
[[nodiscard]] std::string seconds(Time time);
[[nodiscard]] std::string seconds(Duration duration);

class Trace {
 public:
  using Sink = std::function<void(const std::string& line)>;
  explicit Trace(Sink sink = {}) : sink_(std::move(sink)) {}

  void set_time(Time now) { now_ = now; }

  // `text` is a string, or something that makes one when it is wanted.
  template <class Text>
  void say(std::string_view who, const Text& text) const {
    if (!sink_) return;
    if constexpr (std::is_invocable_v<Text>) {
      write(who, text());
    } else {
      write(who, text);
    }
  }

 private:
  void write(std::string_view who, std::string_view text) const;

  Sink sink_;
  Time now_{};
};

}  // namespace muster::sim
