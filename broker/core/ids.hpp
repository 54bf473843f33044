#pragma once

// The broker's own names for things; none is ever used twice.

#include "protocol/ids.hpp"

namespace muster::broker {

// One session of one worker.
using SessionId = StrongId<struct SessionIdTag>;

// A request, in order of arrival.
using RequestNumber = StrongId<struct RequestNumberTag>;

}  // namespace muster::broker
