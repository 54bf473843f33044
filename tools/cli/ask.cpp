#include "tools/cli/ask.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include "tools/cli/answer_json.hpp"
#include "tools/cli/answer_reader.hpp"
#include "tools/cli/mailbox.hpp"
#include "tools/cli/output.hpp"

namespace muster::cli {

namespace {

constexpr std::size_t prompt_bytes_max = std::size_t{32} * 1024 * 1024;  // from standard input

// What may wait for a reader of standard output before the request is given up.
constexpr std::size_t held_bytes_max = std::size_t{64} * 1024 * 1024;

// A part of the answer, or its end, on its way from the client's thread to the main thread.
struct Piece {
  std::string bytes{};
  std::optional<std::uint64_t> status{};
  std::string type{};
  std::string worker{};
  bool last = false;
  client::RequestError error{};
  std::string again{};  // no part: why it is asked again
};

class Conversation {
 public:
  Conversation(const AskOptions& options, const Interrupt& interrupt)
      : options_(options), interrupt_(interrupt), reader_(options.json), output_(STDOUT_FILENO) {}

  // Returns early where the user or the reader of the output has had enough: the client's end,
  // which follows, cancels the request at broker and worker.
  [[nodiscard]] ExitCode have(client::Client& client, const std::string& model) {
    start(client, model);
    while (!ended_ || output_.held() > 0) {
      // Without anything to write, poll() still tells that the reader of a pipe is gone.
      const short writing = output_.held() > 0 ? POLLOUT : 0;
      std::array<pollfd, 3> fds{
          {{pieces_->fd(), POLLIN, 0}, {interrupt_.fd(), POLLIN, 0}, {output_.fd(), writing, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;  // a signal: the next poll shows it
      if (fds[1].revents != 0) {
        output_.finish_line();
        static_cast<void>(output_.write_some());
        return ExitCode::cancelled;
      }
      const bool room = (fds[2].revents & POLLOUT) != 0;
      if (room ? !output_.write_some() : fds[2].revents != 0) return give_up();
      for (const Piece& piece : pieces_->take())
        take(piece);
      if (output_.held() > held_bytes_max) {
        complain("nobody reads the answer, so it is given up");
        return ExitCode::failed;
      }
    }
    return verdict();
  }

 private:
  void start(client::Client& client, const std::string& model) {
    client::RequestSpec spec{
        .model = model,
        .path = options_.completion ? "/v1/completions" : "/v1/chat/completions",
        .body = request_body(options_, model),
        .stream = options_.stream,
        .timeout = options_.broker.timeout,
    };
    client.request(std::move(spec), {.on_part =
                                         [pieces = pieces_](const client::Part& part) {
                                           pieces->put({.bytes = std::string{part.bytes},
                                                        .status = part.status,
                                                        .type = std::string{part.type},
                                                        .worker = std::string{part.worker}});
                                         },
                                     .on_end =
                                         [pieces = pieces_](const client::End& end) {
                                           pieces->put({.bytes = std::string{end.bytes},
                                                        .status = end.status,
                                                        .type = std::string{end.type},
                                                        .worker = std::string{end.worker},
                                                        .last = true,
                                                        .error = end.error});
                                         },
                                     .on_retry =
                                         [pieces = pieces_](std::string_view why) {
                                           pieces->put({.again = std::string{why}});
                                         }});
  }

  // A reader that has seen enough (`muster ask ... | head -1`) is no failure to speak of.
  [[nodiscard]] ExitCode give_up() const {
    if (output_.failure().empty()) return ExitCode::cancelled;
    complain("standard output can't be written: " + output_.failure());
    return ExitCode::failed;
  }

  void take(const Piece& piece) {
    if (!piece.again.empty()) {
      return complain(piece.again + "; the question is asked again as soon as a broker is there");
    }
    if (worker_.empty()) worker_ = piece.worker;
    output_.add(reader_.take(piece.bytes, piece.status, piece.type));
    if (!piece.last) return;
    ended_ = true;
    error_ = piece.error;
    if (!error_) {
      output_.add(reader_.finish());
    }
    output_.finish_line();
  }

  [[nodiscard]] ExitCode verdict() const {
    if (error_) {
      complain(describe(error_) + try_completion(error_.status));
      return exit_code_for(error_);
    }
    const auto status = reader_.status();
    std::string sentence = "the model server";
    if (!worker_.empty()) sentence += " of worker " + worker_;
    sentence += " answered with ";
    if (status) sentence += "status " + std::to_string(*status) + " and ";
    if (reader_.error()) {
      complain(sentence + "an error: " + *reader_.error() + try_completion(status));
      return ExitCode::failed;
    }
    if (reader_.has_said()) return ExitCode::ok;
    const bool more = reader_.has_heard() && !options_.json;
    complain(sentence + "no text" + (more ? "; --json shows what it sent" : ""));
    return ExitCode::ok;
  }

  // Servers refuse a chat for models without a chat template.
  [[nodiscard]] std::string try_completion(std::optional<std::uint64_t> status) const {
    const bool refused = status && (*status == 400 || *status == 404);
    if (!refused || options_.completion) return {};
    return "; if this model takes no chat, ask with --completion";
  }

  const AskOptions& options_;
  const Interrupt& interrupt_;
  // Shared with the callbacks, which may still come while the client ends.
  const std::shared_ptr<Mailbox<Piece>> pieces_ = std::make_shared<Mailbox<Piece>>();
  AnswerReader reader_;
  Output output_;
  std::string worker_;
  bool ended_ = false;
  client::RequestError error_;
};

// All of standard input but its last line end.
bool read_prompt(std::string& prompt) {
  prompt.clear();
  std::array<char, 65536> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    prompt.append(buffer.data(), count);
    if (prompt.size() > prompt_bytes_max) {
      complain("standard input is longer than " + std::to_string(prompt_bytes_max) +
               " bytes, the most that can be asked");
      return false;
    }
  }
  if (std::ferror(stdin) != 0) {
    complain("standard input can't be read");
    return false;
  }
  if (prompt.ends_with('\n')) prompt.pop_back();
  if (prompt.ends_with('\r')) prompt.pop_back();
  return true;
}

}  // namespace

ExitCode run(AskOptions options) {
  if (options.prompt == "-" && !read_prompt(options.prompt)) return ExitCode::usage;
  if (options.prompt.empty()) {
    complain("there is nothing to ask: the question is empty");
    return ExitCode::usage;
  }
  const Interrupt interrupt;
  Conversation conversation(options, interrupt);
  client::Client client({.broker = options.broker.endpoint});

  // Whoever can't reach a broker wants to know it long before the request's own time is over; and
  // only the broker knows which model is meant where none is named.
  const auto patience = std::min(options.broker.timeout.value_or(query_timeout), query_timeout);
  const client::QueryEnd models = ask_broker(client, options.broker.endpoint,
                                             {.name = "models", .timeout = patience}, interrupt);
  const bool refused = models.error.kind == client::ErrorKind::from_broker;
  if (models.error && !(refused && !options.model.empty())) {
    return failed(models.error);
  }
  std::string model = options.model;
  if (model.empty()) {
    const ModelChoice choice = choose_model(models.json);
    if (choice.model.empty()) {
      complain(choice.complaint);
      return choice.none_served ? ExitCode::no_worker : ExitCode::usage;
    }
    model = choice.model;
  }
  return conversation.have(client, model);
}

}  // namespace muster::cli
