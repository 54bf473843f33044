// Asks a model and prints its answer as it comes: asking BROKER MODEL QUESTION.

#include <cstdlib>
#include <future>
#include <iostream>
#include <muster/client.hpp>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: asking BROKER MODEL QUESTION\n";
    return EXIT_FAILURE;
  }
  muster::client::Client client({.broker = argv[1]});
  const std::string body = R"({"model": ")" + std::string{argv[2]} + R"(", "prompt": ")" + argv[3] +
                           R"(", "stream": true})";
  std::promise<bool> answered;
  client.request({.model = argv[2], .path = "/v1/completions", .body = body, .stream = true},
                 {.on_part = [](const auto& part) { std::cout << part.bytes; },
                  .on_end =
                      [&](const auto& end) {
                        std::cout << end.bytes << std::flush;
                        if (end.error)
                          std::cerr << end.error.name << ": " << end.error.message << '\n';
                        answered.set_value(!end.error);
                      }});
  return answered.get_future().get() ? EXIT_SUCCESS : EXIT_FAILURE;
}
