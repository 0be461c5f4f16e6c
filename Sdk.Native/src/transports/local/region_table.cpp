#include "transports/local/region_table.hpp"

#include "control/sockets.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace nixl::local {
namespace {

// How long deregister sleeps between looks: a chunk takes some 100 us.
constexpr std::chrono::microseconds look_again(100);

transport_slot& own(local_region& r) noexcept {
    return r.slot(NIXL_TRANSPORT_LOCAL);
}

} // namespace

// transport_slot::key holds generation << 32 | slot. Written once, before the region is visible to other threads.
region_key region_table::key_of(const local_region& r) noexcept {
    const auto& s = r.slot(NIXL_TRANSPORT_LOCAL);
    region_key k;
    k.slot = static_cast<std::uint32_t>(s.key);
    k.generation = static_cast<std::uint32_t>(s.key >> 32);
    if (r.arena) {
        k.arena = r.arena->key();
        k.offset = r.base - reinterpret_cast<std::uint64_t>(r.arena->address());
    }
    return k;
}

failure region_table::add(local_region& r) noexcept {
    if (r.kind != NIXL_MEMORY_DRAM)
        return fail(NIXL_ERR_NOT_SUPPORTED, "the local transport moves host memory only");
    try {
        const std::lock_guard lock(mutex_);
        std::uint32_t slot = 0;
        if (!free_.empty()) {
            slot = free_.back();
        } else {
            if (slots_.size() == region_slots)
                return fail(NIXL_ERR_BUSY, "the local transport has room for %u regions: register larger ones",
                            region_slots);
            slot = static_cast<std::uint32_t>(slots_.size());
            free_.reserve(slots_.size() + 1); // so that forget() needs no memory
            slots_.emplace_back();
            free_.push_back(slot);
        }
        if (r.arena) {
            auto& use = arenas_[r.arena->key()];
            use.arena = r.arena;
            ++use.regions;
        }
        free_.pop_back();
        auto& state = slots_[slot];
        state.used = true;
        state.revoked = false;
        if (++state.generation == 0)
            state.generation = 1;
        own(r).key = static_cast<std::uint64_t>(state.generation) << 32 | slot;
        for (auto& p : pages_)
            if (!p->lingering)
                p->page.grant(slot, state.generation);
        return failure::success();
    } catch (...) {
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory to register a region");
    }
}

bool region_table::inside(const shared_page& p, std::uint32_t slot) noexcept {
    return p.page.in_use(slot) && !control::has_exited(p.pidfd.get());
}

void region_table::forget(const local_region& r, std::uint32_t slot) noexcept {
    slots_[slot].used = false;
    free_.push_back(slot); // reserved when the slot was made
    if (!r.arena)
        return;
    if (auto use = arenas_.find(r.arena->key()); use != arenas_.end() && --use->second.regions == 0)
        arenas_.erase(use);
}

failure region_table::remove(local_region& r, deadline until) noexcept {
    const std::uint64_t key = own(r).key;
    const auto slot = static_cast<std::uint32_t>(key);
    const auto generation = static_cast<std::uint32_t>(key >> 32);
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (slot >= slots_.size() || !slots_[slot].used || slots_[slot].generation != generation)
                return failure::success(); // never added, or removed before
            slots_[slot].revoked = true;
            const shared_page* busy = nullptr;
            for (auto& p : pages_) {
                p->page.revoke(slot);
                if (inside(*p, slot))
                    busy = p.get();
            }
            if (busy == nullptr) {
                forget(r, slot);
                return failure::success();
            }
            if (until.passed())
                return fail(NIXL_ERR_BUSY,
                            "peer '%s' is still copying to or from the region; it has been told to stop: try again "
                            "later, the region stays revoked",
                            busy->initiator.c_str())
                    .of(busy->initiator);
        }
        std::this_thread::sleep_for(look_again);
    }
}

failure region_table::open_page(std::string initiator, control::unique_fd pidfd,
                                std::shared_ptr<shared_page>& out) noexcept {
    try {
        auto p = std::make_shared<shared_page>();
        p->initiator = std::move(initiator);
        p->pidfd = std::move(pidfd);
        if (const failure f = control_page::create(p->page); !f.ok())
            return f;
        const std::lock_guard lock(mutex_);
        pages_.push_back(p);
        for (std::size_t i = 0; i < slots_.size(); ++i)
            if (slots_[i].used && !slots_[i].revoked)
                p->page.grant(static_cast<std::uint32_t>(i), slots_[i].generation);
        out = std::move(p);
        return failure::success();
    } catch (...) {
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory for another peer");
    }
}

void region_table::close_page(const std::shared_ptr<shared_page>& page) noexcept {
    const std::lock_guard lock(mutex_);
    page->lingering = true;
    page->page.revoke_all();
}

bool region_table::sweep() noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(pages_, [](const auto& p) {
        return p->lingering && (!p->page.any_in_use() || control::has_exited(p->pidfd.get()));
    });
    return std::any_of(pages_.begin(), pages_.end(), [](const auto& p) { return p->lingering; });
}

std::string region_table::someone_inside() noexcept {
    const std::lock_guard lock(mutex_);
    for (const auto& p : pages_)
        if (p->page.any_in_use() && !control::has_exited(p->pidfd.get()))
            return p->initiator;
    return {};
}

bool region_table::uses(const arena& a) const noexcept {
    const std::lock_guard lock(mutex_);
    return arenas_.contains(a.key());
}

std::vector<std::shared_ptr<arena>> region_table::arenas() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<arena>> all;
    all.reserve(arenas_.size());
    for (const auto& [key, use] : arenas_)
        all.push_back(use.arena);
    return all;
}

} // namespace nixl::local
