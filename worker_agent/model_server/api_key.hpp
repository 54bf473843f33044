#pragma once

// The key that a model server asks for, kept in a file of its own so that it is in no configuration
// and on no command line. The file is read again when it changes: keys can be rotated without a
// restart. Its content is the key; space around it is dropped.

#include <sys/types.h>
#include <string>

#include "protocol/result.hpp"

namespace muster::agent {

class ApiKey {
 public:
  static constexpr std::size_t bytes_max = 4096;

  // No key where `file` is empty.
  explicit ApiKey(std::string file) : file_(std::move(file)) {}

  // Reads the file if it is another than when it was last read. On failure the key stays.
  [[nodiscard]] Outcome refresh();

  [[nodiscard]] const std::string& value() const { return value_; }

 private:
  // What tells one state of the file from another.
  struct Stamp {
    ino_t inode = 0;
    off_t size = -1;
    time_t seconds = 0;
    long nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  std::string file_;
  std::string value_;
  Stamp read_;
};

}  // namespace muster::agent
