#include <bit>
#include <msgpack/pack.hpp>
#include <string>

#include "protocol/codec.hpp"
#include "protocol/codec_preamble.hpp"

namespace muster {
namespace {

// What a thread keeps of its encoding buffer from message to message.
constexpr std::size_t buffer_kept_bytes_max = std::size_t{1} << 20;

struct Buffer {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

class Packer {
 public:
  explicit Packer(Buffer& buffer) : buffer_(buffer), packer_(buffer) {}

  void array(std::size_t count) { packer_.pack_array(static_cast<std::uint32_t>(count)); }
  void map(std::size_t count) { packer_.pack_map(static_cast<std::uint32_t>(count)); }
  void uint(std::uint64_t n) { packer_.pack_uint64(n); }
  void integer(std::int64_t n) { packer_.pack_int64(n); }
  // Not msgpack's own, which makes integers of whole numbers: a float is no uint, whatever it holds
  // (docs/protocol.md, section 2), and reads again as what it was.
  void real(double d) {
    constexpr char float_64 = '\xcb';
    buffer_.write(&float_64, 1);
    const auto bits = std::bit_cast<std::uint64_t>(d);
    for (int shift = 56; shift >= 0; shift -= 8) {
      const char byte = static_cast<char>(bits >> shift);
      buffer_.write(&byte, 1);
    }
  }
  void nil() { packer_.pack_nil(); }
  void boolean(bool b) {
    if (b) {
      packer_.pack_true();
    } else {
      packer_.pack_false();
    }
  }
  void text(std::string_view s) {
    packer_.pack_str(static_cast<std::uint32_t>(s.size()));
    packer_.pack_str_body(s.data(), static_cast<std::uint32_t>(s.size()));
  }
  // Always in the 9-byte form, so that it can be patched in place (docs/protocol.md, section 2).
  void id(WireId id) { packer_.pack_fix_uint64(id.value); }

  void strings(const StringMap& entries) {
    map(entries.size());
    for (const auto& [key, entry] : entries) {
      text(key);
      text(entry);
    }
  }
  void texts(const std::vector<std::string>& all) {
    array(all.size());
    for (const auto& one : all)
      text(one);
  }

  // A map whose fields `body` lists; those that are absent are left out. It runs twice: a map's
  // count stands before its fields.
  template <class Body>
  void fields(Body body);

  void value(const Value& v);

 private:
  Buffer& buffer_;
  msgpack::packer<Buffer> packer_;
};

// Writes the fields of one map, or only counts them.
class Fields {
 public:
  explicit Fields(Packer* to) : to_(to) {}
  [[nodiscard]] std::size_t count() const { return count_; }

  // A field that is always there: `write` packs what it holds.
  template <class Write>
  void field(std::string_view key, Write write) {
    ++count_;
    if (to_ == nullptr) return;
    to_->text(key);
    write(*to_);
  }
  void uint(std::string_view key, std::uint64_t n) {
    field(key, [&](Packer& p) { p.uint(n); });
  }
  void uint(std::string_view key, const std::optional<std::uint64_t>& n) {
    if (n) uint(key, *n);
  }
  void milliseconds(std::string_view key, const std::optional<Duration>& d) {
    if (d) uint(key, to_wire_ms(*d));
  }
  void real(std::string_view key, const std::optional<double>& d) {
    if (d) field(key, [&](Packer& p) { p.real(*d); });
  }
  void boolean(std::string_view key, bool b) {
    field(key, [&](Packer& p) { p.boolean(b); });
  }
  void boolean_unless(std::string_view key, bool b, bool fallback) {
    if (b != fallback) boolean(key, b);
  }
  void text(std::string_view key, std::string_view s) {
    field(key, [&](Packer& p) { p.text(s); });
  }
  void text_if_any(std::string_view key, std::string_view s) {
    if (!s.empty()) text(key, s);
  }
  void texts_if_any(std::string_view key, const std::vector<std::string>& all) {
    if (!all.empty()) field(key, [&](Packer& p) { p.texts(all); });
  }
  void strings_if_any(std::string_view key, const StringMap& entries) {
    if (!entries.empty()) field(key, [&](Packer& p) { p.strings(entries); });
  }

