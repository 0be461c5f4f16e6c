// Listening and connecting for control connections. All sockets are non-blocking and close-on-exec.
#pragma once

#include "control/unique_fd.hpp"
#include "core/failure.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace nixl::control {

// A numeric address ("127.0.0.1", "::1") for a host name or address. May block on a name server: for start-up only.
// Empty if there is none; `why` then says so.
std::string resolve_host(const std::string& host, std::string& why);
// 0.0.0.0, :: and the like: can be listened on, but not advertised.
bool is_wildcard(const std::string& address) noexcept;

class listener {
  public:
    // Unix socket in the abstract name space (of this machine's network name space; gone with its last descriptor).
    static listener local(const std::string& name, failure& why);
    // `address` must be numeric. Port 0: any; port() says which.
    static listener tcp(const std::string& address, std::uint16_t port, failure& why);

    listener() = default;
    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    int fd() const noexcept { return fd_.get(); }
    std::uint16_t port() const noexcept { return port_; }
    // The next waiting connection, ready for session::receive; empty if none waits. `exhausted` says that there is one
    // but no descriptor left for it: stop watching for a while.
    unique_fd accept(bool& exhausted) noexcept;
    void close() noexcept { fd_.reset(); }

  private:
    unique_fd fd_;
    std::uint16_t port_ = 0;
    bool tcp_ = false;
};

// For session::initiate. Empty: `why`. `connected` false: wait for EPOLLOUT. A Unix listener whose queue is full
// answers `why.system_error` EAGAIN: try again a little later.
unique_fd connect_local(const std::string& name, bool& connected, failure& why);
unique_fd connect_tcp(const std::string& address, std::uint16_t port, bool& connected, failure& why);

// The process at the other end of a Unix socket, as the kernel knows it.
struct peer_process {
    pid_t pid = 0; // 0: not visible from this pid name space
    uid_t uid = 0;
    unique_fd pidfd; // readable once the process has exited; empty if the kernel gives none
};
bool peer_process_of(int socket, peer_process& out, failure& why);
// Has the process behind this pidfd exited?
bool has_exited(int pidfd) noexcept;

} // namespace nixl::control
