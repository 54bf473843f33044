#include "config/command_line.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <ostream>
#include <utility>

namespace muster::config {
namespace {

// An option of CLI11 that hands over what it is given, as it is given, however often, at once.
void add_option(CLI::App& app, const std::string& name, const std::string& value,
                const std::string& help, std::function<void(const std::string&)> take) {
  const auto take_first = [take = std::move(take)](const CLI::results_t& results) {
    take(results.front());
    return true;
  };
  app.add_option(name, take_first, help)->type_name(value)->take_all()->trigger_on_parse();
}

void add_flag(CLI::App& app, const std::string& name, const std::string& help,
              std::function<void()> take) {
  app.add_flag_callback(name, std::move(take), help)->trigger_on_parse();
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
  return "Examples:\n" + program.examples + "\n" +
         keys_help(program.schema, "log.level is MUSTER_LOG__LEVEL") +
         "\nDurations are written \"250ms\", \"3s\", \"5m\", \"1h\", sizes \"64KiB\", \"2GiB\", "
         "lists a,b."
         "\n\nExit codes:\n"
         "  0  done\n"
         "  1  it could not start, or not go on; or what was in hand was cut off when it stopped;\n"
         "     the last line says why\n"
         "  2  the command line or the configuration is wrong\n" +
         program.exit_codes;
}

// One command line: what CLI11 has to be told, and what comes of it.
class Parser {
 public:
  explicit Parser(const Program& program) : app_(program.summary, program.name) {
    app_.set_help_flag("-h,--help", "this text");
    app_.set_version_flag("--version", program.name + " " + MUSTER_VERSION,
                          "which version this is");
    app_.footer(footer(program));
    app_.allow_extras();
    for (const Flag& flag : program.flags)
      flags_.add(app_, flag);
    flags_.add_shared(app_);
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
      return wrong(error.what());
    }
    if (!app_.remaining().empty()) {
      return wrong(unknown_argument({&app_}, app_.remaining().front()));
    }
    auto line = flags_.command_line();
    if (!line) return wrong(std::move(line.error()));
    return std::move(line).value();
  }

 private:
  static Failure<Ended> wrong(std::string what) {
    return failure(Ended{exit_configuration, std::move(what)});
  }

  CLI::App app_;
  KeyFlags flags_{"log.level=debug"};
};

}  // namespace

void KeyFlags::add(CLI::App& app, const Flag& flag) {
  const auto take = [this, key = flag.key,
                     said = flag.name.substr(flag.name.find("--"))](const std::string& value) {
    line_.sources.settings.push_back({key, value, said});
  };
  if (flag.fixed) {
    add_flag(app, flag.name, flag.help, [take, fixed = *flag.fixed] { take(fixed); });
  } else {
    add_option(app, flag.name, flag.value, flag.help, take);
  }
}

void KeyFlags::add_shared(CLI::App& app) {
  add_option(app, "--config", "FILE", "read this configuration file",
             [this](const std::string& file) { files_.push_back(file); });
  add_option(app, "--set", "SECTION.KEY=VALUE", "set one key; as often as needed",
             [this](const std::string& text) {
               const std::size_t equals = text.find('=');
               if (equals != std::string::npos && equals != 0) {
                 line_.sources.settings.push_back(
                     {text.substr(0, equals), text.substr(equals + 1), "--set"});
               } else if (!no_setting_) {
                 no_setting_ = text;
               }
             });
  add_flag(app, "--check-config", "say what is wrong with the configuration, and end",
           [this] { line_.check_config = true; });
  add_flag(app, "--print-config", "print every effective value and where it came from, and end",
           [this] { line_.print_config = true; });
}

Result<CommandLine> KeyFlags::command_line() const {
  if (files_.size() > 1) return failure("--config is there twice; one file is read");
  if (no_setting_) {
    return failure("--set takes SECTION.KEY=VALUE, like --set " + example_ + "; found " +
                   in_quotes(*no_setting_));
  }
  CommandLine line = line_;
  if (!files_.empty()) line.sources.file = files_.front();
  return line;
}

std::vector<std::string> with_empty_values(const std::vector<std::string>& arguments) {
  std::vector<std::string> result;
  bool flags_may_come = true;
  for (const std::string& argument : arguments) {
    if (argument == "--") flags_may_come = false;
    const bool flag =
        flags_may_come && argument.starts_with("--") && argument.find('=') == argument.size() - 1;
    result.push_back(flag ? argument.substr(0, argument.size() - 1) : argument);
    if (flag) result.emplace_back();
  }
  return result;
}

std::string unknown_argument(const std::vector<const CLI::App*>& apps,
                             const std::string& argument) {
  if (!argument.starts_with('-')) {
    return "found " + in_quotes(argument) + ", which belongs to no flag";
  }
  const std::string name = argument.substr(0, argument.find('='));
  std::string nearest;
  std::size_t least = 3;  // letters at most that may differ
  for (const CLI::App* app : apps) {
    for (const CLI::Option* option : app->get_options()) {
      const std::string known = option->get_name();
      if (!known.starts_with('-')) continue;
      const std::size_t distance = name.size() < 32 ? edit_distance(name, known) : least;
      if (distance < least) {
        least = distance;
        nearest = known;
      }
    }
  }
  return "there is no flag " + in_quotes(name) +
         (nearest.empty() ? std::string() : "; did you mean " + nearest + "?");
}

std::string keys_help(const Schema& schema, const std::string& example) {
  return "Keys of FILE and --set, with their defaults (in the environment " + example + "):\n" +
         list_of_keys(schema) +
         "\nFlags and --set win over the environment, that over the file, that over the defaults.";
}

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
