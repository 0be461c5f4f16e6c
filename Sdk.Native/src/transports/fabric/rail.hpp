// One rail of a connection: an endpoint of ours and one of the peer's that talk to each other. A connection has as many
// as the side with more devices; the other side uses its devices more than once. Rail i lies on device i modulo the
// number of devices, on both sides. Progress thread only.
//
//   open ──a connection error, or silence while others move──> dying ──our endpoint closed, FENCE sent──> fencing
//     fencing ──FENCE_ACK: the peer's endpoint is closed──> closed
// What was in flight on it is given to other rails when it is closed, never before: until then late bytes of the first
// attempt might still arrive.
#pragma once

#include "core/peer.hpp"
#include "transports/fabric/endpoint.hpp"

#include <cstdint>
#include <memory>
#include <utility>

namespace nixl::fabric {

struct rail {
    enum class state : uint8_t { open, dying, fencing, closed };

    rail(uint32_t number, uint32_t own_domain, std::unique_ptr<endpoint> e)
        : index(number), domain(own_domain), path(std::move(e)) {}

    bool open() const noexcept { return now == state::open; }

    uint32_t index;                 // the same on both sides
    uint32_t domain;                // of this agent
    std::unique_ptr<endpoint> path; // null: closed, nothing of this rail touches memory of ours any more
    state now = state::open;
    bool held = false; // not polled: a test aid

    // Initiator.
    uint64_t in_flight_operations = 0;
    uint64_t in_flight_bytes = 0;
    bool blocked = false;  // EAGAIN: takes nothing more in this round
    uint64_t moved_ns = 0; // when it last completed something, or was given something while it was empty
    uint64_t fence = 0;    // fencing: id that FENCE_ACK will name
    std::string death;     // why it is not open
    std::shared_ptr<rail_report> report;
};

} // namespace nixl::fabric
