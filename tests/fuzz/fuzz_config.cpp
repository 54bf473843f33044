// The Configuration Loader, fed with any file, environment and flags: it ends, with options or with
// faults that name their place. What it takes is printed and read again to the same.

#include <sys/mman.h>
#include <unistd.h>

#include "config/configuration_loader.hpp"
#include "protocol/check.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace muster::config {
namespace {

// A file that has a name and is in memory alone.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("config", MFD_CLOEXEC)) {
    CHECK(fd_ >= 0, "no file in memory can be made");
    CHECK(::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()),
          "a file in memory takes no bytes");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

template <class Loaded>
void check(Result<Loaded, ConfigFaults> (*load)(const Sources&), const Sources& sources) {
  const auto loaded = load(sources);
  if (!loaded) {
    CHECK(!loaded.error().empty(), "a configuration is refused without a fault");
    for (const ConfigFault& fault : loaded.error())
      CHECK(!fault.what.empty() && !fault.text().empty(), "a fault without a sentence");
    return;
  }
  const auto& values = loaded.value().values;
  const MemoryFile printed{print_values(values)};
  const auto again = load({.file = printed.path(), .environment = {}, .settings = {}});
  CHECK(again.ok(), "what --print-config prints is refused");
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(again.value().values[i].value == values[i].value,
          "what --print-config prints reads otherwise");
}

void run(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input{data, size};
  const std::uint8_t how = input.byte();
  Sources sources;
  for (int i = (how >> 1) & 3; i > 0; --i) {
    std::string key{input.piece()};
    sources.settings.push_back({std::move(key), std::string{input.piece()}, "--set"});
  }
  if ((how & 8) != 0) {
    std::string name{input.piece()};
    sources.environment.emplace("MUSTER_" + std::move(name), std::string{input.piece()});
  }
  const MemoryFile file{input.rest()};
  sources.file = file.path();
  if ((how & 16) != 0) return check(load_cli, sources);
  if ((how & 1) != 0) return check(load_broker, sources);
  check(load_agent, sources);
}

}  // namespace
}  // namespace muster::config

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::config::run(data, size);
  return 0;
}
