#include "control/session.hpp"

namespace nixl::control {

failure check_hello(const hello& m, const target_identity& self) noexcept {
    const auto name = static_cast<int>(self.name.size());
    if (m.transport != self.transport)
        return fail(NIXL_ERR_MISMATCH, "the connection is for another transport");
    if (m.target_name != self.name)
        return fail(NIXL_ERR_STALE_PEER, "this agent is '%.*s', not '%.*s': load its metadata again", name,
                    self.name.data(), static_cast<int>(m.target_name.size()), m.target_name.data());
    if (m.target_incarnation != self.incarnation)
        return fail(NIXL_ERR_STALE_PEER,
                    "agent '%.*s' has restarted since its metadata was written: load its metadata again", name,
                    self.name.data());
    unsigned difference = 0;
    for (std::size_t i = 0; i < m.token.size(); ++i)
        difference |= static_cast<unsigned>(m.token[i] ^ self.token[i]);
    if (difference != 0)
        return fail(NIXL_ERR_PERMISSION,
                    "wrong access token for agent '%.*s': this metadata was altered or is not its own", name,
                    self.name.data());
    if (m.initiator_name == self.name && m.initiator_incarnation == self.incarnation)
        return fail(NIXL_ERR_INVALID_PARAM, "an agent does not connect to itself");
    return failure::success();
}

} // namespace nixl::control
