// The initiator's fast way to one peer, open while it is connected: what the threads that post use without the progress
// thread's help, and what both share. Kept as the peer's transport_state; made by outbound.
//
//   closed ──open()──▶ open ──close(): nobody is inside any more──▶ closed
//
// A small transfer between arenas is copied by its poster under the control page's protocol and its notification is put
// into the ring: then it is done, because the ring is the receiver's memory. A poster never overtakes what it has
// posted before: requests of the queue that a small one must not pass are counted in ahead_.
#pragma once

#include "core/peer.hpp"
#include "core/request.hpp"
#include "transports/local/context.hpp"
#include "transports/local/control_page.hpp"
#include "transports/local/doorbell.hpp"
#include "transports/local/notify_memory.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace nixl::local {

// A poster copies this much itself: about 10 us.
inline constexpr std::uint64_t inline_bytes = 64u << 10;

class lane final : public peer_transport_state {
  public:
    using result = ring_writer<shared_words>::result;

    // Progress thread. `page` is borrowed until close() returns.
    void open(control_page& page, notify_memory memory, doorbell bell, std::uint32_t limit) noexcept;
    // Waits for posters inside (one small copy at most), then lets go of everything; the bell is no longer watched.
    // Idempotent.
    void close() noexcept;
    int bell_fd() const noexcept { return bell_.fd(); }
    // The reader has made room, or is gone (false). If that was not enough it will be asked again.
    bool hear() noexcept {
        asked_for_room_ = false;
        return bell_.hear();
    }

    // [any] As transport::complete_now.
    bool complete(request& r, context& c) noexcept;

    // [any] `r` goes into the queue: a small one must keep its place. Also when a large one begins to wait for room.
    void queue_up(request& r) noexcept {
        if (r.context == nullptr) {
            r.context = this;
            ahead_.fetch_add(
                1, std::memory_order_relaxed); // seen by the same poster, and by those who synchronize with it
        }
    }
    static bool is_small(const request& r) noexcept { return r.total_bytes <= inline_bytes; }
    // It has left the queue.
    static void leave_queue(request& r) noexcept {
        if (auto* const l = static_cast<lane*>(r.context); l != nullptr) {
            r.context = nullptr;
            l->ahead_.fetch_sub(1, std::memory_order_release);
        }
    }

    // Progress thread. full: the bell will ring once there is more room.
    result publish_or_wait(const request& r) noexcept;

  private:
    static constexpr std::uint32_t closed = 1u << 31;

    bool enter() noexcept {
        if ((gate_.fetch_add(1, std::memory_order_acquire) & closed) == 0)
            return true;
        leave();
        return false;
    }
    void leave() noexcept { gate_.fetch_sub(1, std::memory_order_release); }
    bool copy(request& r) noexcept;
    result publish(const request& r, bool& wake) noexcept; // under mutex_

    std::atomic<std::uint32_t> gate_{closed}; // posters inside, and whether it is closed
    std::atomic<std::uint32_t> ahead_{0};
    control_page* page_ = nullptr;
    std::mutex mutex_; // the writing end of the ring; for one message
    notify_memory memory_;
    ring_writer<shared_words> writer_;
    doorbell bell_;
    bool asked_for_room_ = false; // progress thread
};

} // namespace nixl::local
