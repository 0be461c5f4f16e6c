#include "transports/fabric/packing/granted.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace nixl::fabric::packing {

namespace {

// Memory that was registered to be read from may be mapped read-only, or have a guard page in it. A device would refuse
// a write into that; a copy of ours would end the process, at a peer's wish. So every mapping of the region is looked
// at, once. (Memory that is unmapped while it is registered is its owner's mistake, as for a device.)
bool can_write(uint64_t base, uint64_t length, bool& looked) noexcept {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps(std::fopen("/proc/self/maps", "re"), &std::fclose);
    looked = maps != nullptr;
    if (!looked) {
        return false; // no descriptor left, say: not stored now, and looked at again the next time
    }
    const uint64_t end = base + length;
    uint64_t known = base; // writable up to here
    char* line = nullptr;
    size_t room = 0;
    while (known<end&& ::getline(&line, &room, maps.get())> 0) {
        char* at = nullptr;
        const uint64_t from = std::strtoull(line, &at, 16);
        const uint64_t to = *at == '-' ? std::strtoull(at + 1, &at, 16) : 0; // "from-to rwxp …"
        if (to <= known) {
            continue;
        }
        if (from > known || at[0] != ' ' || at[1] == '\0' || at[2] != 'w') {
            break;
        }
        known = to;
    }
    std::free(line); // NOLINT: getline's
    return known >= end;
}

} // namespace

void granted_regions::add(uint64_t key, uint64_t base, uint64_t length) {
    auto region = std::make_unique<granted_region>();
    region->base = base;
    region->length = length;
    const std::lock_guard lock(mutex_);
    regions_[key] = std::move(region);
}

bool granted_regions::remove(uint64_t key, deadline until) noexcept {
    std::unique_lock lock(mutex_);
    const auto found = regions_.find(key);
    if (found == regions_.end()) {
        return true;
    }
    granted_region& region = *found->second;
    region.removed = true;
    while (region.in_use != 0) {
        const uint64_t left = until.remaining_ns(now_ns());
        if (left == 0) {
            return false;
        }
        idle_.wait_for(lock, std::chrono::nanoseconds(std::min<uint64_t>(left, 1'000'000'000u)));
    }
    regions_.erase(key);
    return true;
}

const granted_region* granted_regions::acquire(uint64_t key) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = regions_.find(key);
    if (found == regions_.end() || found->second->removed) {
        return nullptr;
    }
    granted_region& region = *found->second;
    if (!region.probed) {
        region.writable = can_write(region.base, region.length, region.probed);
    }
    ++region.in_use;
    return &region;
}

void granted_regions::release(const granted_region* region) noexcept {
    const std::lock_guard lock(mutex_);
    auto* r = const_cast<granted_region*>(region); // ours: acquire() gave it
    if (--r->in_use == 0 && r->removed) {
        idle_.notify_all();
    }
}

} // namespace nixl::fabric::packing
