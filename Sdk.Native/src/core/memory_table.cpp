#include "core/memory_table.hpp"

#include <algorithm>

namespace nixl {

namespace {

std::tuple<uint32_t, uint64_t, uint64_t, uint64_t> key_of(const local_region& r) noexcept {
    return {static_cast<uint32_t>(r.kind), r.device, r.base, r.id};
}

} // namespace

bool memory_table::insert(const std::shared_ptr<local_region>& region) {
    region->id = handles_.insert([&](uint64_t id) {
        region->id = id;
        return region;
    });
    if (region->id == 0)
        return false;
    try {
        const std::lock_guard lock(mutex_);
        by_address_.emplace(key_of(*region), region);
        longest_ = std::max(longest_, region->length);
        return true;
    } catch (...) {
        handles_.erase(region->id);
        throw;
    }
}

void memory_table::erase(const local_region& region) {
    std::shared_ptr<local_region> keep = handles_.erase(region.id);
    const std::lock_guard lock(mutex_);
    by_address_.erase(key_of(region));
}

std::shared_ptr<local_region> memory_table::covering_locked(nixl_memory_kind_t kind, uint64_t device, uint64_t address,
                                                            uint64_t length) const {
    const auto k = static_cast<uint32_t>(kind);
    auto at = by_address_.upper_bound(key{k, device, address, UINT64_MAX});
    std::shared_ptr<local_region> best;
    while (at != by_address_.begin()) {
        --at;
        const local_region& r = *at->second;
        if (r.kind != kind || r.device != device || address - r.base >= longest_)
            break;
        if (r.covers(address, length) && !r.deregistering)
            best = at->second;
    }
    return best;
}

std::shared_ptr<local_region> memory_table::covering(nixl_memory_kind_t kind, uint64_t device, uint64_t address,
                                                     uint64_t length) const {
    const std::lock_guard lock(mutex_);
    return covering_locked(kind, device, address, length);
}

std::shared_ptr<local_region> memory_table::hold(nixl_memory_kind_t kind, uint64_t device, uint64_t address,
                                                 uint64_t length) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<local_region> found = covering_locked(kind, device, address, length);
    if (found)
        found->lists.fetch_add(1, std::memory_order_relaxed);
    return found;
}

bool memory_table::begin_deregister(local_region& region) {
    const std::lock_guard lock(mutex_);
    if (region.deregistering || region.lists.load(std::memory_order_acquire) != 0)
        return false;
    region.deregistering = true;
    return true;
}

void memory_table::abandon_deregister(local_region& region) {
    const std::lock_guard lock(mutex_);
    region.deregistering = false;
}

bool memory_table::uses_arena(const arena& a) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [k, region] : by_address_)
        if (region->arena.get() == &a)
            return true;
    return false;
}

std::vector<std::shared_ptr<local_region>> memory_table::snapshot() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<local_region>> all;
    all.reserve(by_address_.size());
    for (const auto& [k, region] : by_address_)
        if (!region->deregistering)
            all.push_back(region);
    return all;
}

} // namespace nixl
