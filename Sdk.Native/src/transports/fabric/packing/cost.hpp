// When packing pays. One operation per piece costs the provider's time per operation; packing costs two copies of every
// byte, a little per piece and one more round trip. The numbers are in nixl_agent_describe, and an agent option
// overrides the outcome.
#pragma once

#include "core/request.hpp"
#include "core/settings.hpp"

#include <cstdint>
#include <string_view>

namespace nixl::fabric::packing {

struct costs {
    uint64_t operation_ns = 0;  // of one write, whatever its length
    uint64_t piece_ns = 0;      // of one packed piece
    uint64_t byte_ps = 0;       // of one packed byte: the slower of the two copies
    uint64_t round_trip_ns = 0; // until a filled slot is acknowledged

    bool stream = false; // a socket: what is posted later waits until all before it is sent

    // Pieces shorter than this are cheaper packed.
    uint64_t break_even_bytes() const noexcept {
        return operation_ns <= piece_ns ? 0 : (operation_ns - piece_ns) * 1000 / byte_ps;
    }
};

costs costs_of(std::string_view provider) noexcept;

struct policy {
    uint32_t mode = NIXL_PACKING_AUTO;
    costs cost;
    uint64_t piece_bytes = 0; // pieces below this are packed, in requests that are

    static policy choose(const agent_settings& settings, std::string_view provider) noexcept;
    // Looks at the first pieces, neighbours merged.
    bool packs(const request& r) const noexcept;
};

} // namespace nixl::fabric::packing
