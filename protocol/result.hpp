#pragma once

// Result<T, E>: a value or the error that stands in its place. Errors are values here; exceptions
// of a library stop in the one source file that includes it. The default error is a sentence.

#include <string>
#include <utility>
#include <variant>

#include "protocol/check.hpp"

namespace muster {

template <class E>
struct Failure {
  E error;
};

// `return failure("no such file: x");`
template <class E>
[[nodiscard]] Failure<std::decay_t<E>> failure(E&& error) {
  return {std::forward<E>(error)};
}
[[nodiscard]] inline Failure<std::string> failure(const char* sentence) {
  return {sentence};
}

template <class T, class E = std::string>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Failure<E> failed) : state_(std::in_place_index<1>, std::move(failed.error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  [[nodiscard]] T& value() & { return checked<0>(); }
  [[nodiscard]] T&& value() && { return std::move(checked<0>()); }
  [[nodiscard]] const T& value() const& { return const_cast<Result*>(this)->template checked<0>(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }

  // REQUIRES: !ok().
  [[nodiscard]] E& error() & { return checked<1>(); }
  [[nodiscard]] E&& error() && { return std::move(checked<1>()); }
  [[nodiscard]] const E& error() const& { return const_cast<Result*>(this)->template checked<1>(); }

 private:
  template <std::size_t I>
  auto& checked() {
    CHECK(state_.index() == I, "a Result was read as what it does not hold");
    return *std::get_if<I>(&state_);
  }
  std::variant<T, E> state_;
};

// For what either works or says why not.
struct Done {};
using Outcome = Result<Done>;

}  // namespace muster
