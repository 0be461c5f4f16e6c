// Threads that help the progress thread with large copies. Fork and join: run() shares the parts of one job among the
// helpers and its caller and returns when all parts are done, so that nothing else has to know of them. Helpers spin
// for a moment after a job, then sleep; a helper that does not wake in time is not missed, the caller takes its part.
#pragma once

#include "core/failure.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace nixl::local {

class copiers {
  public:
    copiers() = default;
    ~copiers();
    copiers(const copiers&) = delete;
    copiers& operator=(const copiers&) = delete;

    // `threads` counts the caller of run() too. Once, before run(). Fewer helpers than asked for are no failure.
    void start(std::uint32_t threads, std::uint64_t spin_ns) noexcept;
    std::uint32_t threads() const noexcept { return static_cast<std::uint32_t>(helpers_.size()) + 1; }

    // part(i) for all i < parts (below 65536), in any order, on any of the threads. By one thread at a time.
    template <class Part>
    void run(std::size_t parts, Part&& part) noexcept {
        run(
            parts, [](void* context, std::size_t i) { (*static_cast<std::remove_reference_t<Part>*>(context))(i); },
            const_cast<void*>(static_cast<const void*>(&part)));
    }

  private:
    using function = void (*)(void* context, std::size_t i);

    void run(std::size_t parts, function part, void* context) noexcept;
    void help() noexcept;
    bool take_parts() noexcept;
    bool more() const noexcept { return left(ticket_.load(std::memory_order_seq_cst)) > 0; }

    // job number (48 bits) | parts not taken yet (16 bits). A part is taken by the one who counts it down; the number
    // keeps a helper that looked at an old job out of the new one.
    static constexpr std::uint64_t left(std::uint64_t ticket) noexcept { return ticket & 0xffff; }

    std::atomic<std::uint64_t> ticket_{0};
    std::atomic<std::size_t> done_{0};
    // Of the job. Read only by those who have taken a part, and the job lives until that part is done.
    function part_ = nullptr;
    void* context_ = nullptr;

    std::uint64_t spin_ns_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<std::uint32_t> sleepers_{0};
    std::atomic<bool> stop_{false};
    std::vector<std::thread> helpers_;
};

// What suits a machine of so many cores when nothing is configured.
std::uint32_t default_copiers(unsigned cores) noexcept;

} // namespace nixl::local
