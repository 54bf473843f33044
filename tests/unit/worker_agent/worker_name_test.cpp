#include "worker_agent/shell/worker_name.hpp"

#include <gtest/gtest.h>

namespace muster::agent::test {
namespace {

TEST(WorkerName, IsTheHostAndTheServersPort) {
  struct Case {
    ModelServerKind kind;
    const char* url;
    const char* name;
  };
  const Case cases[] = {
      {ModelServerKind::openai, "http://127.0.0.1:8000", "gpu7:8000"},
      {ModelServerKind::openai, "http://127.0.0.1:8000/v1", "gpu7:8000"},
      {ModelServerKind::openai, "http://localhost", "gpu7:80"},
      {ModelServerKind::openai, "https://localhost/v1/", "gpu7:443"},
      {ModelServerKind::openai, "http://[::1]:30000/", "gpu7:30000"},
      {ModelServerKind::openai, "http://[::1]", "gpu7:80"},
      {ModelServerKind::openai, "", "gpu7"},
      {ModelServerKind::echo, "", "gpu7:echo"},
      {ModelServerKind::echo, "http://127.0.0.1:8000", "gpu7:echo"},
  };
  for (const Case& c : cases) {
    ModelServerOptions options;
    options.kind = c.kind;
    options.url = c.url;
    EXPECT_EQ(default_worker_name("gpu7", options), c.name) << c.url;
  }
}

TEST(WorkerName, TheHostHasAName) {
  EXPECT_FALSE(host_name().empty());
}

}  // namespace
}  // namespace muster::agent::test
