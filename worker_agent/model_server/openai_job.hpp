#pragma once

// OpenAiJob: what becomes of one request's HTTP answer. It takes the head, the bytes and the end as
// they come and gives JobParts and one JobDone or JobFailed: the table of docs/protocol.md, section
// 5, is written here and nowhere else.
//
// A streamed job's answer of status 2xx goes out as it comes: server-sent events whole, other types
// in raw pieces. Every other answer is collected, up to `answer_bytes_max`, and goes out at its
// end. An answer in a content coding (gzip) is not looked into: it goes out in raw pieces.
//
// A stream is over when its exchange ends. To clients of OpenAI's API it is over with the event
// `data: [DONE]`: how its connection ends means nothing from there on, and where the server leaves
// it open, the job ends well `done_wait` later. The wait is for the end of a framed answer, after
// which the connection can be used again.
//
// Pure: no I/O, no clock.

#include <optional>
#include <string>
#include <vector>

#include "worker_agent/model_server/http_client.hpp"
#include "worker_agent/model_server/job_clock.hpp"
#include "worker_agent/model_server/model_server.hpp"
#include "worker_agent/model_server/sse_reader.hpp"

namespace muster::agent {

// What an ended job tells of the server itself.
struct ServerEvidence {
  bool gone = false;                    // SERVER_GONE: it is not there
  bool suspect = false;                 // it cut an answer off: worth a look
  std::optional<std::uint64_t> status;  // 502 or 503, where it said so itself
  std::string body;                     // with it
  std::string why;                      // a few words
};

class OpenAiJob {
 public:
  static constexpr std::size_t answer_bytes_max = std::size_t{64} * 1024 * 1024;
  static constexpr Duration done_wait = std::chrono::seconds{1};

  OpenAiJob(JobId id, const RequestOptions& options, Time now)
      : id_(id),
        stream_(options.stream),
        ends_with_done_(options.path == "/v1/chat/completions" ||
                        options.path == "/v1/completions"),
        clock_(options, now) {}

  // After one of these has said true, or end() or fail_silent() was called, the job has ended: its
  // JobDone or JobFailed is in `out`.
  void head(HttpHead head);
  [[nodiscard]] bool bytes(std::string bytes, Time now, std::vector<ServerEvent>& out);
  [[nodiscard]] bool time_is_up(Time now, std::vector<ServerEvent>& out);
  ServerEvidence end(const HttpEnd& end, std::vector<ServerEvent>& out);

  // The server has been silent for three checks: to the client it is as if it had cut the answer.
  void fail_silent(std::vector<ServerEvent>& out) const;

  [[nodiscard]] JobId id() const { return id_; }
  // When time_is_up(), as things are; time_never where no time is set.
  [[nodiscard]] Time deadline() const;
  // When something of the answer came last.
  [[nodiscard]] std::optional<Time> heard() const { return heard_; }
  void hear(Time now) { heard_ = now; }

 private:
  [[nodiscard]] PartMeta meta() const;
  void send_part(std::string bytes, Time now, std::vector<ServerEvent>& out);
  void keep_tail(std::string_view bytes);
  void fail(ErrorCode code, std::string message, std::string_view why,
            std::vector<ServerEvent>& out) const;
  void fail_with_answer(ErrorCode code, std::string message, std::vector<ServerEvent>& out);
  ServerEvidence end_complete(std::vector<ServerEvent>& out);
  void finish_stream(std::vector<ServerEvent>& out);
  // Whether a stream that ended with its connection had not come to its end.
  [[nodiscard]] bool broke_off() const;
  void fail_cut(const std::string& why, std::vector<ServerEvent>& out) const;

  JobId id_;
  bool stream_;
  bool ends_with_done_;  // an operation whose streams end with `data: [DONE]`
  JobClock clock_;
  std::optional<Time> heard_;
  std::optional<Time> done_at_;  // when the stream's [DONE] came
  HttpHead head_;
  bool in_parts_ = false;  // the answer goes out as it comes
  bool events_ = false;    // ... and is one of server-sent events
  bool part_sent_ = false;
  SseReader reader_;
  std::string collected_;  // the answer, where it does not go out in parts
  std::string tail_;       // the end of what went out in parts
};

}  // namespace muster::agent
