// One rail of a connection: an endpoint of ours and one of the peer's that talk to each other. A connection has as many
// as the side with more devices; the other side uses its devices more than once. Rail i lies on device i modulo the
// number of devices, on both sides. Progress thread only.
#pragma once

#include "transports/fabric/endpoint.hpp"

#include <cstdint>
#include <memory>
#include <utility>

namespace nixl::fabric {

struct rail {
    rail(uint32_t number, uint32_t own_domain, std::unique_ptr<endpoint> e)
        : index(number), domain(own_domain), path(std::move(e)) {}

    bool open() const noexcept { return path != nullptr; }

    uint32_t index;                 // the same on both sides
    uint32_t domain;                // of this agent
    std::unique_ptr<endpoint> path; // null: closed, nothing of this rail touches memory any more

    // Initiator.
    uint64_t in_flight_operations = 0;
    uint64_t in_flight_bytes = 0;
    uint64_t written_bytes = 0; // acknowledged as delivered
    uint64_t read_bytes = 0;
};

} // namespace nixl::fabric
