// A network of the test's own, that can be cut: this thread (and what it starts) moves into a new network name space,
// the other process gets one too, and a virtual cable joins them. Gone with the processes, also after a crash.
#pragma once

#include "control/unique_fd.hpp"

#include <sys/types.h>

#include <string>

namespace nixl::test {

class private_network {
  public:
    static constexpr const char* here = "10.99.0.1";
    static constexpr const char* there = "10.99.0.2";

    // Not ok(): `why()` says what is missing (root, or the ip and nsenter programs).
    private_network();
    ~private_network(); // back to where this thread was
    private_network(const private_network&) = delete;
    private_network& operator=(const private_network&) = delete;

    bool ok() const noexcept { return why_.empty(); }
    const std::string& why() const noexcept { return why_; }

    bool loopback(bool up) const;
    bool join(pid_t other); // lays the cable to a process with a name space of its own
    bool cut() const;
    bool restore() const;

  private:
    bool run_there(const std::string& command) const;
    std::string why_;
    control::unique_fd before_;
    pid_t other_ = 0;
};

} // namespace nixl::test
