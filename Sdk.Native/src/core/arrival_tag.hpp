// The 32 bits of immediate data that ride with a counted write: 24 bits arrival slot, 8 bits generation.
#pragma once

#include <cstdint>

namespace nixl {

inline constexpr uint32_t max_rails = 32;               // rails of one connection, dead ones included
inline constexpr uint32_t max_arrival_slot = 0xFF'FFFF; // 0 is never granted: "not counted"

struct arrival_tag {
    uint32_t slot = 0;
    uint32_t generation = 0;

    static constexpr arrival_tag from(uint32_t immediate) noexcept { return {immediate >> 8, immediate & 0xFF}; }
    constexpr uint32_t immediate() const noexcept { return slot << 8 | generation; }
    constexpr arrival_tag next() const noexcept { return {slot, (generation + 1) & 0xFF}; }
    friend constexpr bool operator==(arrival_tag, arrival_tag) noexcept = default;
};

// So many writes of one attempt carry its tag on this rail. An announcement lists rails in rising order, each once.
struct rail_count {
    uint32_t rail = 0;
    uint32_t count = 0;
    friend constexpr bool operator==(rail_count, rail_count) noexcept = default;
};

} // namespace nixl
