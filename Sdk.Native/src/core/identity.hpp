// Who and where this process is; part of the metadata, so that a peer can tell "same process" and "same machine".
#pragma once

#include <cstdint>
#include <string>

namespace nixl {

struct process_identity {
    std::string boot_id;        // /proc/sys/kernel/random/boot_id; empty if unreadable
    uint64_t process_id = 0;    // in this process's pid namespace
    uint64_t process_nonce = 0; // random per process; a forked child gets its own
    uint64_t pid_namespace = 0; // inode of /proc/self/ns/pid; 0 if unreadable
    uint32_t user_id = 0;
};

// Read afresh after a fork, else cached.
process_identity this_process();

// Cryptographically random bytes; aborts the process only if the kernel has no randomness at all.
void random_bytes(void* destination, unsigned length) noexcept;
uint64_t random_u64() noexcept;

} // namespace nixl
