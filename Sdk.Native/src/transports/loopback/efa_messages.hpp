// EFA mode: what the two ends of a connection tell each other. The frames are those of docs/wire.md, "Counted writes",
// as values; an immediate is what the target reads from its completion queue.
#pragma once

#include "core/arrival.hpp"
#include "core/arrival_tag.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nixl::loopback {

class inbound;

// Initiator to target.
struct efa_frame {
    enum class kind : uint8_t { opened, immediate, notify, retire, fence, closed };
    kind is = kind::immediate;
    std::shared_ptr<inbound> from;
    uint32_t rail = 0;      // immediate, fence; opened: number of rails
    uint32_t immediate = 0; // immediate, notify, retire; 0: nothing is counted
    uint64_t sequence = 0;  // notify
    std::vector<rail_count> expected{};
    arrival what{}; // notify
};

// Target to initiator.
struct efa_answer {
    enum class kind : uint8_t { granted, credit, acknowledged, fenced, broken };
    kind is = kind::granted;
    std::shared_ptr<inbound> to;
    uint32_t rail = 0;
    uint32_t count = 0;
    std::vector<uint32_t> immediates{}; // granted
    uint64_t sequence = 0;              // acknowledged
    bool shown = false;                 // acknowledged; else withdrawn
    std::string why{};                  // broken: the initiator has broken the protocol
};

} // namespace nixl::loopback
