// A prepared list: strided regions, each inside one registration. Immutable once made; O(regions) memory whatever the
// number of blocks. Held by the agent's table and by every operation that uses it.
#pragma once

#include "core/failure.hpp"
#include "core/memory.hpp"
#include "core/peer.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace nixl {

// `first` is the id of piece 0 in flat mode.
struct list_region {
    uint64_t base = 0;
    uint64_t stride = 0;
    uint64_t length = 0;
    uint64_t count = 0;
    uint64_t first = 0;
    local_region* local = nullptr; // exactly one of the two
    remote_region* remote = nullptr;
    uint64_t unit_stride = 0;
    uint32_t units = 1; // pieces per stride

    uint64_t address_of(uint64_t piece) const noexcept {
        if (units == 1) // nearly always; saves the division
            return base + piece * stride;
        return base + piece / units * stride + piece % units * unit_stride;
    }
};

struct prepared_list {
    uint64_t id = 0;
    nixl_list_mode_t mode = NIXL_LIST_BLOCK;
    std::shared_ptr<nixl::peer> target; // null: local
    std::vector<list_region> regions;
    std::vector<std::shared_ptr<local_region>> local_holds;   // distinct; each counted in local_region::lists
    std::vector<std::shared_ptr<remote_region>> remote_holds; // distinct
    uint64_t entries = 0;                                     // valid ids are 0 … entries-1
    uint64_t uniform_length = 0;                              // all pieces have this length; 0 if they differ
    uint64_t bytes_per_entry = 0;
    uint64_t uniform_count = 0; // all regions have this many pieces; 0 if they differ
    uint32_t transports = 0;    // mask: which transports reach every region

    prepared_list() = default;
    ~prepared_list();
    prepared_list(const prepared_list&) = delete;
    prepared_list& operator=(const prepared_list&) = delete;

    // The region that holds a flat id. The id is valid.
    const list_region& region_of(uint64_t flat_id) const noexcept;
    uint64_t memory_bytes() const noexcept;
};

// Checks modes, counts and lengths of a pair of lists; what post needs before it looks at ids.
failure check_compatible(const prepared_list& local, const prepared_list& remote) noexcept;

} // namespace nixl
