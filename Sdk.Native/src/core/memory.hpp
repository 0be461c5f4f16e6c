// Registered memory, ours and the peers'.
//
// A local_region is owned by the agent's memory table; prepared lists hold it with a shared_ptr and operations hold
// their lists, so a region outlives every operation on it. A remote_region is owned by its peer's metadata and held by
// the lists prepared for that peer.
#pragma once

#include "core/arena.hpp"
#include "core/failure.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nixl {

inline constexpr uint32_t transport_count = 3;
inline constexpr const char* transport_names[transport_count] = {"loopback", "local", "fabric"}; // by transport_index
inline constexpr uint64_t max_transport_address = 1024; // bytes in the metadata
inline constexpr uint64_t max_region_key = 255;         // 30 rails of 8-byte keys, 32 of 4-byte ones

// loopback 0, local 1, fabric 2: index into per-transport arrays.
constexpr uint32_t transport_index(nixl_transport_t kind) noexcept {
    return kind == NIXL_TRANSPORT_LOOPBACK ? 0u : kind == NIXL_TRANSPORT_LOCAL ? 1u : 2u;
}
constexpr nixl_transport_t transport_at(uint32_t index) noexcept {
    return static_cast<nixl_transport_t>(1u << index);
}

// What one transport keeps with a region. The transport alone reads and writes it, under its own rules.
struct transport_slot {
    uint64_t key = 0;
    uint64_t word = 0;           // e.g. an offset
    void* handle = nullptr;      // e.g. a descriptor or the address of a mapping
    std::shared_ptr<void> state; // anything with a destructor
};

struct local_region {
    uint64_t id = 0; // the handle; published in the metadata
    uint64_t base = 0;
    uint64_t length = 0;
    uint64_t device = 0;
    nixl_memory_kind_t kind = NIXL_MEMORY_DRAM;
    std::shared_ptr<nixl::arena> arena;  // null: the caller owns the memory and keeps it until deregistered
    uint64_t arena_id = 0;               // its handle
    std::atomic<uint32_t> transports{0}; // mask: who accepted it in register_region
    std::array<transport_slot, transport_count> slots;

    std::atomic<uint64_t> lists{0}; // prepared lists, also released ones that an operation still holds
    bool deregistering = false;     // by the agent, under its lock

    transport_slot& slot(nixl_transport_t k) noexcept { return slots[transport_index(k)]; }
    const transport_slot& slot(nixl_transport_t k) const noexcept { return slots[transport_index(k)]; }
    bool covers(uint64_t at, uint64_t bytes) const noexcept {
        return at >= base && bytes <= length && at - base <= length - bytes;
    }
};

struct remote_region {
    uint64_t id = 0; // the peer's
    uint64_t base = 0;
    uint64_t length = 0;
    uint64_t device = 0;
    nixl_memory_kind_t kind = NIXL_MEMORY_DRAM;
    std::array<std::string, transport_count> keys; // what the peer's transport::export_region wrote; empty: unreachable

    // The peer's transport's own. Written before peer_connected or in regions_changed, on its progress thread.
    transport_slot slot;
    std::atomic<bool> revoked{false}; // gone from newer metadata, or revoked by the peer; checked by posts

    const std::string& key(nixl_transport_t k) const noexcept { return keys[transport_index(k)]; }
    bool covers(uint64_t at, uint64_t bytes) const noexcept {
        return at >= base && bytes <= length && at - base <= length - bytes;
    }
};

} // namespace nixl