 private:
  Packer* to_;
  std::size_t count_ = 0;
};

template <class Body>
void Packer::fields(Body body) {
  Fields counter{nullptr};
  body(counter);
  map(counter.count());
  Fields writer{this};
  body(writer);
}

void Packer::value(const Value& v) {
  struct Visitor {
    Packer& to;
    void operator()(std::monostate) const { to.nil(); }
    void operator()(bool b) const { to.boolean(b); }
    void operator()(std::int64_t n) const { to.integer(n); }
    void operator()(std::uint64_t n) const { to.uint(n); }
    void operator()(double d) const { to.real(d); }
    void operator()(const std::string& s) const { to.text(s); }
    void operator()(const Value::Array& items) const {
      to.array(items.size());
      for (const auto& item : items)
        to.value(item);
    }
    void operator()(const Value::Map& members) const {
      to.map(members.size());
      for (const auto& [key, member] : members) {
        to.text(key);
        to.value(member);
      }
    }
  };
  std::visit(Visitor{*this}, v.data());
}

// [1, type, ...] with `elements` more, which `body` packs.
template <class Message, class Body>
Frame header_of(const Message&, std::size_t elements, Body body) {
  thread_local Buffer buffer;
  buffer.bytes.clear();
  Packer packer{buffer};
  packer.array(2 + elements);
  packer.uint(protocol_version);
  packer.uint(static_cast<std::uint64_t>(codec::TypeOf<Message>::value));
  body(packer);
  Frame encoded{std::string_view{buffer.bytes}};
  if (buffer.bytes.capacity() > buffer_kept_bytes_max) std::string{}.swap(buffer.bytes);
  return encoded;
}

void pack(Packer& to, const RequestOptions& o) {
  to.fields([&](Fields& f) {
    f.milliseconds("timeout", o.timeout);
    f.milliseconds("first_timeout", o.first_timeout);
    f.milliseconds("idle_timeout", o.idle_timeout);
    f.boolean_unless("stream", o.stream, false);
    f.text_if_any("path", o.path);
    f.text_if_any("type", o.type);
    f.strings_if_any("headers", o.headers);
    f.text_if_any("request_id", o.request_id);
    f.text_if_any("trace", o.trace);
    f.text_if_any("session", o.session);
    if (!o.prefix.empty()) {
      f.field("prefix", [&](Packer& p) {
        p.array(o.prefix.size());
        for (const auto hash : o.prefix)
          p.uint(hash);
      });
    }
    f.strings_if_any("require", o.require);
    if (o.priority != 0) f.field("priority", [&](Packer& p) { p.integer(o.priority); });
    f.text_if_any("tenant", o.tenant);
    f.boolean_unless("retry", o.retry, true);
  });
}

void pack(Packer& to, const PartMeta& meta) {
  to.fields([&](Fields& f) {
    f.uint("status", meta.status);
    f.text_if_any("type", meta.type);
    f.strings_if_any("headers", meta.headers);
    f.text_if_any("worker", meta.worker);
    if (!meta.usage.is_nil()) f.field("usage", [&](Packer& p) { p.value(meta.usage); });
  });
}

void pack(Packer& to, const ErrorMeta& meta) {
  to.fields([&](Fields& f) {
    f.boolean("retryable", meta.retryable);
    f.milliseconds("retry_after", meta.retry_after);
    f.text_if_any("reason", meta.reason);
    f.text_if_any("worker", meta.worker);
    f.uint("status", meta.status);
    f.boolean_unless("duplicate", meta.duplicate, false);
  });
}

// A model of which nothing but its name is told is a plain string.
void pack(Packer& to, const ModelDescription& model) {
  if (model == ModelDescription{model.name, {}, {}, {}, {}}) {
    to.text(model.name);
    return;
  }
  to.fields([&](Fields& f) {
    f.text("name", model.name);
    f.texts_if_any("aliases", model.aliases);
    f.uint("context_length", model.context_length);
    f.texts_if_any("modalities", model.modalities);
    f.texts_if_any("operations", model.operations);
  });
}

void pack(Packer& to, const std::vector<ModelDescription>& models) {
  to.array(models.size());
  for (const auto& model : models)
    pack(to, model);
}

void pack(Packer& to, const WorkerDescription& info) {
  to.fields([&](Fields& f) {
    f.text("worker", info.worker);
    f.uint("instance", info.instance.value);
    f.field("models", [&](Packer& p) { pack(p, info.models); });
    f.uint("slots", info.slots);
    f.text("state", state_name(info.state));
    f.text_if_any("why", info.why);
    if (info.speed != 1.0) f.real("speed", info.speed);
    f.uint("queue_length", info.queue_length);
    f.strings_if_any("labels", info.labels);
    f.text_if_any("version", info.version);
    if (!info.active.empty()) {
      f.field("active", [&](Packer& p) {
        p.array(info.active.size());
        for (const BrokerId id : info.active)
          p.uint(id.value);
      });
    }
  });
}

void pack(Packer& to, const WireLimits& limits) {
  to.fields([&](Fields& f) {
    f.uint("header_bytes", limits.header_bytes);
    f.uint("frame_bytes", limits.frame_bytes);
    f.uint("message_bytes", limits.message_bytes);
    f.uint("frames", limits.frames);
    f.uint("name_bytes", limits.name_bytes);
  });
}

void pack(Packer& to, const BrokerTerms& terms) {
  to.fields([&](Fields& f) {
    f.text("broker", terms.broker);
    f.uint("instance", terms.instance.value);
    f.milliseconds("interval", terms.interval);
    f.uint("liveness", terms.liveness);
    f.field("limits", [&](Packer& p) { pack(p, terms.limits); });
    f.field("features", [&](Packer& p) { p.texts(terms.features); });
    f.boolean_unless("draining", terms.draining, false);
  });
}

template <class Part>
Frame part(const Part& m) {
  return header_of(m, 3, [&](Packer& p) {
    p.id(m.id);
    p.uint(m.seq);
    pack(p, m.meta);
  });
}

}  // namespace

Frame encode(const Request& m) {
  return header_of(m, 3, [&](Packer& p) {
    p.id(m.id);
    p.text(m.model);
    pack(p, m.options);
  });
}

Frame encode(const Cancel& m) {
  return header_of(m, 1, [&](Packer& p) { p.id(m.id); });
}

Frame encode(const Chunk& m) {
  return part(m);
}

Frame encode(const Final& m) {
  return part(m);
}

Frame encode(const Error& m) {
  return header_of(m, 4, [&](Packer& p) {
    p.id(m.id);
    p.uint(static_cast<std::uint64_t>(m.code));
    p.text(m.message);
    pack(p, m.meta);
  });
}

Frame encode(const WorkerHeartbeat& m) {
  return header_of(m, 1, [&](Packer& p) {
    p.fields([&](Fields& f) {
      f.uint("slots", m.slots);
      f.uint("grant", m.grant);
      f.uint("queue_length", m.queue_length);
      f.text("state", state_name(m.state));
      f.text_if_any("why", m.why);
      f.uint("progress", m.progress);
      f.real("kv_cache_usage", m.kv_cache_usage);
      if (m.models) f.field("models", [&](Packer& to) { pack(to, *m.models); });
    });
  });
}

Frame encode(const BrokerHeartbeat& m) {
  return header_of(m, 1, [&](Packer& p) {
    p.fields([&](Fields& f) {
      f.uint("grant", m.grant);
      f.uint("in_flight", m.in_flight);
      f.uint("queued", m.queued);
    });
  });
}

Frame encode(const ClientHeartbeat& m) {
  return header_of(m, 1, [](Packer& p) { p.map(0); });
}

Frame encode(const ClientTerms& m) {
  return header_of(m, 1, [&](Packer& p) { pack(p, m.terms); });
}

Frame encode(const Register& m) {
  return header_of(m, 1, [&](Packer& p) { pack(p, m.info); });
}

Frame encode(const Registered& m) {
  return header_of(m, 1, [&](Packer& p) { pack(p, m.terms); });
}

Frame encode(const Reregister& m) {
  return header_of(m, 0, [](Packer&) {});
}

Frame encode(const Deregister& m) {
  return header_of(m, 1, [&](Packer& p) { p.text(m.reason); });
}

Frame encode(const Dismiss& m) {
  return header_of(m, 2, [&](Packer& p) {
    p.uint(static_cast<std::uint64_t>(m.code));
    p.text(m.reason);
  });
}

Frame encode(const Probe& m) {
  return header_of(m, 1, [&](Packer& p) { p.uint(m.nonce); });
}

Frame encode(const Status& m) {
  return header_of(m, 2, [&](Packer& p) {
    p.uint(m.nonce);
    pack(p, m.info);
  });
}

Frame encode(const Drain& m) {
  return header_of(m, 1, [&](Packer& p) { p.boolean(m.on); });
}

Frame encode(const Query& m) {
  return header_of(m, 3, [&](Packer& p) {
    p.id(m.id);
    p.text(m.name);
    p.value(m.args);
  });
}

Frame encode(const Answer& m) {
  return header_of(m, 2, [&](Packer& p) {
    p.id(m.id);
    p.value(m.result);
  });
}

}  // namespace muster
