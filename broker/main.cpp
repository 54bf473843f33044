// muster-broker: routes requests for model servers to live workers. Wiring only.

#include <iostream>

#include "broker/controller_factory.hpp"
#include "broker/shell/broker.hpp"
#include "config/logging.hpp"
#include "config/programs.hpp"
#include "config/reloading.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"

int main(int argc, char** argv) {
  using namespace muster;
  auto configured = config::configure_broker(argc, argv);
  if (!configured) return configured.error();
  config::LoadedBroker& loaded = *configured;
  if (auto started = log::start(loaded.log); !started) {
    std::cerr << "muster-broker: " << started.error() << std::endl;
    return config::exit_configuration;
  }

  transport::Signals signals;
  transport::raise_descriptor_limit();
  const auto controller_options = [&loaded] {
    broker::ControllerOptions options = loaded.options.controller;
    options.note_requests = log::enabled(log::Level::debug);
    return options;
  };
  auto controller = broker::ControllerFactory(controller_options()).make();
  if (!controller) {
    for (const auto& fault : controller.error())
      log::error(fault.key + ": " + fault.what);
    return config::exit_configuration;
  }
  transport::Context context(static_cast<int>(loaded.options.io_threads));
  broker::Broker broker(context, loaded.options, std::move(*controller));
  if (auto opened = broker.open(); !opened) {
    log::error(opened.error());
    return config::exit_failed;
  }
  const auto reload = [&]() -> std::optional<broker::ControllerOptions> {
    auto reloaded = config::reload(loaded);
    if (!reloaded) return std::nullopt;
    loaded = std::move(*reloaded);
    return controller_options();
  };
  const auto ended = broker.run(&signals, reload);
  return ended == broker::Broker::Ended::in_order ? config::exit_ok : config::exit_failed;
}
