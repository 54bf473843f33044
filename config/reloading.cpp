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

using Values = std::vector<EffectiveValue>;

// What of `running` is to be kept, because it can't change.
std::vector<Setting> kept_of(const Values& running, const Values& wanted) {
  std::vector<Setting> kept;
  CHECK(running.size() == wanted.size(), "a program has other keys than when it started");
  for (std::size_t i = 0; i < running.size(); ++i) {
    if (running[i].value != wanted[i].value && !wanted[i].live)
      kept.push_back({running[i].key, running[i].value, running[i].origin});
  }
  return kept;
}

void tell_changes(const Values& running, const Values& wanted) {
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
    }
  }
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
  const Values wanted = loaded->values;
  sources.kept = kept_of(running.values, wanted);
  // What is new has to fit what is kept, too.
  if (!sources.kept.empty()) loaded = load(sources);
  if (!loaded) {
    tell_faults(loaded.error());
    return std::nullopt;
  }
  if (auto started = log::start(loaded->log); !started) {
    log::error(started.error());
    log::error("the log can't be opened anew; everything stays as it is");
    return std::nullopt;
  }
  tell_changes(running.values, wanted);
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
