#include "transports/local/progress.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace nixl::local {

failure progress::open() noexcept {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    event_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = nullptr;
    if (!epoll_ || !event_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &e) != 0)
        return fail_errno(NIXL_ERR_BACKEND, errno, "no wait object for the progress thread");
    return failure::success();
}

failure progress::watch(int fd, std::uint32_t events, fd_handler& handler) noexcept {
    epoll_event e{};
    e.events = events;
    e.data.ptr = &handler;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e) != 0)
        return fail_errno(NIXL_ERR_BACKEND, errno, "watching a descriptor failed");
    return failure::success();
}

void progress::change(int fd, std::uint32_t events, fd_handler& handler) noexcept {
    epoll_event e{};
    e.events = events;
    e.data.ptr = &handler;
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &e); // fails only for a descriptor that is not watched
}

void progress::forget(int fd) noexcept {
    if (fd >= 0)
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

int progress::poll(int timeout_ms) noexcept {
    std::array<epoll_event, 64> events;
    const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    if (n <= 0)
        return 0;
    const std::uint64_t now = now_ns();
    last_event_ = now;
    for (int i = 0; i < n; ++i) {
        const auto& e = events[static_cast<std::size_t>(i)];
        if (e.data.ptr != nullptr) {
            static_cast<fd_handler*>(e.data.ptr)->on_fd(e.events, now);
        } else {
            std::uint64_t count = 0;
            (void)!::read(event_.get(), &count, sizeof count);
        }
    }
    return n;
}

void progress::wake() noexcept {
    // Pairs with wait(): the queue's mutex orders this after the push and the sleeper's look after its announcement, so
    // either the sleeper sees what was queued or this sees that it sleeps.
    if (sleeping_.exchange(false, std::memory_order_seq_cst)) {
        const std::uint64_t one = 1;
        (void)!::write(event_.get(), &one, sizeof one);
    }
}

} // namespace nixl::local
