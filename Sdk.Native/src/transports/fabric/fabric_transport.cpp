#include "transports/fabric/fabric_transport.hpp"

namespace nixl {

std::unique_ptr<transport> make_fabric_transport(const agent_settings&, transport_events&, failure& why) {
    why = fail(NIXL_ERR_NOT_SUPPORTED, "the fabric transport is not part of this build");
    return nullptr;
}

} // namespace nixl
