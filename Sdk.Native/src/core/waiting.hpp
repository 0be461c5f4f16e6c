// Waiting on a condition variable until a deadline.
#pragma once

#include "core/deadline.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace nixl {

// True: ready() holds. False: the deadline passed first. Also for deadline::never(): std::condition_variable::wait
// would need GLIBCXX_3.4.30, more than the library may ask for, so "never" is waited for day by day.
template <class Ready>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, deadline until, Ready&& ready) {
    while (!ready()) {
        const uint64_t now = now_ns();
        if (until.passed(now))
            return false;
        // steady_clock is CLOCK_MONOTONIC in libstdc++, the clock of deadline.
        const uint64_t at = now + std::min<uint64_t>(until.remaining_ns(now), 86'400'000'000'000u);
        changed.wait_until(lock,
                           std::chrono::steady_clock::time_point(std::chrono::nanoseconds(static_cast<int64_t>(at))));
    }
    return true;
}

} // namespace nixl
