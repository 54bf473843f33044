#pragma once

// Internal to the codec: reads each message's elements, after version and type, from a header that
// is known to be sound msgpack. What does not fit is left as the Reader's fault.

#include "protocol/codec_reader.hpp"
#include "protocol/message.hpp"

namespace muster::codec {

void read(Reader& in, Request& message);
void read(Reader& in, Cancel& message);
void read(Reader& in, Chunk& message);
void read(Reader& in, Final& message);
void read(Reader& in, Error& message);
void read(Reader& in, WorkerHeartbeat& message);
void read(Reader& in, BrokerHeartbeat& message);
void read(Reader& in, ClientHeartbeat& message);
void read(Reader& in, ClientTerms& message);
void read(Reader& in, Register& message);
void read(Reader& in, Registered& message);
void read(Reader& in, Reregister& message);
void read(Reader& in, Deregister& message);
void read(Reader& in, Dismiss& message);
void read(Reader& in, Probe& message);
void read(Reader& in, Status& message);
void read(Reader& in, Drain& message);
void read(Reader& in, Query& message);
void read(Reader& in, Answer& message);

}  // namespace muster::codec
