// Prepared lists: each region is checked against a registration once, here, so that a post need not.
#include "core/agent.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl {

namespace {

constexpr uint64_t max_list_regions = 1u << 22;

// The reach of `count` pieces of `length` bytes, `stride` apart: from the first byte to behind the last. False:
// overflow.
bool reach_of(uint64_t length, uint64_t stride, uint64_t count, uint64_t& reach) noexcept {
    return !__builtin_mul_overflow(count - 1, stride, &reach) && !__builtin_add_overflow(reach, length, &reach);
}

failure overlapping(const nixl_strided_region_t& r, uint64_t index) noexcept {
    return fail(NIXL_ERR_INVALID_PARAM,
                "the pieces of region %" PRIu64 " overlap: stride %" PRIu64 ", %" PRIu32 " units of stride %" PRIu64
                ", length %" PRIu64,
                index, r.stride, r.units, r.unit_stride, r.length)
        .at(index, r.base, r.length);
}

failure too_far(const nixl_strided_region_t& r, uint64_t index) noexcept {
    return fail(NIXL_ERR_INVALID_PARAM, "region %" PRIu64 " reaches beyond the address space", index)
        .at(index, r.base, r.length);
}

// The bytes that a strided region reaches over, or a failure that says what is wrong with it.
failure span_of(const nixl_strided_region_t& r, uint64_t index, uint64_t& bytes) noexcept {
    const uint64_t units = r.units > 1 ? r.units : 1;
    if (r.kind > NIXL_MEMORY_FILE)
        return fail(NIXL_ERR_INVALID_PARAM, "region %" PRIu64 " has an unknown memory kind", index);
    if (r.length == 0 || r.count == 0)
        return fail(NIXL_ERR_INVALID_PARAM, "region %" PRIu64 " is empty", index).at(index, r.base, r.length);
    if (r.count % units != 0 || (units == 1 && r.unit_stride != 0))
        return fail(NIXL_ERR_INVALID_PARAM,
                    "region %" PRIu64 " has %" PRIu64 " pieces in %" PRIu64 " units of stride %" PRIu64
                    "; the count must be a multiple, and one unit has no stride",
                    index, r.count, units, r.unit_stride);
    const uint64_t blocks = r.count / units;
    uint64_t block_reach = 0; // of the units of one block
    uint64_t unit_reach = 0;  // of one unit in all blocks
    if (!reach_of(r.length, r.unit_stride, units, block_reach) || !reach_of(r.length, r.stride, blocks, unit_reach) ||
        __builtin_add_overflow(unit_reach, block_reach - r.length, &bytes) || bytes > UINT64_MAX - r.base)
        return too_far(r, index);
    if ((units > 1 && r.unit_stride < r.length) || (blocks > 1 && r.stride < r.length))
        return overlapping(r, index);
    // Blocks hold their units, or (where tokens stand outside blocks) units hold their blocks; else two pieces may
    // meet.
    if (units > 1 && blocks > 1 && r.stride < block_reach && r.unit_stride < unit_reach)
        return overlapping(r, index);
    return failure::success();
}

failure not_registered(const nixl_strided_region_t& r, uint64_t index, uint64_t bytes, const char* where) noexcept {
    return fail(NIXL_ERR_NOT_FOUND,
                "no registration %s covers region %" PRIu64 ", %#" PRIx64 " + %" PRIu64 " bytes; register it%s", where,
                index, r.base, bytes, *where == 'o' ? " there and load the newer metadata" : " first")
        .at(index, r.base, bytes);
}

std::shared_ptr<remote_region> find_remote(const peer_metadata& m, const nixl_strided_region_t& r, uint64_t bytes) {
    remote_region wanted;
    wanted.kind = static_cast<nixl_memory_kind_t>(r.kind);
    wanted.device = r.device;
    wanted.base = r.base;
    auto at = std::upper_bound(m.regions.begin(), m.regions.end(), wanted,
                               [](const remote_region& a, const auto& b) { return region_order(a, *b); });
    while (at != m.regions.begin()) {
        const remote_region& candidate = **--at;
        if (candidate.kind != wanted.kind || candidate.device != wanted.device ||
            r.base - candidate.base >= m.longest_region)
            break;
        if (candidate.covers(r.base, bytes))
            return *at;
    }
    return nullptr;
}

// Adds up what the ids mean. False: the sums do not fit 64 bits.
bool summarise(prepared_list& list) noexcept {
    uint64_t total_length = 0;
    list.uniform_length = list.regions.front().length;
    list.uniform_count = list.regions.front().count;
    uint64_t first = 0;
    for (list_region& r : list.regions) {
        if (r.length != list.uniform_length)
            list.uniform_length = 0;
        if (r.count != list.uniform_count)
            list.uniform_count = 0;
        if (__builtin_add_overflow(total_length, r.length, &total_length))
            return false;
        if (list.mode == NIXL_LIST_BLOCK) {
            list.entries = r.count;
            continue;
        }
        r.first = first;
        if (__builtin_add_overflow(first, r.count, &first))
            return false;
        list.entries = first;
    }
    list.bytes_per_entry = list.mode == NIXL_LIST_BLOCK ? total_length : list.uniform_length;
    return true;
}

uint32_t reachable_by(const remote_region& r) noexcept {
    uint32_t mask = 0;
    for (uint32_t i = 0; i < transport_count; ++i)
        if (!r.keys[i].empty())
            mask |= 1u << i;
    return mask;
}

} // namespace

