#include "transports/factory.hpp"

#include "transports/fabric/fabric_transport.hpp"
#include "transports/local/local_transport.hpp"
#include "transports/loopback/loopback_transport.hpp"

namespace nixl {

std::unique_ptr<transport> make_transport(nixl_transport_t kind, const agent_settings& settings,
                                          transport_events& events, failure& why) {
    switch (kind) {
    case NIXL_TRANSPORT_LOOPBACK:
        return make_loopback_transport(settings, events, why);
    case NIXL_TRANSPORT_LOCAL:
        return make_local_transport(settings, events, why);
    case NIXL_TRANSPORT_FABRIC:
        return make_fabric_transport(settings, events, why);
    case NIXL_TRANSPORT_NONE:
        break;
    }
    why = fail(NIXL_ERR_NOT_FOUND, "there is no transport with number %d", static_cast<int>(kind));
    return nullptr;
}

} // namespace nixl
