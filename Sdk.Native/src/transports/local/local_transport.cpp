#include "transports/local/local_transport.hpp"

namespace nixl {

std::unique_ptr<transport> make_local_transport(const agent_settings&, transport_events&, failure& why) {
    why = fail(NIXL_ERR_NOT_SUPPORTED, "the local transport is not part of this build");
    return nullptr;
}

} // namespace nixl
