// Monotonic time and the point in it at which an operation gives up. Every wait in the library carries a deadline.
#pragma once

#include <cstdint>
#include <ctime>

namespace nixl {

inline uint64_t now_ns() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

// A value type: the absolute monotonic time in nanoseconds. UINT64_MAX never passes.
struct deadline {
    uint64_t at_ns = UINT64_MAX;

    static deadline never() noexcept { return {}; }
    static deadline after(uint64_t ns) noexcept { return after(ns, now_ns()); }
    static deadline after(uint64_t ns, uint64_t now) noexcept {
        return deadline{ns > UINT64_MAX - now ? UINT64_MAX : now + ns};
    }
    deadline plus(uint64_t ns) const noexcept { return after(ns, at_ns); }

    bool passed(uint64_t now) const noexcept { return now >= at_ns; }
    bool passed() const noexcept { return at_ns != UINT64_MAX && passed(now_ns()); }
    uint64_t remaining_ns(uint64_t now) const noexcept { return now >= at_ns ? 0 : at_ns - now; }

    // For poll and epoll_wait: rounded up, so that a wait never ends just before the deadline and spins; -1 = never.
    int poll_ms(uint64_t now) const noexcept {
        if (at_ns == UINT64_MAX)
            return -1;
        const uint64_t ms = remaining_ns(now) / 1'000'000u + (remaining_ns(now) % 1'000'000u != 0 ? 1 : 0);
        return ms > 0x7fff'0000u ? 0x7fff'0000 : static_cast<int>(ms);
    }

    friend bool operator==(deadline a, deadline b) noexcept { return a.at_ns == b.at_ns; }
    friend bool operator<(deadline a, deadline b) noexcept { return a.at_ns < b.at_ns; }
};

inline deadline earlier(deadline a, deadline b) noexcept {
    return b < a ? b : a;
}

} // namespace nixl
