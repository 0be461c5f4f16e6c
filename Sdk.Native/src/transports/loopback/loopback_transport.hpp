#pragma once

#include "core/settings.hpp"
#include "core/transport.hpp"

#include <memory>

namespace nixl {

// Opens the transport and starts its progress thread. Null and `why` if it cannot be had here.
std::unique_ptr<transport> make_loopback_transport(const agent_settings& settings, transport_events& events,
                                                   failure& why);

} // namespace nixl
