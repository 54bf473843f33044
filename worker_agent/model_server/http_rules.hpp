#pragma once

// What of a client's request goes into the HTTP request at the model server, and what of the
// server's head goes back. Paths and headers come from clients: nothing in them may reach another
// host, smuggle a second request in or break the framing that the agent itself is responsible for.

#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/result.hpp"

namespace muster::agent {

// A path as it may follow the server's address: it begins with `/`, is printable ASCII without
// space, `\` or `#` (all of which can be percent-encoded), and has no `..` segment, encoded or not.
[[nodiscard]] Outcome check_path(std::string_view path);

// The header lines of a request: those of `options.headers` as they came, save those that belong to
// one hop or to the framing (Host, Content-Length, Connection, ...), which are ignored;
// Content-Type from `options.type`, or else from the headers, or else application/json where there
// is a body; `Authorization: Bearer <api_key>` where there is a key and the client gave no
// Authorization. A name that is no token or a value with control characters is a failure.
[[nodiscard]] Result<std::vector<std::string>> request_headers(const RequestOptions& options,
                                                               bool has_body,
                                                               std::string_view api_key);

// Whether a header of the server's answer is told to the client; `name` in lower case. Not told:
// what belongs to one hop, what is told otherwise (the type), and what means nothing beyond it
// (date, server, CORS).
[[nodiscard]] bool is_header_relayed(std::string_view name);

// Whether a header's name is a token, as RFC 9110, section 5.6.2, wants it; so it is ASCII.
[[nodiscard]] bool is_token(std::string_view text);

// Whether a value from the server is printable ASCII, as the strings of the protocol must be UTF-8.
[[nodiscard]] bool is_header_text(std::string_view value);

[[nodiscard]] std::string lower_case(std::string_view text);

// A content type without its parameters, in lower case: "text/event-stream; charset=utf-8" is
// "text/event-stream".
[[nodiscard]] std::string media_type(std::string_view content_type);

}  // namespace muster::agent
