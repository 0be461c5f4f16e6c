#include "transports/fabric/streams.hpp"

#include "control/unique_fd.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

namespace nixl::fabric {

namespace {

bool same_address(const ::sockaddr_storage& a, const ::sockaddr* b, ::socklen_t length) noexcept {
    if (a.ss_family != b->sa_family) {
        return false;
    }
    if (a.ss_family == AF_INET && length >= sizeof(::sockaddr_in)) {
        const auto& x = reinterpret_cast<const ::sockaddr_in&>(a);
        const auto* y = reinterpret_cast<const ::sockaddr_in*>(b);
        return x.sin_port == y->sin_port && x.sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a.ss_family == AF_INET6 && length >= sizeof(::sockaddr_in6)) {
        const auto& x = reinterpret_cast<const ::sockaddr_in6&>(a);
        const auto* y = reinterpret_cast<const ::sockaddr_in6*>(b);
        return x.sin6_port == y->sin6_port && std::memcmp(&x.sin6_addr, &y->sin6_addr, sizeof x.sin6_addr) == 0;
    }
    return false;
}

bool leads_to(int fd, const ::sockaddr* peer, ::socklen_t length) noexcept {
    ::sockaddr_storage other{};
    ::socklen_t size = sizeof other;
    return ::getpeername(fd, reinterpret_cast<::sockaddr*>(&other), &size) == 0 && same_address(other, peer, length);
}

struct folder_closer {
    void operator()(::DIR* d) const noexcept { (void)::closedir(d); }
};

} // namespace

size_t cut_streams_to(const ::sockaddr* peer, ::socklen_t length) noexcept {
    const std::unique_ptr<::DIR, folder_closer> folder(::opendir("/proc/self/fd"));
    if (folder == nullptr) {
        return 0;
    }
    size_t cut = 0;
    while (const ::dirent* entry = ::readdir(folder.get())) { // NOLINT(concurrency-mt-unsafe): a folder of our own
        const std::string_view name(entry->d_name);
        int fd = -1;
        if (std::from_chars(name.data(), name.data() + name.size(), fd).ec != std::errc{}) {
            continue;
        }
        // Nothing but what is meant is duplicated: to close a second descriptor of a file ends all locks (fcntl) that
        // the host has on it.
        if (!leads_to(fd, peer, length)) {
            continue;
        }
        // A duplicate: what is looked at stays what is cut, whatever other threads close and open meanwhile.
        const control::unique_fd kept(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
        if (kept && leads_to(kept.get(), peer, length) && ::shutdown(kept.get(), SHUT_RDWR) == 0) {
            ++cut;
        }
    }
    return cut;
}

} // namespace nixl::fabric
