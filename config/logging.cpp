#include "config/logging.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sinks/sync_frontend.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/sources/severity_logger.hpp>
#include <boost/make_shared.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

#include "config/log_line.hpp"

namespace muster::log {
namespace {

namespace expr = boost::log::expressions;
namespace sinks = boost::log::sinks;

// A file descriptor that lines go to, each in one write: with O_APPEND a line stays whole even
// where several processes share a file, nothing waits in a buffer, and a disk that was full for a
// while does no lasting harm.
class LineBackend : public sinks::basic_formatted_sink_backend<char, sinks::synchronized_feeding> {
 public:
  LineBackend(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~LineBackend() {
    if (owned_) ::close(fd_);
  }
  LineBackend(const LineBackend&) = delete;
  LineBackend& operator=(const LineBackend&) = delete;

  void consume(const boost::log::record_view&, const std::string& line) {
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return lost(n < 0 ? errno : ENOSPC);
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    lost_ = false;
  }

 private:
  // Said once on standard error, until lines can be written again. Where standard error is the log
  // itself there is nobody left to tell.
  void lost(int error) {
    if (std::exchange(lost_, true) || !owned_) return;
    const std::string line = std::string{"the log file can't be written, and lines are lost: "} +
                             std::strerror(error) + "\n";
    static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()));
  }

  int fd_;
  bool owned_;
  bool lost_ = false;
};
using Sink = sinks::synchronous_sink<LineBackend>;

// What the process has one of, as it has one standard error.
class Log {
 public:
  Log() { replace_sink(boost::make_shared<LineBackend>(STDERR_FILENO, false)); }

  Outcome start(const LogOptions& options) {
    auto backend = boost::make_shared<LineBackend>(STDERR_FILENO, false);
    if (!options.file.empty()) {
      constexpr int readable_by_group = 0640;
      const int fd = ::open(options.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                            readable_by_group);
      if (fd < 0) {
        return failure("the log file \"" + options.file +
                       "\" cannot be opened for appending: " + std::strerror(errno) +
                       "; log.file must name a file in a directory that exists, and be writable");
      }
      backend = boost::make_shared<LineBackend>(fd, true);
    }
    const std::lock_guard lock(mutex_);
    replace_sink(backend);
    format_.store(options.format, std::memory_order_relaxed);
    level_.store(options.level, std::memory_order_relaxed);
    return Done{};
  }

  [[nodiscard]] bool enabled(Level level) const {
    return level >= level_.load(std::memory_order_relaxed);
  }

  void write(Level level, std::string_view message, Fields fields) {
    boost::log::sources::severity_logger<Level> source;
    auto record = source.open_record(boost::log::keywords::severity = level);
    if (!record) return;
    boost::log::record_ostream stream(record);
    stream << format_line(format_.load(std::memory_order_relaxed), std::chrono::system_clock::now(),
                          level, message, fields);
    stream.flush();
    source.push_record(std::move(record));
  }

 private:
  void replace_sink(const boost::shared_ptr<LineBackend>& backend) {
    const auto core = boost::log::core::get();
    const auto sink = boost::make_shared<Sink>(backend);
    sink->set_formatter(expr::stream << expr::smessage);
    sink->set_exception_handler(boost::log::nop());  // a log never throws at who writes it
    core->add_sink(sink);
    if (sink_) core->remove_sink(sink_);
    sink_ = sink;
  }

  std::mutex mutex_;  // of start()
  boost::shared_ptr<Sink> sink_;
  std::atomic<Level> level_ = Level::info;
  std::atomic<Format> format_ = Format::text;
};

Log& the_log() {
  static Log log;
  return log;
}

}  // namespace

Outcome start(const LogOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  return the_log().start(options);
}

bool enabled(Level level) {
  return the_log().enabled(level);
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  the_log().write(level, message, fields);
}

}  // namespace muster::log
