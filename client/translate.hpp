#pragma once

// Between the public words of the library (muster/client.hpp, which knows nothing of the protocol's
// types) and those of its core.

#include <optional>
#include <string>
#include <string_view>

#include "client/core/action.hpp"
#include "client/core/event.hpp"
#include "client/core/options.hpp"
#include "client/include/muster/client.hpp"

namespace muster::client {

[[nodiscard]] CoreOptions core_options(const ClientOptions& options);

// What the decoder and the socket take from the broker: a header may be as long as a whole message,
// since an ANSWER is nothing but a header.
[[nodiscard]] WireLimits limits_from_broker(const ClientOptions& options);

[[nodiscard]] Ask to_ask(RequestHandle handle, RequestSpec&& spec);

// Clamped, so that no time that a program gives overflows.
[[nodiscard]] Duration to_duration(Milliseconds time);

// Empty where the conclusion is an answer.
[[nodiscard]] RequestError to_error(Conclusion&& conclusion, std::string body = {});

// A query's args out of JSON text: nothing where that is no object, or nested too deep to be said.
[[nodiscard]] std::optional<Value> args_of_json(std::string_view json);

// A query's result as JSON text: keys in the broker's order, bytes that are no UTF-8 replaced.
[[nodiscard]] std::string to_json(const Value& value);

}  // namespace muster::client
