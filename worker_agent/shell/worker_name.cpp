#include "worker_agent/shell/worker_name.hpp"

#include <fstream>

namespace muster::agent {
namespace {

// "8000" of "http://gpu7:8000/v1"; the scheme's own where the address names none.
std::string_view port_of(std::string_view url) {
  const bool tls = url.starts_with("https://");
  const auto scheme_end = url.find("://");
  if (scheme_end != std::string_view::npos) url.remove_prefix(scheme_end + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const auto bracket = url.rfind(']');  // of an IPv6 address, which has colons of its own
  const auto colon = url.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket) &&
      colon + 1 < url.size())
    return url.substr(colon + 1);
  return tls ? "443" : "80";
}

}  // namespace

std::string default_worker_name(std::string_view host, const ModelServerOptions& server) {
  std::string name{host};
  switch (server.kind) {
    case ModelServerKind::echo:
      return name + ":echo";
    case ModelServerKind::openai:
      if (!server.url.empty()) name.append(":").append(port_of(server.url));
      return name;
  }
  return name;
}

std::string host_name() {
  std::ifstream file{"/proc/sys/kernel/hostname"};  // as gethostname(2) tells it
  std::string name;
  std::getline(file, name);
  return name.empty() ? "worker" : name;
}

}  // namespace muster::agent
