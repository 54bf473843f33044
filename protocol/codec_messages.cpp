#include "protocol/codec_messages.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace muster::codec {
namespace {

using Empty = Reader::Empty;
using Keys = Reader::Keys;
using namespace std::string_view_literals;

// ---- the maps (docs/protocol.md, sections 4, 6, 7 and 9) ------------------------------------

void read_options(Reader& in, RequestOptions& o) {
  in.fields([&](std::string_view key) {
    if (key == "timeout") {
      o.timeout = in.milliseconds_or_none();
    } else if (key == "first_timeout") {
      o.first_timeout = in.milliseconds_or_none();
    } else if (key == "idle_timeout") {
      o.idle_timeout = in.milliseconds_or_none();
    } else if (key == "stream") {
      o.stream = in.boolean(false);
    } else if (key == "path") {
      o.path = in.end_text();
    } else if (key == "type") {
      o.type = in.end_text();
    } else if (key == "headers") {
      o.headers = in.end_string_map();
    } else if (key == "request_id") {
      o.request_id = in.text();
    } else if (key == "trace") {
      o.trace = in.end_text();
    } else if (key == "session") {
      o.session = in.name(Empty::allowed);
    } else if (key == "prefix") {
      o.prefix = in.uints();
    } else if (key == "require") {
      o.require = in.string_map(Keys::names);
    } else if (key == "priority") {
      o.priority = in.integer();
    } else if (key == "tenant") {
      o.tenant = in.name(Empty::allowed);
    } else if (key == "retry") {
      o.retry = in.boolean(true);
    } else {
      in.skip();
    }
  });
}

void read_part_meta(Reader& in, PartMeta& meta) {
  in.fields([&](std::string_view key) {
    if (key == "status") {
      meta.status = in.uint_or_none();
    } else if (key == "type") {
      meta.type = in.end_text();
    } else if (key == "headers") {
      meta.headers = in.end_string_map();
    } else if (key == "worker") {
      meta.worker = in.name(Empty::allowed);
    } else if (key == "usage") {
      Value usage = in.value();
      if (!in.failed() && !usage.is_nil() && usage.map() == nullptr) {
        in.impossible("is not a map; it must be one.");
      }
      if (in.keeps_all()) meta.usage = std::move(usage);
    } else {
      in.skip();
    }
  });
}

ErrorMeta read_error_meta(Reader& in) {
  ErrorMeta meta;
  in.fields([&](std::string_view key) {
    if (key == "retryable") {
      meta.retryable = in.boolean(false);
    } else if (key == "retry_after") {
      meta.retry_after = in.milliseconds_or_none();
    } else if (key == "reason") {
      meta.reason = in.text();
    } else if (key == "worker") {
      meta.worker = in.name(Empty::allowed);
    } else if (key == "status") {
      meta.status = in.uint_or_none();
    } else if (key == "duplicate") {
      meta.duplicate = in.boolean(false);
    } else {
      in.skip();
    }
  });
  return meta;
}

WorkerState read_state(Reader& in) {
  const std::string word = in.text();
  for (const auto state : {WorkerState::starting, WorkerState::ready, WorkerState::draining}) {
    if (word == state_name(state)) return state;
  }
  return WorkerState::unhealthy;
}

ModelDescription read_model(Reader& in) {
  ModelDescription model;
  if (in.next_kind() == Kind::string) {
    model.name = in.name(Empty::forbidden);
    return model;
  }
  if (in.next_kind() != Kind::map) {
    in.expected("a string or a map");
    return model;
  }
  in.fields(std::array{"name"sv}, [&](std::string_view key) {
    if (key == "name") {
      model.name = in.name(Empty::forbidden);
    } else if (key == "aliases") {
      model.aliases = in.names();
    } else if (key == "context_length") {
      model.context_length = in.uint_or_none();
    } else if (key == "modalities") {
      model.modalities = in.names();
    } else if (key == "operations") {
      model.operations = in.names();
    } else {
      in.skip();
    }
  });
  return model;
}

std::vector<ModelDescription> read_models(Reader& in) {
  std::vector<ModelDescription> models;
  in.items([&] { models.push_back(read_model(in)); });
  return models;
}

double read_speed(Reader& in) {
  const double speed = in.real().value_or(1.0);
  if (!in.failed() && speed <= 0) in.impossible("is not above 0; it must be.");
  return speed;
}

WorkerDescription read_worker(Reader& in) {
  WorkerDescription info;
  in.fields(std::array{"worker"sv, "instance"sv, "models"sv, "slots"sv, "state"sv},
            [&](std::string_view key) {
              if (key == "worker") {
                info.worker = in.name(Empty::forbidden);
              } else if (key == "instance") {
                info.instance = Instance{in.uint(0, instance_max)};
              } else if (key == "models") {
                info.models = read_models(in);
              } else if (key == "slots") {
                info.slots = in.uint(0, slots_max);
              } else if (key == "state") {
                info.state = read_state(in);
              } else if (key == "why") {
                info.why = in.text();
              } else if (key == "speed") {
                info.speed = read_speed(in);
              } else if (key == "queue_length") {
                info.queue_length = in.uint_or_none();
              } else if (key == "labels") {
                info.labels = in.string_map(Keys::names);
              } else if (key == "version") {
                info.version = in.text();
              } else if (key == "active") {
                info.active.clear();
                in.items([&] { info.active.push_back(BrokerId{in.uint()}); });
              } else {
                in.skip();
              }
            });
  return info;
}

WireLimits read_limits(Reader& in) {
  WireLimits limits;
  in.fields([&](std::string_view key) {
    if (key == "header_bytes") {
      limits.header_bytes = in.uint_or_none().value_or(WireLimits{}.header_bytes);
    } else if (key == "frame_bytes") {
      limits.frame_bytes = in.uint_or_none().value_or(WireLimits{}.frame_bytes);
    } else if (key == "message_bytes") {
      limits.message_bytes = in.uint_or_none().value_or(WireLimits{}.message_bytes);
    } else if (key == "frames") {
      limits.frames = in.uint_or_none().value_or(WireLimits{}.frames);
    } else if (key == "name_bytes") {
      limits.name_bytes = in.uint_or_none().value_or(WireLimits{}.name_bytes);
    } else {
      in.skip();
    }
  });
  return limits;
}

BrokerTerms read_terms(Reader& in) {
  BrokerTerms terms;
  in.fields(
      std::array{"broker"sv, "instance"sv, "interval"sv, "liveness"sv, "limits"sv, "features"sv},
      [&](std::string_view key) {
        if (key == "broker") {
          terms.broker = in.name(Empty::allowed);
        } else if (key == "instance") {
          terms.instance = Instance{in.uint(0, instance_max)};
        } else if (key == "interval") {
          terms.interval = in.milliseconds(1, to_wire_ms(interval_max));
        } else if (key == "liveness") {
          terms.liveness = in.uint(1, liveness_max);
        } else if (key == "limits") {
          terms.limits = read_limits(in);
        } else if (key == "features") {
          terms.features = in.names();
        } else if (key == "draining") {
          terms.draining = in.boolean(false);
        } else {
          in.skip();
        }
      });
  return terms;
}

WireId read_id(Reader& in) {
  in.element("id");
  return WireId{in.uint()};
}

ErrorCode read_code(Reader& in) {
  in.element("code");
  return static_cast<ErrorCode>(in.uint(0, std::numeric_limits<std::uint32_t>::max()));
}

template <class Part>
void read_part(Reader& in, Part& m) {
  m.id = read_id(in);
  in.element("seq");
  m.seq = in.uint();
  in.element("meta");
  read_part_meta(in, m.meta);
}

}  // namespace

