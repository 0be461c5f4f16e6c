// Memory of another process that is not an arena: process_vm_readv and process_vm_writev.
#pragma once

#include "core/failure.hpp"

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>

namespace nixl::local {

using nonce = std::array<std::uint8_t, 16>;

// Can `pid` be reached, and is it the process that we talk to? Reads its nonce at `address` and compares. Fails with
// the reason (ptrace scope, seccomp, another pid name space) in its text.
failure probe(pid_t pid, std::uint64_t address, const nonce& expected) noexcept;

// Target: where the Yama security module restricts process_vm to ancestors, permits this process. Yama holds one permit
// per process; a second different initiator makes it "any of this user". Process-wide, never fails: the probe decides.
void permit(pid_t initiator) noexcept;

// Up to 1024 pieces (the system's limit for one call, on each side) that move in one system call.
class foreign_batch {
  public:
    static constexpr std::size_t capacity = 1024;

    bool full() const noexcept { return count_ == capacity; }
    bool empty() const noexcept { return count_ == 0; }
    std::size_t count() const noexcept { return count_; }
    void clear() noexcept { count_ = 0; }
    void add(void* local, std::uint64_t remote, std::uint64_t length) noexcept {
        local_[count_] = {local, length};
        remote_[count_] = {reinterpret_cast<void*>(remote), length}; // the peer's address: never dereferenced here
        ++count_;
    }

    struct range {
        std::uint64_t address = 0;
        std::uint64_t length = 0;
    };
    range remote_of(std::size_t i) const noexcept {
        return {reinterpret_cast<std::uint64_t>(remote_[i].iov_base), remote_[i].iov_len};
    }

    // What came of one call.
    struct outcome {
        failure why;             // success: everything was moved
        std::uint64_t moved = 0; // bytes
        std::size_t culprit = 0; // on failure: the piece that could not be moved whole
    };
    // Moves the pieces [first, last). pidfd is looked at before and after: a number that was given to another process
    // is noticed. Any number of threads at once.
    outcome run(pid_t pid, int pidfd, bool write, std::size_t first, std::size_t last) const noexcept;

  private:
    std::array<iovec, capacity> local_{};
    std::array<iovec, capacity> remote_{};
    std::size_t count_ = 0;
};

} // namespace nixl::local
