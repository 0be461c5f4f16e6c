#include "faults/private_network.hpp"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace nixl::test {

namespace {

bool run(const std::string& command) {
    return std::system(("{ " + command + "; } >/dev/null 2>&1").c_str()) ==
           0; // NOLINT(cert-env33-c,concurrency-mt-unsafe)
}

} // namespace

private_network::private_network() {
    if (!run("command -v ip && command -v nsenter")) {
        why_ = "the programs ip and nsenter are not installed";
        return;
    }
    before_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!before_ || ::unshare(CLONE_NEWNET) != 0)
        why_ = std::string("a network name space of its own is not permitted here: ") + std::strerror(errno);
}

private_network::~private_network() {
    if (before_)
        (void)::setns(before_.get(), CLONE_NEWNET);
}

bool private_network::loopback(bool up) const {
    return run(std::string("ip link set lo ") + (up ? "up" : "down"));
}

bool private_network::run_there(const std::string& command) const {
    return run("nsenter -t " + std::to_string(other_) + " -n " + command);
}

bool private_network::join(pid_t other) {
    other_ = other;
    return run("ip link add cable0 type veth peer name cable1 netns " + std::to_string(other)) &&
           run(std::string("ip addr add ") + here + "/24 dev cable0") && run("ip link set cable0 up") &&
           run_there(std::string("ip addr add ") + there + "/24 dev cable1") && run_there("ip link set cable1 up") &&
           run_there("ip link set lo up");
}

bool private_network::cut() const {
    return run_there("ip link set cable1 down");
}

bool private_network::restore() const {
    return run_there("ip link set cable1 up");
}

} // namespace nixl::test
