#pragma once

// The log as a test sees it: JSON lines in a file of its own.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "config/logging.hpp"

namespace muster::test {

class LogFile {
 public:
  explicit LogFile(log::Level level = log::Level::info) {
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    EXPECT_TRUE(log::start({.level = level, .format = log::Format::json, .file = path_}).ok());
  }
  ~LogFile() {
    EXPECT_TRUE(log::start({}).ok());
    ::unlink(path_.c_str());
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);)
      all.push_back(line);
    return all;
  }

  // How many lines hold these words.
  [[nodiscard]] int count(const std::string& words) const {
    int found = 0;
    for (const auto& line : lines())
      found += line.find(words) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  std::string path_ = testing::TempDir() + "muster-log-XXXXXX";
};

}  // namespace muster::test
