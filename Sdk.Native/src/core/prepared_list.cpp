#include "core/prepared_list.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl {

prepared_list::~prepared_list() {
    for (const auto& region : local_holds)
        region->lists.fetch_sub(1, std::memory_order_release);
}

const list_region& prepared_list::region_of(uint64_t flat_id) const noexcept {
    if (regions.size() == 1)
        return regions.front();
    if (uniform_count == 1) // a list of single ranges
        return regions[flat_id];
    if (uniform_count != 0)
        return regions[flat_id / uniform_count];
    const auto after = std::upper_bound(regions.begin(), regions.end(), flat_id,
                                        [](uint64_t id_, const list_region& r) { return id_ < r.first; });
    return *(after - 1);
}

uint64_t prepared_list::memory_bytes() const noexcept {
    return sizeof *this + regions.capacity() * sizeof(list_region) + local_holds.capacity() * sizeof(local_holds[0]) +
           remote_holds.capacity() * sizeof(remote_holds[0]);
}

failure check_compatible(const prepared_list& local, const prepared_list& remote) noexcept {
    if (local.mode != remote.mode)
        return fail(NIXL_ERR_INVALID_PARAM, "one list is flat and the other is by block; prepare both in one mode");
    if (local.mode == NIXL_LIST_FLAT) // lengths are compared id by id unless both are uniform
        return failure::success();
    if (local.regions.size() != remote.regions.size())
        return fail(NIXL_ERR_INVALID_PARAM,
                    "the local list has %zu regions, the remote one %zu; in block mode they must correspond one to one",
                    local.regions.size(), remote.regions.size());
    for (std::size_t i = 0; i < local.regions.size(); ++i) {
        if (local.regions[i].length != remote.regions[i].length)
            return fail(NIXL_ERR_INVALID_PARAM,
                        "region %zu has pieces of %" PRIu64 " bytes locally and of %" PRIu64 " bytes at the peer", i,
                        local.regions[i].length, remote.regions[i].length)
                .at(i, remote.regions[i].base, remote.regions[i].length);
    }
    return failure::success();
}

} // namespace nixl