// ---- the messages (section 3) ---------------------------------------------------------------

void read(Reader& in, Request& m) {
  m.id = read_id(in);
  in.element("model");
  m.model = in.name(Empty::forbidden);
  in.element("opts");
  read_options(in, m.options);
}

void read(Reader& in, Cancel& m) {
  m.id = read_id(in);
}

void read(Reader& in, Chunk& m) {
  read_part(in, m);
}

void read(Reader& in, Final& m) {
  read_part(in, m);
}

void read(Reader& in, Error& m) {
  m.id = read_id(in);
  m.code = read_code(in);
  in.element("message");
  m.message = in.text();
  in.element("meta");
  m.meta = read_error_meta(in);
}

void read(Reader& in, WorkerHeartbeat& m) {
  in.element("body");
  in.fields(std::array{"slots"sv, "grant"sv, "queue_length"sv, "state"sv},
            [&](std::string_view key) {
              if (key == "slots") {
                m.slots = in.uint(0, slots_max);
              } else if (key == "grant") {
                m.grant = in.uint();
              } else if (key == "queue_length") {
                m.queue_length = in.uint();
              } else if (key == "state") {
                m.state = read_state(in);
              } else if (key == "why") {
                m.why = in.text();
              } else if (key == "progress") {
                m.progress = in.uint_or_none();
              } else if (key == "kv_cache_usage") {
                m.kv_cache_usage = in.real();
                if (m.kv_cache_usage) m.kv_cache_usage = std::clamp(*m.kv_cache_usage, 0.0, 1.0);
              } else if (key == "models") {
                m.models.reset();
                if (in.next_kind() == Kind::nil) {
                  in.skip();
                } else {
                  m.models = read_models(in);
                }
              } else {
                in.skip();
              }
            });
}

void read(Reader& in, BrokerHeartbeat& m) {
  in.element("body");
  in.fields(std::array{"grant"sv, "in_flight"sv, "queued"sv}, [&](std::string_view key) {
    if (key == "grant") {
      m.grant = in.uint();
    } else if (key == "in_flight") {
      m.in_flight = in.uint();
    } else if (key == "queued") {
      m.queued = in.uint();
    } else {
      in.skip();
    }
  });
}

void read(Reader& in, ClientHeartbeat&) {
  in.element("body");
  in.fields([&](std::string_view) { in.skip(); });
}

void read(Reader& in, ClientTerms& m) {
  in.element("body");
  m.terms = read_terms(in);
}

void read(Reader& in, Register& m) {
  in.element("info");
  m.info = read_worker(in);
}

void read(Reader& in, Registered& m) {
  in.element("terms");
  m.terms = read_terms(in);
}

void read(Reader&, Reregister&) {}

void read(Reader& in, Deregister& m) {
  in.element("reason");
  m.reason = in.text();
}

void read(Reader& in, Dismiss& m) {
  m.code = read_code(in);
  in.element("reason");
  m.reason = in.text();
}

void read(Reader& in, Probe& m) {
  in.element("nonce");
  m.nonce = in.uint();
}

void read(Reader& in, Status& m) {
  in.element("nonce");
  m.nonce = in.uint();
  in.element("info");
  m.info = read_worker(in);
}

void read(Reader& in, Drain& m) {
  in.element("on");
  m.on = in.boolean(false);
}

void read(Reader& in, Query& m) {
  m.id = read_id(in);
  in.element("name");
  m.name = in.name(Empty::allowed);
  in.element_or_nil("args");
  m.args = in.value();
}

void read(Reader& in, Answer& m) {
  m.id = read_id(in);
  in.element_or_nil("result");
  m.result = in.value();
}

}  // namespace muster::codec
