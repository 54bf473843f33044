#pragma once

// Turns what a model server answers, in the pieces in which it comes, into what is to be printed:
// the text of a stream of events as it comes, or of a whole body at its end. What is no JSON that
// is understood is printed as it is, so that nothing is hidden. An answer under another status than
// 2xx is an error: what it says is no model's text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/sse_reader.hpp"

namespace muster::cli {

class AnswerReader {
 public:
  // `json`: print the server's JSON instead of the text in it, one line an event.
  explicit AnswerReader(bool json) : json_(json) {}

  // A piece of the answer; gives what is to be printed now. `status` and `type` count where they
  // come first.
  [[nodiscard]] std::string take(std::string_view bytes, std::optional<std::uint64_t> status,
                                 std::string_view type);

  // The answer is complete; gives what is still to be printed.
  [[nodiscard]] std::string finish();

  // What went wrong, in the server's own words where it has some; only complete after finish().
  [[nodiscard]] const std::optional<std::string>& error() const { return error_; }
  [[nodiscard]] std::optional<std::uint64_t> status() const { return status_; }

  // Whether anything was given to be printed, and whether there was anything to make it of.
  [[nodiscard]] bool has_said() const { return has_said_; }
  [[nodiscard]] bool has_heard() const { return has_heard_; }

  // A body that is no stream of events is held until its end; what is beyond is an error.
  static constexpr std::size_t body_bytes_max = std::size_t{64} * 1024 * 1024;

 private:
  [[nodiscard]] bool is_events() const;
  [[nodiscard]] std::string read_events(const std::vector<SseEvent>& events);
  [[nodiscard]] std::string read_end();
  [[nodiscard]] std::string said(std::string text);
  void judge_status();
  void fail(std::string message);

  bool json_;
  std::optional<std::uint64_t> status_;
  std::string type_;
  SseReader events_;
  std::string body_;
  std::optional<std::string> error_;
  bool has_said_ = false;
  bool has_heard_ = false;
};

}  // namespace muster::cli
