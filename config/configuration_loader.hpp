#pragma once

// The Configuration Loader: from files, environment and flags to typed options.
//
// Every key has a default, so a program starts without any source. Where several sources give one
// key, flags win over the environment, the environment over the file, the file over the default.
// All faults of all sources are found in one go, each with its place, what was found, what is
// allowed and, for an unknown key, the nearest known one; with a single fault nothing is loaded.
//
// In the environment a key is MUSTER_SECTION__KEY (two underscores): MUSTER_LOG__LEVEL is
// log.level. Other variables are ignored, and so are those that name a key of Muster's other
// programs: one environment often serves them all.
//
// Where there is only text, lists are written "a,b" (or as a TOML array), maps "a=x,b=y" (or as a
// TOML inline table), and an entry of a map also by itself: worker.labels.gpu=h100. Lists and
// entries given several times on one command line add up.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/shell/options.hpp"
#include "config/fault.hpp"
#include "config/logging.hpp"
#include "config/schema.hpp"
#include "protocol/result.hpp"
#include "tools/cli/options.hpp"
#include "worker_agent/core/options.hpp"
#include "worker_agent/model_server/options.hpp"

namespace muster::config {

// One key given on the command line.
struct Setting {
  std::string key;    // "log.level"
  std::string value;  // "debug"
  std::string said;   // the flag, as faults and --print-config name it: "--log-level", "--set"
};

struct Sources {
  std::optional<std::string> file;
  std::map<std::string, std::string> environment;  // name -> value; see muster_environment()
  std::vector<Setting> settings;                   // in the order of the command line
  std::vector<Setting> kept{};  // above all others, as TOML: what a running program can't change
};

// What one key holds in the end, and why.
struct EffectiveValue {
  std::string key;
  std::string value;   // as TOML
  std::string origin;  // "default", "broker.toml:3:8", "environment variable ...", "--name"
  bool live = false;   // as in Key
};

class ConfigurationLoader {
 public:
  // Fills the options that `schema` is bound to; they must outlive the loader. `foreign_keys`: keys
  // of other programs, that the environment may hold.
  ConfigurationLoader(Schema schema, std::vector<std::string> foreign_keys);

  // Every fault, source by source, a file's from its top down; empty: all options are filled. With
  // faults the options are not to be used. To be called once.
  [[nodiscard]] ConfigFaults load(const Sources& sources);

  [[nodiscard]] std::vector<EffectiveValue> effective() const;

 private:
  struct Given {
    Origin origin;
    std::string text;  // for --print-config
  };

  void take_file(const std::string& path);
  void take_member(const Member& member, const std::string& section, const Origin& source);
  void take_environment(const std::map<std::string, std::string>& environment);
  void take_settings(const std::vector<Setting>& settings);
  void take_kept(const std::vector<Setting>& kept);
  void take_text(const std::string& path, const std::string& text, const Origin& source);
  void take_entry(const Key& key, const std::string& entry, const std::string& text,
                  const Origin& source);
  void take_node(const Key& key, const Node& node, const Origin& source, bool adding);
  void check_together();
  void fault(Origin origin, const std::string& key, std::string what);
  [[nodiscard]] std::string advice_on_key(const std::string& path) const;
  [[nodiscard]] std::string advice_on_section(const std::string& path) const;
  [[nodiscard]] const Key* map_above(const std::string& path) const;
  [[nodiscard]] bool is_foreign(const std::string& path) const;

  Schema schema_;
  std::vector<std::string> foreign_keys_;
  std::map<std::string, Given> given_;  // by key; without one: the default
  ConfigFaults faults_;
};

// ---- what a program loads -----------------------------------------------------------------------

struct LoadedBroker {
  Sources sources;  // that it was loaded from
  broker::BrokerOptions options;
  log::LogOptions log;
  std::vector<EffectiveValue> values;
};
[[nodiscard]] Result<LoadedBroker, ConfigFaults> load_broker(const Sources& sources);

struct LoadedAgent {
  Sources sources;
  agent::AgentOptions options;
  agent::ModelServerOptions server;
  agent::EchoOptions echo;
  log::LogOptions log;
  std::vector<EffectiveValue> values;
};
[[nodiscard]] Result<LoadedAgent, ConfigFaults> load_agent(const Sources& sources);

struct LoadedCli {
  cli::CliOptions options;
  std::vector<EffectiveValue> values;
};
[[nodiscard]] Result<LoadedCli, ConfigFaults> load_cli(const Sources& sources);

// The values as a TOML file that loads to the same, each with its origin as a comment.
[[nodiscard]] std::string print_values(const std::vector<EffectiveValue>& values);

}  // namespace muster::config