failure agent::prepare(const nixl_list_params_t& params, uint64_t& id) {
    if (params.mode > NIXL_LIST_BLOCK)
        return fail(NIXL_ERR_INVALID_PARAM, "there is no list mode %u", params.mode);
    if (params.regions == nullptr || params.region_count == 0 || params.region_count > max_list_regions)
        return fail(NIXL_ERR_INVALID_PARAM, "a list needs between 1 and %" PRIu64 " regions", max_list_regions);
    auto list = std::make_shared<prepared_list>();
    list->mode = static_cast<nixl_list_mode_t>(params.mode);
    list->transports = ~0u;
    std::shared_ptr<const peer_metadata> metadata;
    if (params.peer != 0) {
        list->target = peers_.find(params.peer);
        if (!list->target)
            return fail(NIXL_ERR_NOT_FOUND, "no such peer");
        if (failure f = check_peer(*list->target);
            !f.ok() && f.status != NIXL_ERR_NOT_POSTED && f.status != NIXL_ERR_SUSPECT_PEER)
            return f;
        metadata = list->target->metadata();
    }
    list->regions.reserve(params.region_count);
    // Reserved, because nothing may throw between hold(), which counts, and push_back, which remembers to uncount.
    (metadata ? list->remote_holds.reserve(params.region_count) : list->local_holds.reserve(params.region_count));
    for (uint64_t i = 0; i < params.region_count; ++i) {
        const nixl_strided_region_t& r = params.regions[i];
        uint64_t bytes = 0;
        if (failure f = span_of(r, i, bytes); !f.ok())
            return f;
        if (params.mode == NIXL_LIST_BLOCK && r.count != params.regions[0].count)
            return fail(NIXL_ERR_INVALID_PARAM,
                        "region %" PRIu64 " has %" PRIu64 " blocks, the first one %" PRIu64
                        "; in block mode every id must exist in every region",
                        i, r.count, params.regions[0].count)
                .at(i, r.base, r.length);
        list_region& made = list->regions.emplace_back();
        made.base = r.base;
        made.units = r.units > 1 ? r.units : 1;
        made.stride = r.count > made.units ? r.stride : r.length;
        made.unit_stride = r.unit_stride;
        made.length = r.length;
        made.count = r.count;
        if (metadata) {
            std::shared_ptr<remote_region> found = find_remote(*metadata, r, bytes);
            if (!found)
                return not_registered(r, i, bytes, "of the peer").of(list->target->name());
            made.remote = found.get();
            list->transports &= reachable_by(*found);
            if (list->remote_holds.empty() || list->remote_holds.back() != found)
                list->remote_holds.push_back(std::move(found));
            continue;
        }
        std::shared_ptr<local_region> found =
            memory_.hold(static_cast<nixl_memory_kind_t>(r.kind), r.device, r.base, bytes);
        if (!found)
            return not_registered(r, i, bytes, "in this agent");
        made.local = found.get();
        list->transports &= found->transports.load();
        if (list->local_holds.empty() || list->local_holds.back() != found)
            list->local_holds.push_back(std::move(found));
        else
            found->lists.fetch_sub(1, std::memory_order_release); // held once per list
    }
    list->local_holds.shrink_to_fit();
    list->remote_holds.shrink_to_fit();
    if (!summarise(*list))
        return fail(NIXL_ERR_INVALID_PARAM, "the list's pieces add up to more than 64 bits can count");
    id = lists_.insert([&](uint64_t handle) {
        list->id = handle;
        return list;
    });
    return id != 0 ? failure::success() : fail(NIXL_ERR_BUSY, "the agent's table of lists is full");
}

failure agent::release_list(uint64_t id) {
    return lists_.erase(id) ? failure::success() : fail(NIXL_ERR_NOT_FOUND, "no such list");
}

failure agent::list_info(uint64_t id, nixl_list_info_t& info) const {
    const std::shared_ptr<prepared_list> list = lists_.find(id);
    if (!list)
        return fail(NIXL_ERR_NOT_FOUND, "no such list");
    info = {};
    info.entries = list->entries;
    info.regions = list->regions.size();
    info.bytes_per_entry = list->bytes_per_entry;
    info.memory_bytes = list->memory_bytes();
    info.peer = list->target ? list->target->id() : 0;
    info.mode = list->mode;
    return failure::success();
}

} // namespace nixl
