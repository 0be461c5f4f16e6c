// Agents on one or several machines, over libfabric (opened at run time).
//
// One fabric and domain per agent; per connection one endpoint, completion queue and address vector on each side, so
// that closing them fences exactly one peer; beside them a TCP control connection for the handshake, notifications,
// liveness and taking keys back. Connections belong to their initiator: `outbound` is ours to a peer, `inbound` a
// peer's to us.
#pragma once

#include "core/settings.hpp"
#include "core/transport.hpp"

#include <memory>

namespace nixl {

// Opens the transport and starts its progress thread. Null and `why` if it cannot be had here.
std::unique_ptr<transport> make_fabric_transport(const agent_settings& settings, transport_events& events,
                                                 failure& why);

} // namespace nixl
