// The agent's registrations, findable by handle and by address. Any thread.
#pragma once

#include "core/handle_table.hpp"
#include "core/memory.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

namespace nixl {

class memory_table {
  public:
    memory_table() noexcept : handles_(1u << 20) {}

    // Gives the region its id and makes it findable. False: the table is full.
    bool insert(const std::shared_ptr<local_region>& region);
    // Takes it out; its id is stale from now on.
    void erase(const local_region& region);

    std::shared_ptr<local_region> find(uint64_t id) const { return handles_.find(id); }
    // A registration that covers the whole range and is not being deregistered; the first by address if several do.
    std::shared_ptr<local_region> covering(nixl_memory_kind_t kind, uint64_t device, uint64_t address,
                                           uint64_t length) const;
    // For a list: as covering, and counts the list in the region, so that it cannot be deregistered any more.
    std::shared_ptr<local_region> hold(nixl_memory_kind_t kind, uint64_t device, uint64_t address, uint64_t length);

    // False: lists hold it, or somebody else is deregistering it.
    bool begin_deregister(local_region& region);
    void abandon_deregister(local_region& region);

    bool uses_arena(const arena& a) const;
    std::vector<std::shared_ptr<local_region>> snapshot() const; // by kind, device and address

  private:
    using key = std::tuple<uint32_t, uint64_t, uint64_t, uint64_t>; // kind, device, base, id
    std::shared_ptr<local_region> covering_locked(nixl_memory_kind_t kind, uint64_t device, uint64_t address,
                                                  uint64_t length) const;

    handle_table<local_region, handle_type::region> handles_;
    mutable std::mutex mutex_;
    std::map<key, std::shared_ptr<local_region>> by_address_;
    uint64_t longest_ = 0; // of all ever registered: how far back a covering region can begin
};

} // namespace nixl
