#pragma once

// Every message of docs/protocol.md, section 3, as a plain struct, and for each of the four ways a
// message can travel the variant of what may be said on it: whoever visits one is told by the
// compiler what was forgotten. Payload frames travel beside a message (payload.hpp), never in it.
//
// Optional fields are those marked `?` in the protocol. For strings and maps, empty means absent.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/error_code.hpp"
#include "protocol/ids.hpp"
#include "protocol/time.hpp"
#include "protocol/value.hpp"

namespace muster {

inline constexpr std::uint64_t protocol_version = 1;

// Ordered, so that walking one gives the same order everywhere.
using StringMap = std::map<std::string, std::string, std::less<>>;

// ---- data plane (section 4) -----------------------------------------------------------------

struct RequestOptions {
  std::optional<Duration> timeout;        // until FINAL, counted from receipt at each hop
  std::optional<Duration> first_timeout;  // until the first part
  std::optional<Duration> idle_timeout;   // between parts
  bool stream = false;                    // the client takes CHUNKs
  std::string path;                       // operation, e.g. /v1/chat/completions
  std::string type;                       // content type of the body
  StringMap headers;                      // for the model server
  std::string request_id;
  std::string trace;                  // W3C traceparent
  std::string session;                // affinity key
  std::vector<std::uint64_t> prefix;  // chained hashes of prompt blocks, first block first
  StringMap require;                  // labels that the worker must have
  std::int64_t priority = 0;          // higher is sooner
  std::string tenant;
  bool retry = true;  // may go to another worker when lost before any CHUNK
  friend bool operator==(const RequestOptions&, const RequestOptions&) = default;
};

struct Request {
  WireId id;
  std::string model;
  RequestOptions options;
  friend bool operator==(const Request&, const Request&) = default;
};

struct Cancel {
  WireId id;
  friend bool operator==(const Cancel&, const Cancel&) = default;
};

// `meta` of the first CHUNK and of FINAL.
struct PartMeta {
  std::optional<std::uint64_t> status;  // HTTP status of the model server
  std::string type;                     // content type of the answer
  StringMap headers;
  std::string worker;
  Value usage;  // a map, or nil
  friend bool operator==(const PartMeta&, const PartMeta&) = default;
};

struct Chunk {
  WireId id;
  std::uint64_t seq = 0;
  PartMeta meta;
  friend bool operator==(const Chunk&, const Chunk&) = default;
};

struct Final {
  WireId id;
  std::uint64_t seq = 0;  // the number of CHUNKs before it
  PartMeta meta;
  friend bool operator==(const Final&, const Final&) = default;
};

struct ErrorMeta {
  bool retryable = false;
  std::optional<Duration> retry_after;
  std::string reason;  // a stable word (error_code.hpp)
  std::string worker;
  std::optional<std::uint64_t> status;
  bool duplicate = false;  // this ERROR does not end the request of that id (section 4)
  friend bool operator==(const ErrorMeta&, const ErrorMeta&) = default;
};

struct Error {
  WireId id;
  ErrorCode code{};
  std::string message;
  ErrorMeta meta;
  friend bool operator==(const Error&, const Error&) = default;
};

// ---- worker session (sections 6 and 7) ------------------------------------------------------

// Unknown words from a peer of a later version decode as `unhealthy`: such a worker gets nothing.
enum class WorkerState : std::uint8_t { starting, ready, draining, unhealthy };
[[nodiscard]] std::string_view state_name(WorkerState state);

struct ModelDescription {
  std::string name;
  std::vector<std::string> aliases;
  std::optional<std::uint64_t> context_length;
  std::vector<std::string> modalities;
  std::vector<std::string> operations;
  friend bool operator==(const ModelDescription&, const ModelDescription&) = default;
};

// `info` of REGISTER and STATUS: what a worker says of itself.
struct WorkerDescription {
  std::string worker;  // stable name, unique in the cluster
  Instance instance;
  std::vector<ModelDescription> models;
  std::uint64_t slots = 0;  // at most slots_max
  WorkerState state = WorkerState::starting;
  std::string why;  // a sentence: why it is in that state, where that is not plain
  double speed = 1.0;
  std::optional<std::uint64_t> queue_length;
  StringMap labels;
  std::string version;
  std::vector<BrokerId> active;  // what it is working on
  friend bool operator==(const WorkerDescription&, const WorkerDescription&) = default;
};
inline constexpr std::uint64_t slots_max = 4096;

struct Register {
  WorkerDescription info;
  friend bool operator==(const Register&, const Register&) = default;
};

// What a broker takes (section 2): told to workers and clients, and applied by the decoder.
struct WireLimits {
  std::uint64_t header_bytes = std::uint64_t{64} * 1024;
  std::uint64_t frame_bytes = std::uint64_t{64} * 1024 * 1024;
  std::uint64_t message_bytes = std::uint64_t{64} * 1024 * 1024;
  std::uint64_t frames = 16;  // with the header
  std::uint64_t name_bytes = 128;
  friend bool operator==(const WireLimits&, const WireLimits&) = default;
};

// What a broker may say of its heartbeats; the product of both, the expiry time, fits a Duration.
inline constexpr Duration interval_max = std::chrono::hours{24};
inline constexpr std::uint64_t liveness_max = 1000;

// `terms` of REGISTERED, and what a broker answers to a client's HEARTBEAT (there with `draining`).
struct BrokerTerms {
  std::string broker;
  Instance instance;
  Duration interval{};         // 1 ms to interval_max
  std::uint64_t liveness = 0;  // 1 to liveness_max
  WireLimits limits;
  std::vector<std::string> features;
  bool draining = false;
  friend bool operator==(const BrokerTerms&, const BrokerTerms&) = default;
};

struct Registered {
  BrokerTerms terms;
  friend bool operator==(const Registered&, const Registered&) = default;
};

struct Reregister {
  friend bool operator==(const Reregister&, const Reregister&) = default;
};

struct Deregister {
  std::string reason;
  friend bool operator==(const Deregister&, const Deregister&) = default;
};

struct Dismiss {
  ErrorCode code{};
  std::string reason;
  friend bool operator==(const Dismiss&, const Dismiss&) = default;
};

struct Probe {
  std::uint64_t nonce = 0;
  friend bool operator==(const Probe&, const Probe&) = default;
};

struct Status {
  std::uint64_t nonce = 0;
  WorkerDescription info;
  friend bool operator==(const Status&, const Status&) = default;
};

struct Drain {
  bool on = true;
  friend bool operator==(const Drain&, const Drain&) = default;
};

// HEARTBEAT has one type and a body for each direction.
struct WorkerHeartbeat {  // worker -> broker
  std::uint64_t slots = 0;
  std::uint64_t grant = 0;         // counts the changes of `slots`
  std::uint64_t queue_length = 0;  // requests at the worker that did not come from this broker
  WorkerState state = WorkerState::starting;
  std::string why;  // as in WorkerDescription
  std::optional<std::uint64_t> progress;
  std::optional<double> kv_cache_usage;
  std::optional<std::vector<ModelDescription>> models;  // only where they changed
  friend bool operator==(const WorkerHeartbeat&, const WorkerHeartbeat&) = default;
};

struct BrokerHeartbeat {    // broker -> worker
  std::uint64_t grant = 0;  // the last seen
  std::uint64_t in_flight = 0;
  std::uint64_t queued = 0;  // waiting for this worker's models
  friend bool operator==(const BrokerHeartbeat&, const BrokerHeartbeat&) = default;
};

struct ClientHeartbeat {  // client -> broker; its body says nothing yet
  friend bool operator==(const ClientHeartbeat&, const ClientHeartbeat&) = default;
};

struct ClientTerms {  // broker -> client
  BrokerTerms terms;
  friend bool operator==(const ClientTerms&, const ClientTerms&) = default;
};

// ---- control (section 9) --------------------------------------------------------------------

struct Query {
  WireId id;
  std::string name;
  Value args;
  friend bool operator==(const Query&, const Query&) = default;
};

struct Answer {
  WireId id;
  Value result;
  friend bool operator==(const Answer&, const Answer&) = default;
};

// ---- who may say what to whom (section 3) ---------------------------------------------------

using FromClient = std::variant<Request, Cancel, ClientHeartbeat, Query>;
using ToClient = std::variant<Chunk, Final, Error, ClientTerms, Answer>;
using FromWorker = std::variant<Chunk, Final, Error, WorkerHeartbeat, Register, Deregister, Status>;
using ToWorker =
    std::variant<Request, Cancel, BrokerHeartbeat, Registered, Reregister, Dismiss, Probe, Drain>;

}  // namespace muster
