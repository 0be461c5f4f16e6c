// Stores whole cache lines past the cache. One routine per instruction set; the widest that this processor does well is
// chosen once.
#pragma once

#include <cstddef>

namespace nixl::local {

inline constexpr std::size_t cache_line = 64;

// Copies `lines` cache lines from `from` (any alignment) to `to` (a multiple of 64), which must not overlap, and
// fetches as many lines from `next` into the second-level cache meanwhile; null: fetches nothing. The stores are weakly
// ordered: call stream_fence before anybody else is told of them.
using stream_lines_t = void (*)(std::byte* to, const std::byte* from, std::size_t lines,
                                const std::byte* next) noexcept;

struct stream_routine {
    const char* name;
    stream_lines_t copy;
    bool usable; // by this processor
};

// All routines of this build, narrowest first; empty where there is none for this architecture.
struct stream_routines {
    const stream_routine* first;
    std::size_t count;
};
stream_routines all_stream_routines() noexcept;

// Null: this processor has none, copy through the cache.
const stream_routine* chosen_stream_routine() noexcept;

void stream_fence() noexcept;

} // namespace nixl::local
