// Test aid: what the fabric transport of this process pretends about rails. All zero = off.
#pragma once

#include <atomic>
#include <cstdint>

namespace nixl::fabric {

struct rail_faults {
    // Bit i: targets do not look at the endpoints of rail i, so that what peers write through it stays in the network.
    std::atomic<uint64_t> unpolled{0};
};

inline rail_faults pretended_rail_faults;

} // namespace nixl::fabric
