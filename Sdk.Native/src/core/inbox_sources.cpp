// Notifications that are read where their senders have put them.
#include "core/inbox.hpp"

#include <algorithm>
#include <immintrin.h>
#include <utility>

namespace nixl {

void inbox::open_source(const std::shared_ptr<arrival_source>& s) noexcept {
    const std::lock_guard lock(arrivals_mutex_);
    try {
        sources_.push_back(s);
    } catch (...) {
        // no memory: it stays watched, and its bell brings everything into the queue
    }
}

void inbox::source_rang(arrival_source& s) noexcept {
    const std::lock_guard lock(arrivals_mutex_);
    (void)s.watch(); // first: what comes while we look rings again
    drain(s);
}

void inbox::close_source(arrival_source& s) noexcept {
    const std::lock_guard lock(arrivals_mutex_);
    drain(s);
    std::erase_if(sources_, [&](const auto& held) { return held.get() == &s; });
}

// As many as the sender has credits for; an honest one has no more in it.
void inbox::drain(arrival_source& s) noexcept {
    uint64_t count = 0;
    try {
        while (s.sender().has_credit()) {
            arrivals_.emplace_back();
            if (!s.take(arrivals_.back())) {
                arrivals_.pop_back();
                break;
            }
            (void)s.sender().take_credit();
            ++count;
        }
    } catch (...) {
        // no memory: they stay where they are; whoever reads finds them
    }
    added(count);
}

void inbox::watch_sources() noexcept {
    for (const auto& s : sources_)
        if (s->watch())
            drain(*s);
}

bool inbox::arrival_there() const noexcept {
    return !arrivals_.empty() ||
           std::any_of(sources_.begin(), sources_.end(), [](const auto& s) { return s->waiting(); });
}

// False: nothing there. The queue is empty.
bool inbox::read_source(nixl_notification_t& header, uint8_t* payload, uint64_t capacity, failure& result) noexcept {
    const std::size_t count = std::min(sources_.size(), most_polled);
    const bool sleeping = sleepers_ != 0 || watched_ || fd_used_;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = (next_source_ + i) % count;
        arrival_source& s = *sources_[at];
        if (!sleeping)
            s.unwatch();
        switch (s.read(header, payload, capacity)) {
        case arrival_source::taken::nothing:
            continue;
        case arrival_source::taken::too_small:
            result = too_small(header.payload_length, capacity);
            return true;
        case arrival_source::taken::one:
            describe(header, s.sender());
            next_source_ = at + 1;
            return true;
        }
    }
    return false;
}

bool inbox::watch(uint64_t spin_ns) noexcept {
    const uint64_t until = now_ns() + spin_ns;
    do {
        {
            const std::lock_guard lock(arrivals_mutex_);
            if (arrival_there())
                return true;
        }
        for (int i = 0; i < 4; ++i)
            _mm_pause();
    } while (now_ns() < until);
    const std::lock_guard lock(arrivals_mutex_);
    watched_ = true;
    watch_sources();
    return !arrivals_.empty();
}

} // namespace nixl
