#include "transports/local/copiers.hpp"

#include "core/deadline.hpp"
#include "core/waiting.hpp"
#include "transports/local/quiet_thread.hpp"

#include <algorithm>
#include <exception>

namespace nixl::local {
namespace {

inline void relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

} // namespace

std::uint32_t default_copiers(unsigned cores) noexcept {
    // One thread moves 10 to 15 GB/s. On few cores the engine needs them more than the copy does.
    return std::clamp(cores / 8, 1u, 4u);
}

void copiers::start(std::uint32_t threads, std::uint64_t spin_ns) noexcept {
    spin_ns_ = spin_ns;
    try {
        helpers_.reserve(threads);
        while (helpers_.size() + 1 < threads)
            helpers_.push_back(quiet_thread("nixl-copier", [this] { help(); }));
    } catch (const std::exception&) {
        // no more threads to be had: those that there are share the work
    }
}

copiers::~copiers() {
    {
        const std::lock_guard lock(mutex_);
        stop_.store(true);
    }
    changed_.notify_all();
    for (std::thread& t : helpers_)
        t.join();
}

// One part after the other, as long as there are some. False: there was none.
bool copiers::take_parts() noexcept {
    bool any = false;
    std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
    while (left(ticket) > 0) {
        if (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acquire, std::memory_order_acquire))
            continue;
        part_(context_, left(ticket) - 1);
        any = true;
        done_.fetch_add(1, std::memory_order_release);
        ticket = ticket_.load(std::memory_order_acquire);
    }
    return any;
}

void copiers::help() noexcept {
    std::uint64_t last = now_ns();
    while (!stop_.load(std::memory_order_relaxed)) {
        if (take_parts()) {
            last = now_ns();
        } else if (now_ns() - last < spin_ns_) {
            relax();
        } else {
            std::unique_lock lock(mutex_);
            sleepers_.fetch_add(1, std::memory_order_seq_cst); // before more() looks: run() does it the other way round
            (void)wait_until(changed_, lock, deadline::never(), [this] { return stop_.load() || more(); });
            sleepers_.fetch_sub(1, std::memory_order_relaxed);
        }
    }
}

void copiers::run(std::size_t parts, function part, void* context) noexcept {
    if (parts < 2 || helpers_.empty()) {
        for (std::size_t i = 0; i < parts; ++i)
            part(context, i);
        return;
    }
    part_ = part;
    context_ = context;
    done_.store(0, std::memory_order_relaxed);
    const std::uint64_t job = (ticket_.load(std::memory_order_relaxed) >> 16) + 1;
    ticket_.store(job << 16 | parts, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
        { const std::lock_guard lock(mutex_); } // one that has looked is now waiting
        changed_.notify_all();
    }
    (void)take_parts();
    for (unsigned spins = 0; done_.load(std::memory_order_acquire) < parts; ++spins)
        if (spins < 2000)
            relax();
        else
            std::this_thread::yield(); // the helper with the last part may need this core
}

} // namespace nixl::local
