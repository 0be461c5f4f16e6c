// What a process holds of the system: the things that leak.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace nixl::test {

struct process_resources {
    uint64_t descriptors = 0;
    uint64_t threads = 0;
    uint64_t mappings = 0;   // lines of /proc/self/maps
    uint64_t shm_files = 0;  // in /dev/shm, of anybody
    uint64_t heap_bytes = 0; // in use, by malloc's own count; 0 under sanitizers

    static process_resources now();
    std::string text() const;
    static process_resources parse(const std::string& text);
};

// True under a sanitizer or with NIXL_TEST_LONG: repetitions are fewer, or all of them.
bool sanitized() noexcept;
bool long_run() noexcept;
// How often: `full` with NIXL_TEST_LONG=1, else `quick`, and a fifth of that under a sanitizer.
uint64_t repetitions(uint64_t quick, uint64_t full) noexcept;

// Bytes of another process of this user, without its help. False: gone, or not allowed.
bool read_process(pid_t pid, uint64_t address, void* to, uint64_t bytes) noexcept;

} // namespace nixl::test
