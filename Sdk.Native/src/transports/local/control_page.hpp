// The page that a target shares with one initiator: which regions may be touched, and which are being touched now.
//
// One 64-bit word per region slot: generation (32 bits) | revoked (1 bit) | chunks in progress (31 bits). The initiator
// enters a slot before each chunk and leaves it afterwards; the target revokes it and then waits for zero. Both are
// single atomic operations on the same word, so a chunk either is seen by the target or does not start. The generation
// keeps an initiator with old metadata out of a slot that has been given to another region.
//
// Both processes map the page; words are lock-free atomics. The initiator is of the same user and is trusted to leave;
// if it dies inside, its exit releases everything (the target drops the whole page).
#pragma once

#include "control/unique_fd.hpp"
#include "core/failure.hpp"
#include "transports/local/mapping.hpp"

#include <atomic>
#include <cstdint>

namespace nixl::local {

inline constexpr std::uint32_t region_slots = 8192;

class control_page {
  public:
    // Target: a new page with every slot revoked.
    static failure create(control_page& out) noexcept;
    // Initiator: maps what the target has sent.
    static failure open(int fd, control_page& out) noexcept;

    int fd() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(mapping_); }

    // Target.
    void grant(std::uint32_t slot, std::uint32_t generation) noexcept;
    void revoke(std::uint32_t slot) noexcept;
    void revoke_all() noexcept;
    bool in_use(std::uint32_t slot) const noexcept;
    bool any_in_use() const noexcept;

    // Initiator. False: revoked, or now another region.
    bool enter(std::uint32_t slot, std::uint32_t generation) noexcept;
    void leave(std::uint32_t slot) noexcept;
    // Could enter() succeed now, or is somebody inside?
    bool granted(std::uint32_t slot, std::uint32_t generation) const noexcept;

  private:
    using word = std::atomic<std::uint64_t>;
    static_assert(word::is_always_lock_free && sizeof(word) == 8);
    static constexpr std::uint64_t revoked = 1ull << 31;
    static constexpr std::uint64_t count_mask = revoked - 1;
    static constexpr std::uint64_t bytes = region_slots * sizeof(word);

    word& at(std::uint32_t slot) const noexcept {
        return reinterpret_cast<word*>(mapping_.address())[slot % region_slots];
    }

    control::unique_fd fd_;
    mapping mapping_;
};

} // namespace nixl::local
