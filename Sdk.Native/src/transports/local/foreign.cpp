#include "transports/local/foreign.hpp"

#include "control/sockets.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace nixl::local {
namespace {

// 0 classic, 1 restricted to ancestors and permits, 2 administrators, 3 nobody; -1 without Yama.
int ptrace_scope() noexcept {
    const control::unique_fd fd(::open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC));
    char c = 0;
    return fd && ::read(fd.get(), &c, 1) == 1 && c >= '0' && c <= '9' ? c - '0' : -1;
}

} // namespace

failure probe(pid_t pid, std::uint64_t address, const nonce& expected) noexcept {
    if (pid <= 0)
        return fail(NIXL_ERR_PERMISSION,
                    "the peer's memory cannot be reached: it runs in a pid name space that is not visible here");
    nonce seen{};
    const iovec local{seen.data(), seen.size()};
    const iovec remote{reinterpret_cast<void*>(address), seen.size()}; // the peer's address
    const ssize_t n = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
    if (n < 0) {
        const int e = errno;
        if (e == EPERM)
            return fail_errno(NIXL_ERR_PERMISSION, e,
                              "the peer's memory cannot be reached (ptrace scope %d, seccomp or other privileges); "
                              "use arenas or permit it",
                              ptrace_scope());
        return fail_errno(NIXL_ERR_PERMISSION, e, "the peer's memory cannot be reached");
    }
    if (static_cast<std::size_t>(n) != seen.size() || seen != expected)
        return fail(NIXL_ERR_PERMISSION,
                    "process %d is not the peer: its memory does not hold the agreed bytes (another pid name space?)",
                    static_cast<int>(pid));
    return failure::success();
}

void permit(pid_t initiator) noexcept {
    static std::mutex mutex;
    static pid_t permitted = 0;
    if (initiator <= 0 || initiator == ::getpid() || ptrace_scope() != 1)
        return;
    const std::lock_guard lock(mutex);
    if (permitted == initiator)
        return;
    const unsigned long who = permitted == 0 ? static_cast<unsigned long>(initiator) : PR_SET_PTRACER_ANY;
    (void)::prctl(PR_SET_PTRACER, who, 0, 0, 0);
    permitted = initiator;
}

foreign_batch::outcome foreign_batch::run(pid_t pid, int pidfd, bool write, std::size_t first,
                                          std::size_t last) const noexcept {
    outcome out;
    out.culprit = first;
    const auto gone = [&] {
        out.why = fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer's process has exited");
        return out;
    };
    if (control::has_exited(pidfd))
        return gone();
    const auto* const l = local_.data() + first;
    const auto* const r = remote_.data() + first;
    const std::size_t count = last - first;
    const ssize_t n =
        write ? ::process_vm_writev(pid, l, count, r, count, 0) : ::process_vm_readv(pid, l, count, r, count, 0);
    const int error = n < 0 ? errno : 0;
    out.moved = n > 0 ? static_cast<std::uint64_t>(n) : 0;
    // A process that exits loses its memory (ESRCH) a moment before its pidfd says so.
    if (error == ESRCH || control::has_exited(pidfd))
        return gone();
    std::uint64_t bytes = 0;
    for (std::size_t i = first; i < last; ++i) {
        bytes += local_[i].iov_len;
        if (bytes <= out.moved && i + 1 < last)
            out.culprit = i + 1;
    }
    if (out.moved == bytes)
        return out;
    const char* const verb = write ? "write" : "read";
    if (error != 0 && error != EFAULT)
        out.why = fail_errno(error == EPERM ? NIXL_ERR_PERMISSION : NIXL_ERR_BACKEND, error,
                             "process_vm %s of %llu bytes failed", verb, static_cast<unsigned long long>(bytes));
    else
        out.why =
            fail(NIXL_ERR_BACKEND,
                 "process_vm %s stopped after %llu of %llu bytes: memory on one side is not mapped there any more",
                 verb, static_cast<unsigned long long>(out.moved), static_cast<unsigned long long>(bytes))
                .system(error);
    return out;
}

} // namespace nixl::local
