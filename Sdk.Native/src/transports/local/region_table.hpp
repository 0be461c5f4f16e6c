// The target's side of registration: which slot every region has, and the control pages of the initiators that may
// touch them.
//
//   region: granted in every page ──deregister: revoked in every page──▶ nobody inside ──▶ slot free again
//   page:   live ──connection ends: all revoked, lingering──▶ nobody inside, or its process has exited ──▶ gone
//
// [any] All functions; one mutex. deregister waits outside of it.
#pragma once

#include "core/arena.hpp"
#include "core/deadline.hpp"
#include "core/memory.hpp"
#include "transports/local/address.hpp"
#include "transports/local/control_page.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nixl::local {

// One initiator's control page, as the target holds it.
struct shared_page {
    control_page page;
    control::unique_fd pidfd; // of the initiator; empty if the kernel gives none
    std::string initiator;
    bool lingering = false; // its connection is gone
};

class region_table {
  public:
    failure add(local_region& r) noexcept;
    // Revokes and waits until nobody is inside. After NIXL_ERR_BUSY it may be called again; the region stays revoked.
    failure remove(local_region& r, deadline until) noexcept;
    static region_key key_of(const local_region& r) noexcept;

    // A new initiator: a page with every current region granted.
    failure open_page(std::string initiator, control::unique_fd pidfd, std::shared_ptr<shared_page>& out) noexcept;
    // Its connection has ended: nothing new may start.
    void close_page(const std::shared_ptr<shared_page>& page) noexcept;
    // Drops lingering pages that nobody is inside any more. True if some are left.
    bool sweep() noexcept;
    // Name of an initiator that is still inside some lingering or live page; empty: nobody is.
    std::string someone_inside() noexcept;

    // Is any region of the arena registered?
    bool uses(const arena& a) const noexcept;
    // Arenas with at least one registered region.
    std::vector<std::shared_ptr<arena>> arenas() const;

  private:
    struct slot_state {
        std::uint32_t generation = 0;
        bool used = false;
        bool revoked = false;
    };
    struct arena_use {
        std::shared_ptr<nixl::arena> arena;
        std::size_t regions = 0;
    };

    static bool inside(const shared_page& p, std::uint32_t slot) noexcept;
    void forget(const local_region& r, std::uint32_t slot) noexcept;

    mutable std::mutex mutex_;
    std::vector<slot_state> slots_;   // grows to region_slots
    std::vector<std::uint32_t> free_; // slots to use again
    std::vector<std::shared_ptr<shared_page>> pages_;
    std::map<std::uint64_t, arena_use> arenas_;
};

} // namespace nixl::local
