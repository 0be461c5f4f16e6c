// Copies between two mappings of this process: the one place where the local transport's bytes move. Re-entrant: any
// number of threads at once.
//
// Two ways. Through the cache, for little: whoever is told next will read it from there. Streaming, for much: stores
// that go past the cache do not read the target's lines first and leave the caches to others; the start of the next
// piece is fetched while the one before is stored, because no hardware prefetcher follows scattered blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nixl::local {

struct copy_piece {
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    std::uint64_t length = 0;
};

enum class copy_way { cached, streaming };

// Requests of fewer bytes than this are copied through the cache (docs/performance.md: measured).
inline constexpr std::uint64_t streaming_from = 64u << 10;

inline copy_way way_for(std::uint64_t request_bytes) noexcept {
    return request_bytes < streaming_from ? copy_way::cached : copy_way::streaming;
}

inline void copy_bytes(std::byte* destination, const std::byte* source, std::uint64_t bytes) noexcept {
    // memmove: a peer in this same process may use the arena that the source lies in.
    std::memmove(destination, source, bytes);
}

// Copies the pieces in this order, each as memmove does. When it returns, every byte is ordered before whatever the
// caller publishes next.
void copy_pieces(std::span<const copy_piece> pieces, copy_way way) noexcept;

} // namespace nixl::local
