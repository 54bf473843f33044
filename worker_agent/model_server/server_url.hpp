#pragma once

#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace muster::agent {

// The address that requests' paths are put behind: http or https, a host, perhaps a port and a
// path; no user or password, no query, no fragment. A `/` at its end is dropped, and a `/v1` too:
// requests bring their whole path. A failure is one sentence.
[[nodiscard]] Result<std::string> server_url(std::string_view configured);

}  // namespace muster::agent
