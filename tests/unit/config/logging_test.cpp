#include "config/logging.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/unit/config/config_bench.hpp"

namespace muster::log {
namespace {

using config::test::TemporaryFile;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

// The tests share the process's one log: each starts it as it needs it.
LogOptions to_file(const TemporaryFile& file, Level level, Format format = Format::text) {
  return {.level = level, .format = format, .file = file.path()};
}

TEST(Logging, BeforeItsStartItWritesTextToStandardError) {
  testing::internal::CaptureStderr();
  debug("hidden");
  info("seen", {{"n", 1}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines_of(text).size(), 1u) << text;
  EXPECT_NE(text.find("Z INFO  seen n=1\n"), std::string::npos) << text;
}

TEST(Logging, WritesWhatIsOfItsLevelAndAbove) {
  for (const Level least :
       {Level::trace, Level::debug, Level::info, Level::warning, Level::error, Level::fatal}) {
    const TemporaryFile file;
    ASSERT_TRUE(start(to_file(file, least)).ok());
    std::size_t expected = 0;
    for (const Level level :
         {Level::trace, Level::debug, Level::info, Level::warning, Level::error, Level::fatal}) {
      write(level, "line");
      EXPECT_EQ(enabled(level), level >= least);
      if (level >= least) ++expected;
    }
    EXPECT_EQ(lines_of(file.content()).size(), expected);
  }
}

TEST(Logging, EachShortFormHasItsLevel) {
  const TemporaryFile file;
  ASSERT_TRUE(start(to_file(file, Level::debug, Format::json)).ok());
  debug("a");
  info("b");
  warning("c");
  error("d");
  const auto lines = lines_of(file.content());
  ASSERT_EQ(lines.size(), 4u);
  const std::vector<std::string> levels = {"debug", "info", "warning", "error"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(nlohmann::json::parse(lines[i]).at("level"), levels[i]);
  }
}

TEST(Logging, ALineIsInTheFileOnceItWasSaid) {
  const TemporaryFile file("kept\n");
  ASSERT_TRUE(start(to_file(file, Level::info)).ok());
  EXPECT_EQ(file.content(), "kept\n") << "appended to, not begun anew";
  info("first");
  EXPECT_EQ(lines_of(file.content()).size(), 2u);
  info("second");
  EXPECT_EQ(lines_of(file.content()).size(), 3u);
}

TEST(Logging, TheTimeIsNow) {
  const TemporaryFile file;
  ASSERT_TRUE(start(to_file(file, Level::info, Format::json)).ok());
  const auto today = [] {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H", &utc);
    return std::string(text);
  };
  const std::string before = today();
  info("x");
  const std::string time = nlohmann::json::parse(file.content()).at("time");
  EXPECT_TRUE(time.starts_with(before) || time.starts_with(today())) << time;
}

TEST(Logging, AFileThatCannotBeOpenedIsASentence) {
  const TemporaryFile file;
  ASSERT_TRUE(start(to_file(file, Level::info)).ok());
  LogOptions options;
  options.file = "/tmp/no/such/folder/x.log";
  EXPECT_EQ(start(options).error(),
            "the log file \"/tmp/no/such/folder/x.log\" cannot be opened for appending: No such "
            "file or directory; log.file must name a file in a directory that exists, and be "
            "writable");
  options.file = "/tmp";
  EXPECT_NE(start(options).error().find("Is a directory"), std::string::npos);
  info("still there");
  EXPECT_EQ(lines_of(file.content()).size(), 1u) << "the log that was goes on";
}

TEST(Logging, ANewFileIsNotForEverybody) {
  const TemporaryFile file;
  std::remove(file.path().c_str());
  ASSERT_TRUE(start(to_file(file, Level::info)).ok());
  struct stat status {};
  ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07, 0u);
}

TEST(Logging, ReturnsToStandardError) {
  const TemporaryFile file;
  ASSERT_TRUE(start(to_file(file, Level::info)).ok());
  ASSERT_TRUE(start({}).ok());
  testing::internal::CaptureStderr();
  info("seen");
  EXPECT_EQ(lines_of(testing::internal::GetCapturedStderr()).size(), 1u);
  EXPECT_EQ(file.content(), "");
}

TEST(Logging, LinesOfSeveralThreadsStayWhole) {
  const TemporaryFile file;
  ASSERT_TRUE(start(to_file(file, Level::info, Format::json)).ok());
  constexpr int threads_count = 4;
  constexpr int lines_each = 500;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < threads_count; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < lines_each; ++i)
          info("m", {{"thread", t}, {"i", i}});
      });
    }
  }
  const auto lines = lines_of(file.content());
  ASSERT_EQ(lines.size(), static_cast<std::size_t>(threads_count * lines_each));
  std::vector<int> next(threads_count, 0);
  for (const std::string& line : lines) {
    const auto parsed = nlohmann::json::parse(line);
    EXPECT_EQ(parsed.at("i"), next[parsed.at("thread").get<std::size_t>()]++) << "in order";
  }
}

TEST(Logging, AReaderThatWentAwayEndsNothing) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  LogOptions options;
  options.file = "/proc/self/fd/" + std::to_string(ends[1]);
  ASSERT_TRUE(start(options).ok());
  ::close(ends[0]);
  ::close(ends[1]);
  info("nobody hears this");
  ASSERT_TRUE(start({}).ok());
}

}  // namespace
}  // namespace muster::log
