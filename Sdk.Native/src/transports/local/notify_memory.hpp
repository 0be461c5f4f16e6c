// The memory of one notification ring: made and handed out by the target, mapped by both.
#pragma once

#include "control/unique_fd.hpp"
#include "core/failure.hpp"
#include "transports/local/mapping.hpp"
#include "transports/local/notify_ring.hpp"

#include <atomic>
#include <cstdint>

namespace nixl::local {

// 128 KiB with the indices: the longest payload takes more than half of them.
inline constexpr std::uint64_t ring_capacity = 2044;
static_assert(ring::slots_for(NIXL_NOTIFICATION_MAX) <= ring_capacity);

// Words of shared memory, as the ring sees them.
class shared_words {
  public:
    using word = std::atomic<std::uint64_t>;
    static_assert(word::is_always_lock_free && sizeof(word) == 8);

    shared_words() = default;
    explicit shared_words(void* at) noexcept : at_(static_cast<word*>(at)) {}

    std::uint64_t load(std::size_t i) const noexcept { return at_[i].load(std::memory_order_relaxed); }
    std::uint64_t load_acquire(std::size_t i) const noexcept { return at_[i].load(std::memory_order_acquire); }
    std::uint64_t load_sc(std::size_t i) const noexcept { return at_[i].load(std::memory_order_seq_cst); }
    void store(std::size_t i, std::uint64_t v) const noexcept { at_[i].store(v, std::memory_order_relaxed); }
    void store_release(std::size_t i, std::uint64_t v) const noexcept { at_[i].store(v, std::memory_order_release); }
    void store_sc(std::size_t i, std::uint64_t v) const noexcept { at_[i].store(v, std::memory_order_seq_cst); }
    std::uint64_t exchange(std::size_t i, std::uint64_t v) const noexcept {
        return at_[i].exchange(v, std::memory_order_seq_cst);
    }
    void add(std::size_t i, std::uint64_t v) const noexcept { at_[i].fetch_add(v, std::memory_order_seq_cst); }

  private:
    word* at_ = nullptr;
};

class notify_memory {
  public:
    // Target: zeroed, allocated, sealed.
    static failure create(notify_memory& out) noexcept;
    // Initiator: maps what the target has sent.
    static failure open(int fd, notify_memory& out) noexcept;

    int fd() const noexcept { return fd_.get(); }
    shared_words words() const noexcept { return shared_words(mapping_.address()); }

  private:
    static constexpr std::uint64_t bytes = ring::words_for(ring_capacity) * sizeof(std::uint64_t);
    static_assert(bytes % small_page == 0);

    control::unique_fd fd_;
    mapping mapping_;
};

} // namespace nixl::local
