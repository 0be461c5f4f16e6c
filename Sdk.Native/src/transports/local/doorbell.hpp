// A bell between two processes: one end rings, the other end's progress thread hears it through epoll.
//
// A pair of sockets and not an eventfd, because neither end can make the other block on it, whatever it does to its
// own: every send and receive says MSG_DONTWAIT by itself, and a bell that nobody hears just stays full.
#pragma once

#include "control/unique_fd.hpp"

#include <sys/socket.h>

#include <utility>

namespace nixl::local {

class doorbell {
  public:
    doorbell() = default;
    explicit doorbell(control::unique_fd fd) noexcept : fd_(std::move(fd)) {}

    // Two ends; either may ring and hear.
    static bool make(doorbell& ours, control::unique_fd& theirs) noexcept {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
            return false;
        ours = doorbell(control::unique_fd(fds[0]));
        theirs.reset(fds[1]);
        return true;
    }

    int fd() const noexcept { return fd_.get(); }

    // [any] While nobody resets the bell.
    void ring() const noexcept {
        const char one = 1;
        (void)!::send(fd_.get(), &one, sizeof one, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    // Silences it. False: the other end is gone; watch it no longer.
    bool hear() const noexcept {
        char many[256];
        return ::recv(fd_.get(), many, sizeof many, MSG_DONTWAIT) != 0;
    }

  private:
    control::unique_fd fd_;
};

} // namespace nixl::local
