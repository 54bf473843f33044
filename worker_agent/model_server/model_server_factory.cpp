#include "worker_agent/model_server/model_server_factory.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "worker_agent/model_server/echo_server.hpp"
#include "worker_agent/model_server/openai_server.hpp"
#include "worker_agent/model_server/server_url.hpp"

namespace muster::agent {
namespace {

// Where model servers listen by default: vLLM, SGLang, llama.cpp.
std::vector<std::string> usual_urls() {
  return {"http://127.0.0.1:8000", "http://127.0.0.1:30000", "http://127.0.0.1:8080"};
}

Result<std::unique_ptr<ModelServer>> make_openai_server(const ModelServerOptions& options) {
  OpenAiServer::Options made;
  if (options.url.empty()) {
    made.watch.urls = usual_urls();
  } else {
    auto url = server_url(options.url);
    if (!url) return failure(std::move(url.error()));
    made.watch.urls = {std::move(url.value())};
  }
  made.watch.health_interval = options.health_interval;
  made.watch.health_timeout = options.health_timeout;
  made.watch.metrics = options.metrics;
  made.http.connect_timeout = options.connect_timeout;
  if (!options.ca_file.empty() && !std::ifstream{options.ca_file})
    return failure("the CA file " + options.ca_file + " can't be read: " + std::strerror(errno));
  made.http.ca_file = options.ca_file;
  made.api_key = ApiKey{options.api_key_file};
  if (Outcome key = made.api_key.refresh(); !key) return failure(std::move(key.error()));
  return std::unique_ptr<ModelServer>{std::make_unique<OpenAiServer>(std::move(made))};
}

}  // namespace

Result<std::unique_ptr<ModelServer>> make_model_server(const ModelServerOptions& server,
                                                       const EchoOptions& echo) {
  switch (server.kind) {
    case ModelServerKind::echo:
      return std::unique_ptr<ModelServer>{std::make_unique<EchoServer>(echo)};
    case ModelServerKind::openai:
      return make_openai_server(server);
  }
  return failure("there is no such kind of model server");
}

}  // namespace muster::agent
