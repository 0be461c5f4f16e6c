// How the tests of packing ask for it.
#pragma once

#include "support/test_agent.hpp"
#include "support/test_network.hpp"

namespace nixl::test {

inline agent_options with_packing(uint32_t mode) {
    agent_options o;
    o.packing = mode;
    return o;
}

// What packs here. A device's own operations are cheap: by itself the core packs only tiny pieces for it.
inline agent_options packing_here() {
    return with_packing(target_is_passive() ? NIXL_PACKING_ALWAYS : NIXL_PACKING_AUTO);
}

} // namespace nixl::test
