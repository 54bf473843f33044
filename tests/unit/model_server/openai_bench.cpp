#include "openai_bench.hpp"

#include <poll.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>

#include "tests/support/source_folder.hpp"

namespace muster::agent::test {
namespace {

ScriptedServer::Handler with_checks(ScriptedServer::Handler answer) {
  return [answer = std::move(answer)](const SeenRequest& request) {
    if (request.method != "GET") return answer(request);
    const bool health = request.path == "/health";
    return say(http(health ? "200 OK" : "404 Not Found", "application/json", "{}"));
  };
}

OpenAiServer::Options options_for(const ScriptedServer& server,
                                  const std::function<void(OpenAiServer::Options&)>& change) {
  OpenAiServer::Options options;
  options.watch.urls = {server.url()};
  options.watch.health_interval = std::chrono::hours{1};
  options.watch.health_timeout = std::chrono::seconds{5};
  options.http.connect_timeout = std::chrono::seconds{10};  // a loaded host may take long
  if (change) change(options);
  return options;
}

}  // namespace

std::string recorded(const std::string& name) {
  std::ifstream in{
      muster::test::source_folder() + "/tests/unit/model_server/recorded/" + name + ".http",
      std::ios::binary};
  EXPECT_TRUE(in) << "no recorded answer " << name;
  return {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
}

std::string body_of(const std::string& answer) {
  const std::size_t head_end = answer.find("\r\n\r\n") + 4;
  const bool chunked = answer.substr(0, head_end).find("chunked") != std::string::npos;
  if (!chunked) return answer.substr(head_end);
  std::string body;
  for (std::size_t at = head_end;;) {
    const std::size_t size =
        std::stoul(answer.substr(at, answer.find("\r\n", at) - at), nullptr, 16);
    if (size == 0) return body;
    at = answer.find("\r\n", at) + 2;
    body += answer.substr(at, size);
    at += size + 2;
  }
}

ScriptedAnswer say(std::string bytes, ScriptedAnswer::End end) {
  return {{std::move(bytes)}, end, false};
}

std::string http(std::string_view status, std::string_view type, std::string_view body,
                 std::string_view more_head) {
  std::string answer = "HTTP/1.1 " + std::string{status} + "\r\n";
  if (!type.empty()) answer += "Content-Type: " + std::string{type} + "\r\n";
  answer += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return answer + std::string{more_head} + "\r\n" + std::string{body};
}

std::string JobOutcome::bytes() const {
  std::string all;
  for (const JobPart& part : parts)
    all += part.bytes;
  if (done) all += done->bytes;
  return all;
}

OpenAiBench::OpenAiBench(ScriptedServer::Handler answer,
                         const std::function<void(OpenAiServer::Options&)>& change)
    : server(with_checks(std::move(answer))), client(options_for(server, change)) {}

RequestOptions OpenAiBench::streamed() {
  RequestOptions options = plain();
  options.stream = true;
  return options;
}

RequestOptions OpenAiBench::plain() {
  RequestOptions options;
  options.path = "/v1/chat/completions";
  options.type = "application/json";
  return options;
}

JobId OpenAiBench::start(RequestOptions options, std::string body) {
  const JobId id{++ids_};
  client.start({id, "model", std::move(options), std::move(body)}, now);
  return id;
}

bool OpenAiBench::turn() {
  const bool busy = server.pump();
  client.run(now, events);
  return busy;
}

bool OpenAiBench::turn_until(const std::function<bool()>& done) {
  constexpr std::chrono::seconds patience{10};
  auto deadline = std::chrono::steady_clock::now() + patience;
  for (int idle = 0; !done();) {
    const auto real_now = std::chrono::steady_clock::now();
    if (real_now > deadline) return false;
    const bool moved = turn();
    if (moved) deadline = real_now + patience;
    // What the client sent in the last turn is seen by the server in the next.
    idle = moved || client.next_deadline() <= now ? 0 : idle + 1;
    if (idle < 2) continue;
    pollfd readable{client.fd(), POLLIN, 0};
    ::poll(&readable, 1, 1);
  }
  return true;
}

JobOutcome OpenAiBench::outcome(JobId id) const {
  JobOutcome outcome;
  for (const ServerEvent& event : events) {
    if (const auto* part = std::get_if<JobPart>(&event); part != nullptr && part->id == id) {
      EXPECT_FALSE(outcome.ended()) << "a part came after the end";
      outcome.parts.push_back(*part);
    }
    if (const auto* done = std::get_if<JobDone>(&event); done != nullptr && done->id == id) {
      EXPECT_FALSE(outcome.ended()) << "a job ended twice";
      outcome.done = *done;
    }
    if (const auto* failed = std::get_if<JobFailed>(&event);
        failed != nullptr && failed->id == id) {
      EXPECT_FALSE(outcome.ended()) << "a job ended twice";
      outcome.failed = *failed;
    }
  }
  return outcome;
}

JobOutcome OpenAiBench::ask(RequestOptions options, std::string body) {
  const JobId id = start(std::move(options), std::move(body));
  EXPECT_TRUE(turn_until([&] { return outcome(id).ended(); })) << "the job did not end";
  return outcome(id);
}

const ServerStatus* OpenAiBench::status() const {
  const ServerStatus* last = nullptr;
  for (const ServerEvent& event : events) {
    if (const auto* status = std::get_if<ServerStatus>(&event)) last = status;
  }
  return last;
}

bool OpenAiBench::state_is(WorkerState state) const {
  const ServerStatus* last = status();
  return last != nullptr && last->state == state;
}

}  // namespace muster::agent::test
