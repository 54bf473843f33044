#include "config/reloading.hpp"

#include <utility>

#include "config/logging.hpp"
#include "protocol/check.hpp"

namespace muster::config {
namespace {

void tell_faults(const ConfigFaults& faults) {
  for (const ConfigFault& fault : faults)
    log::error(fault.text());
  log::error("the configuration is wrong; everything stays as it is");
}

// Tells what has changed, and returns what is to be kept of it.
std::vector<Setting> compare(const std::vector<EffectiveValue>& running,
                             const std::vector<EffectiveValue>& wanted) {
  std::vector<Setting> kept;
  CHECK(running.size() == wanted.size(), "a program has other keys than when it started");
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (running[i].value == wanted[i].value) continue;
    const log::Fields fields{{"key", running[i].key},
                             {"running", running[i].value},
                             {"wanted", wanted[i].value},
                             {"origin", wanted[i].origin}};
    if (wanted[i].live) {
      log::info("configuration changed", fields);
    } else {
      log::warning("configuration can't change while running; kept until the next start", fields);
      kept.push_back({running[i].key, running[i].value, running[i].origin});
    }
  }
  return kept;
}

template <class Loaded>
std::optional<Loaded> reload_by(Result<Loaded, ConfigFaults> (*load)(const Sources&),
                                const Loaded& running) {
  Sources sources = running.sources;
  sources.kept.clear();
  auto loaded = load(sources);
  if (!loaded) {
    tell_faults(loaded.error());
    return std::nullopt;
  }
  sources.kept = compare(running.values, loaded->values);
  // What is new has to fit what is kept, too.
  if (!sources.kept.empty()) loaded = load(sources);
  if (!loaded) {
    tell_faults(loaded.error());
    return std::nullopt;
  }
  if (auto started = log::start(loaded->log); !started) {
    log::error(started.error());
    return std::nullopt;
  }
  log::info("configuration read again");
  return std::move(*loaded);
}

}  // namespace

std::optional<LoadedBroker> reload(const LoadedBroker& running) {
  return reload_by(load_broker, running);
}

std::optional<LoadedAgent> reload(const LoadedAgent& running) {
  return reload_by(load_agent, running);
}

}  // namespace muster::config
