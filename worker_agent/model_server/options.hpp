#pragma once

// What can be set of the model server behind an agent: config/agent.toml says more of each.

#include <cstdint>
#include <string>

#include "protocol/time.hpp"

namespace muster::agent {

enum class ModelServerKind : std::uint8_t { openai, echo };

struct ModelServerOptions {  // [server]
  ModelServerKind kind = ModelServerKind::openai;
  std::string url;  // empty: the first of 127.0.0.1:8000, :30000, :8080 that answers
  std::string api_key_file;
  std::string ca_file;
  Duration connect_timeout = std::chrono::seconds{2};
  Duration health_interval = std::chrono::seconds{2};
  Duration health_timeout = std::chrono::seconds{5};  // three in a row missed: unhealthy
  bool metrics = true;                                // whether its /metrics is read
};

struct EchoOptions {  // [echo]
  std::string model = "echo";
  Duration first_token{};  // delay before the first part
  Duration per_token{};    // delay between parts
};

}  // namespace muster::agent
