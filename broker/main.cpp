// muster-broker: routes requests for model servers to live workers. Wiring only.

#include <iostream>

#include "broker/controller_factory.hpp"
#include "broker/shell/broker.hpp"
#include "config/logging.hpp"
#include "config/programs.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"

int main(int argc, char** argv) {
  using namespace muster;
  auto configured = config::configure_broker(argc, argv);
  if (!configured) return configured.error();
  const config::LoadedBroker& loaded = *configured;
  if (auto started = log::start(loaded.log); !started) {
    std::cerr << "muster-broker: " << started.error() << std::endl;
    return config::exit_configuration;
  }

  transport::StopSignals signals;
  transport::raise_descriptor_limit();
  broker::BrokerOptions options = loaded.options;
  options.controller.note_requests = log::enabled(log::Level::debug);
  auto controller = broker::ControllerFactory(options.controller).make();
  if (!controller) {
    for (const auto& fault : controller.error())
      log::error(fault.key + ": " + fault.what);
    return config::exit_configuration;
  }
  transport::Context context(static_cast<int>(options.io_threads));
  broker::Broker broker(context, options, std::move(*controller));
  if (auto opened = broker.open(); !opened) {
    log::error(opened.error());
    return config::exit_failed;
  }
  const auto ended = broker.run(&signals);
  return ended == broker::Broker::Ended::in_order ? config::exit_ok : config::exit_failed;
}
