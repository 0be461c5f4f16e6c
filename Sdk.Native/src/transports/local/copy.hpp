// The one place where bytes are copied between two mappings of this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nixl::local {

inline void copy_bytes(std::byte* destination, const std::byte* source, std::uint64_t bytes) noexcept {
    // memmove: a peer in this same process may map the arena that the source lies in.
    std::memmove(destination, source, bytes);
}

} // namespace nixl::local
