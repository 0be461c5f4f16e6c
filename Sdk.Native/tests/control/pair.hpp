// Two connected non-blocking sockets.
#pragma once

#include "control/unique_fd.hpp"

#include <sys/socket.h>

#include <utility>

namespace nixl::control {

inline std::pair<unique_fd, unique_fd> socket_pair() {
    int fds[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return {};
    return {unique_fd(fds[0]), unique_fd(fds[1])};
}

} // namespace nixl::control
