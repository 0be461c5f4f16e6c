#include "transports/loopback/loopback_transport.hpp"

namespace nixl {

std::unique_ptr<transport> make_loopback_transport(const agent_settings&, transport_events&, failure& why) {
    why = fail(NIXL_ERR_NOT_SUPPORTED, "not yet");
    return nullptr;
}

} // namespace nixl
