#include "control/sockets.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 // Linux 6.5
#endif

namespace nixl::control {
namespace {

constexpr int backlog = 512;

failure system_failure(const std::string& what) noexcept {
    const int e = errno;
    return fail_errno(e == EACCES || e == EPERM ? NIXL_ERR_PERMISSION : NIXL_ERR_BACKEND, e, "%s", what.c_str());
}

struct address_list_deleter {
    void operator()(addrinfo* a) const noexcept { ::freeaddrinfo(a); }
};
using address_list = std::unique_ptr<addrinfo, address_list_deleter>;

address_list lookup(const std::string& host, const std::string& port, int flags, std::string& why) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int e = ::getaddrinfo(host.c_str(), port.empty() ? nullptr : port.c_str(), &hints, &found); e != 0) {
        why = "address '" + host + "': " + ::gai_strerror(e);
        return nullptr;
    }
    return address_list(found);
}

void tune_tcp(int fd) noexcept {
    const auto set = [fd](int level, int name, int value) {
        (void)::setsockopt(fd, level, name, &value, sizeof value); // tuning: a kernel may refuse
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    // Finds hosts that have vanished for good, so that their connections do not stay for ever. Much slower than PING on
    // purpose: a cut that heals is silence, not death.
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set(IPPROTO_TCP, TCP_KEEPCNT, 8);
}

bool unix_address(const std::string& name, sockaddr_un& a, socklen_t& size) {
    a = {};
    a.sun_family = AF_UNIX;
    if (name.empty() || name.size() > sizeof a.sun_path - 1)
        return false;
    std::memcpy(a.sun_path + 1, name.data(), name.size()); // abstract: begins with a zero byte
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    return true;
}

} // namespace

std::string resolve_host(const std::string& host, std::string& why) {
    auto found = lookup(host, "", 0, why);
    if (!found)
        return {};
    char text[NI_MAXHOST];
    if (::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) {
        why = "address '" + host + "' has no numeric form";
        return {};
    }
    return text;
}

bool is_wildcard(const std::string& address) noexcept {
    in_addr v4{};
    in6_addr v6{};
    if (::inet_pton(AF_INET, address.c_str(), &v4) == 1)
        return v4.s_addr == INADDR_ANY;
    if (::inet_pton(AF_INET6, address.c_str(), &v6) == 1)
        return std::memcmp(&v6, &in6addr_any, sizeof v6) == 0;
    return false;
}

listener listener::local(const std::string& name, failure& why) {
    listener l;
    sockaddr_un a;
    socklen_t size = 0;
    if (!unix_address(name, a, size)) {
        why = fail(NIXL_ERR_INVALID_PARAM, "Unix socket name '%s' is empty or too long", name.c_str());
        return l;
    }
    unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), size) != 0 || ::listen(fd.get(), backlog) != 0) {
        why = system_failure("listening on Unix socket '" + name + "'");
        return l;
    }
    l.fd_ = std::move(fd);
    return l;
}

listener listener::tcp(const std::string& address, std::uint16_t port, failure& why) {
    listener l;
    std::string text;
    auto found = lookup(address, std::to_string(port), AI_NUMERICHOST | AI_PASSIVE, text);
    if (!found) {
        why = fail(NIXL_ERR_INVALID_PARAM, "%s", text.c_str());
        return l;
    }
    const std::string where = "listening on " + address + " port " + std::to_string(port);
    unique_fd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int yes = 1;
    if (fd && port != 0)
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!fd || ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd.get(), backlog) != 0) {
        why = system_failure(where);
        return l;
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        why = system_failure(where);
        return l;
    }
    l.port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                                : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
    l.tcp_ = true;
    l.fd_ = std::move(fd);
    return l;
}

unique_fd listener::accept(bool& exhausted) noexcept {
    exhausted = false;
    for (;;) {
        const int fd = ::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (tcp_)
                tune_tcp(fd);
            return unique_fd(fd);
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return {};
    }
}

unique_fd connect_local(const std::string& name, bool& connected, failure& why) {
    connected = true;
    sockaddr_un a;
    socklen_t size = 0;
    if (!unix_address(name, a, size)) {
        why = fail(NIXL_ERR_INVALID_PARAM, "Unix socket name '%s' is empty or too long", name.c_str());
        return {};
    }
    unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&a), size) != 0) {
        why = system_failure("connecting to Unix socket '" + name + "'");
        return {};
    }
    return fd;
}

unique_fd connect_tcp(const std::string& address, std::uint16_t port, bool& connected, failure& why) {
    connected = false;
    std::string text;
    auto found = lookup(address, std::to_string(port), AI_NUMERICHOST, text);
    if (!found) {
        why = fail(NIXL_ERR_INVALID_PARAM, "%s", text.c_str());
        return {};
    }
    unique_fd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd) {
        tune_tcp(fd.get());
        connected = ::connect(fd.get(), found->ai_addr, found->ai_addrlen) == 0;
        if (connected || errno == EINPROGRESS)
            return fd;
    }
    why = system_failure("connecting to " + address + " port " + std::to_string(port));
    return {};
}

bool peer_process_of(int socket, peer_process& out, failure& why) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        why = system_failure("asking for the peer's credentials");
        return false;
    }
    out.pid = who.pid;
    out.uid = who.uid;
    int pidfd = -1;
    size = sizeof pidfd;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0 && pidfd >= 0) {
        out.pidfd.reset(pidfd);
    } else if (who.pid > 0) {
        // A number can be reused between the two calls only if the peer is gone, and then the socket is at its end too.
        out.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, who.pid, 0)));
    }
    return true;
}

bool has_exited(int pidfd) noexcept {
    pollfd p{pidfd, POLLIN, 0};
    return pidfd >= 0 && ::poll(&p, 1, 0) > 0;
}

} // namespace nixl::control
