#include "transports/fabric/packing/granted.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace nixl::fabric::packing {

namespace {

// Memory that was registered to be read from may be mapped read-only. A device would refuse a write into it; a copy of
// ours would end the process, at a peer's wish. Looks at the first and last page only: a mapping has one protection.
bool can_write(uint64_t base, uint64_t length) noexcept {
    const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    const auto writable_page = [page](uint64_t at) {
        // Maps the page for writing, changes nothing. EINVAL where it is not mapped for that; kernels before 5.14 say
        // EINVAL to everything, and are then told apart by a page of our own.
        void* address = reinterpret_cast<void*>(at & ~(page - 1));
        return ::madvise(address, page, 23 /* MADV_POPULATE_WRITE */) == 0 || errno == EAGAIN;
    };
    alignas(64) static uint64_t own = 0; // NOLINT: its page is what matters
    if (!writable_page(reinterpret_cast<uint64_t>(&own))) {
        return true; // the kernel cannot tell
    }
    return writable_page(base) && writable_page(base + length - 1);
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
        region.probed = true;
        region.writable = can_write(region.base, region.length);
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
