#include "config/command_line.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

namespace muster::config {
namespace {

// An option of CLI11 that keeps what it is given, as it is given, however often.
CLI::Option* add_option(CLI::App& app, const std::string& name, const std::string& value,
                        const std::string& help) {
  return app
      .add_option(
          name, [](const CLI::results_t&) { return true; }, help)
      ->type_name(value)
      ->take_all();
}

CLI::Option* add_flag(CLI::App& app, const std::string& name, const std::string& help) {
  return app.add_flag(name, help);
}

// "--name=" is "--name" with an empty value; CLI11 would take the next argument for it.
std::vector<std::string> with_empty_values(const std::vector<std::string>& arguments) {
  std::vector<std::string> result;
  for (const std::string& argument : arguments) {
    const bool flag = argument.starts_with("--") && argument.find('=') == argument.size() - 1;
    result.push_back(flag ? argument.substr(0, argument.size() - 1) : argument);
    if (flag) result.emplace_back();
  }
  return result;
}

std::string list_of_keys(const Schema& schema) {
  constexpr std::size_t doc_column = 38;
  std::string text;
  for (const Key& key : schema.keys) {
    std::string line = "  " + key.path;
    line.resize(std::max(line.size() + 2, doc_column), ' ');
    text += line + std::string(key.doc) + " (" + key.kind->show() + ")\n";
  }
  return text;
}

std::string footer(const Program& program) {
  return "Examples:\n" + program.examples +
         "\nKeys of FILE and --set, with their defaults (in the environment log.level is "
         "MUSTER_LOG__LEVEL):\n" +
         list_of_keys(program.schema) +
         "\nFlags and --set win over the environment, that over the file, that over the defaults."
         "\nDurations are written \"250ms\", \"3s\", \"5m\", \"1h\", sizes \"64KiB\", \"2GiB\", "
         "lists a,b."
         "\n\nExit codes:\n"
         "  0  done\n"
         "  1  it could not start, or not go on; the last line says why\n"
         "  2  the command line or the configuration is wrong\n";
}

// One command line: what CLI11 has to be told, and what comes of it.
class Parser {
 public:
  explicit Parser(const Program& program) : program_(program), app_(program.summary, program.name) {
    app_.set_help_flag("-h,--help", "this text");
    app_.set_version_flag("--version", program.name + " " + MUSTER_VERSION,
                          "which version this is");
    app_.footer(footer(program));
    app_.allow_extras();
    for (const Flag& flag : program.flags) {
      flag_options_.push_back(flag.fixed ? add_flag(app_, flag.name, flag.help)
                                         : add_option(app_, flag.name, flag.value, flag.help));
    }
    config_ = add_option(app_, "--config", "FILE", "read this configuration file");
    set_ = add_option(app_, "--set", "SECTION.KEY=VALUE", "set one key; as often as needed");
    check_ = add_flag(app_, "--check-config", "say what is wrong with the configuration, and end");
    print_ = add_flag(app_, "--print-config",
                      "print every effective value and where it came from, and end");
  }

  // The error is what --help and --version print, or a sentence on what is wrong: the exit code
  // tells which.
  struct Ended {
    int code;
    std::string text;
  };
  Result<CommandLine, Ended> parse(const std::vector<std::string>& arguments) {
    auto reversed = with_empty_values(arguments);
    std::ranges::reverse(reversed);  // as CLI11 wants them
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
      return failure(Ended{exit_ok, app_.help()});
    } catch (const CLI::CallForVersion& version) {
      return failure(Ended{exit_ok, std::string(version.what()) + "\n"});
    } catch (const CLI::Error& error) {
      return failure(Ended{exit_configuration, error.what()});
    }
    if (!app_.remaining().empty()) return wrong(unknown(app_.remaining().front()));
    if (config_->results().size() > 1) return wrong("--config is there twice; one file is read");
    CommandLine line;
    if (*config_) line.sources.file = config_->results().front();
    line.check_config = !check_->empty();
    line.print_config = !print_->empty();
    if (auto settings = settings_in_order()) {
      line.sources.settings = std::move(*settings);
    } else {
      return wrong("--set takes SECTION.KEY=VALUE, like --set log.level=debug; found " +
                   in_quotes(settings.error()));
    }
    return line;
  }

 private:
  static Failure<Ended> wrong(std::string what) {
    return failure(Ended{exit_configuration, std::move(what)});
  }

  std::string unknown(const std::string& argument) const {
    const std::string name = argument.substr(0, argument.find('='));
    std::string nearest;
    std::size_t least = 3;  // letters at most that may differ
    for (const CLI::Option* option : app_.get_options()) {
      const std::string known = option->get_name(false, true);
      const std::size_t distance = name.size() < 32 ? edit_distance(name, known) : least;
      if (distance < least) {
        least = distance;
        nearest = known;
      }
    }
    if (!argument.starts_with('-')) {
      return "found " + in_quotes(argument) + ", which belongs to no flag";
    }
    return "there is no flag " + in_quotes(name) +
           (nearest.empty() ? std::string() : "; did you mean " + nearest + "?");
  }

  // The error is the first --set that is no setting.
  Result<std::vector<Setting>> settings_in_order() const {
    std::vector<Setting> settings;
    std::map<const CLI::Option*, std::size_t> taken;
    for (const CLI::Option* option : app_.parse_order()) {
      const std::string value = option->results()[taken[option]++];
      if (option == set_) {
        const std::size_t equals = value.find('=');
        if (equals == std::string::npos || equals == 0) return failure(value);
        settings.push_back({value.substr(0, equals), value.substr(equals + 1), "--set"});
        continue;
      }
      const auto at = std::ranges::find(flag_options_, option);
      if (at == flag_options_.end()) continue;
      const Flag& flag = program_.flags[static_cast<std::size_t>(at - flag_options_.begin())];
      settings.push_back({flag.key, flag.fixed.value_or(value), flag.name});
    }
    return settings;
  }

  const Program& program_;
  CLI::App app_;
  std::vector<const CLI::Option*> flag_options_;
  CLI::Option* config_ = nullptr;
  CLI::Option* set_ = nullptr;
  CLI::Option* check_ = nullptr;
  CLI::Option* print_ = nullptr;
};

}  // namespace

Result<CommandLine, int> parse_command_line(const Program& program,
                                            const std::vector<std::string>& arguments,
                                            const std::map<std::string, std::string>& environment,
                                            std::ostream& out, std::ostream& err) {
  auto line = Parser(program).parse(arguments);
  if (!line) {
    if (line.error().code == exit_ok) {
      out << line.error().text << std::flush;
    } else {
      err << program.name << ": " << line.error().text << "\n"
          << program.name << ": --help shows what there is" << std::endl;
    }
    return failure(line.error().code);
  }
  line->sources.environment = environment;
  return std::move(line).value();
}

std::map<std::string, std::string> muster_environment() {
  std::map<std::string, std::string> environment;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string entry = *at;
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with("MUSTER_") || equals == std::string::npos) continue;
    environment.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return environment;
}

}  // namespace muster::config
