// The wait object of a progress thread: epoll, a wake-up from other threads, and a short spin before sleeping.
#pragma once

#include "control/unique_fd.hpp"
#include "core/deadline.hpp"
#include "core/failure.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace nixl::local {

// Something that owns a watched descriptor. Called on the progress thread. A handler may be destroyed only between two
// calls of progress::wait (its owner keeps it in a graveyard until then).
class fd_handler {
  public:
    virtual void on_fd(std::uint32_t events, std::uint64_t now) noexcept = 0;

  protected:
    ~fd_handler() = default;
};

class progress {
  public:
    failure open() noexcept;

    // Progress thread.
    failure watch(int fd, std::uint32_t events, fd_handler& handler) noexcept;
    void change(int fd, std::uint32_t events, fd_handler& handler) noexcept;
    void forget(int fd) noexcept;

    // Calls handlers. Sleeps until something happens, someone wakes it or `until` passes, but not while `busy`, not
    // before spin_ns have gone by since the last event, and not if has_work() says that another thread has queued
    // something. Returns the number of events.
    template <class HasWork>
    int wait(bool busy, deadline until, std::uint64_t spin_ns, HasWork&& has_work) {
        const std::uint64_t now = now_ns();
        if (busy || (spin_ns != 0 && now - last_event_ < spin_ns))
            return poll(0);
        sleeping_.store(true, std::memory_order_seq_cst);
        const int n = poll(has_work() ? 0 : until.poll_ms(now));
        sleeping_.store(false, std::memory_order_relaxed);
        return n;
    }
    // There was work that did not come through a descriptor: spin on.
    void touch(std::uint64_t now) noexcept { last_event_ = now; }

    // [any] After queueing something for the progress thread.
    void wake() noexcept;

  private:
    int poll(int timeout_ms) noexcept;

    control::unique_fd epoll_;
    control::unique_fd event_;
    std::atomic<bool> sleeping_{false};
    std::uint64_t last_event_ = 0;
};

} // namespace nixl::local
