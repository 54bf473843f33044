#include "worker_agent/model_server/api_key.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "worker_agent/model_server/http_rules.hpp"

namespace muster::agent {

Outcome ApiKey::refresh() {
  if (file_.empty()) return Done{};
  struct stat now {};
  if (::stat(file_.c_str(), &now) != 0)
    return failure("the API key file " + file_ + " can't be read: " + std::strerror(errno));
  const Stamp stamp{now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec};
  if (stamp == read_) return Done{};
  if (!S_ISREG(now.st_mode)) return failure("the API key file " + file_ + " is no regular file");
  if (now.st_size > static_cast<off_t>(bytes_max))
    return failure("the API key file " + file_ + " is over 4 KiB: it should hold the key alone");
  std::ifstream in{file_, std::ios::binary};
  if (!in) return failure("the API key file " + file_ + " can't be read: " + std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return failure("the API key file " + file_ + " is empty");
  std::string key = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  if (!is_header_text(key))
    return failure("the API key file " + file_ +
                   " holds more than one line, or characters other than printable ASCII");
  value_ = std::move(key);
  read_ = stamp;
  return Done{};
}

}  // namespace muster::agent
