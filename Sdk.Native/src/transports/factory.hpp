// Makes the transports of one agent. Each transport has one header with one function; the factory alone knows them all.
#pragma once

#include "core/settings.hpp"
#include "core/transport.hpp"

#include <memory>

namespace nixl {

// Null and a failure that says why if this transport cannot be had on this machine (that is not an error of the
// agent's). `settings` and `events` outlive the transport.
std::unique_ptr<transport> make_transport(nixl_transport_t kind, const agent_settings& settings,
                                          transport_events& events, failure& why);

} // namespace nixl
