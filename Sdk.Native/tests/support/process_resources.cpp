#include "support/process_resources.hpp"

#include <malloc.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace nixl::test {

namespace {

uint64_t entries_of(const char* folder) {
    uint64_t n = 0;
    std::error_code ignored;
    for (auto at = std::filesystem::directory_iterator(folder, ignored); at != std::filesystem::directory_iterator();
         at.increment(ignored))
        ++n;
    return n;
}

} // namespace

bool sanitized() noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

bool long_run() noexcept {
    const char* value = std::getenv("NIXL_TEST_LONG"); // NOLINT(concurrency-mt-unsafe): nobody sets it
    return value != nullptr && *value == '1';
}

uint64_t repetitions(uint64_t quick, uint64_t full) noexcept {
    if (long_run())
        return full;
    return sanitized() ? std::max<uint64_t>(quick / 5, 1) : quick;
}

process_resources process_resources::now() {
    process_resources r;
    r.descriptors = entries_of("/proc/self/fd");
    r.threads = entries_of("/proc/self/task");
    r.shm_files = entries_of("/dev/shm");
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        ++r.mappings;
    if (!sanitized())
        r.heap_bytes = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
    return r;
}

std::string process_resources::text() const {
    std::ostringstream out;
    out << descriptors << ' ' << threads << ' ' << mappings << ' ' << shm_files << ' ' << heap_bytes;
    return out.str();
}

process_resources process_resources::parse(const std::string& text) {
    process_resources r;
    std::istringstream words(text);
    words >> r.descriptors >> r.threads >> r.mappings >> r.shm_files >> r.heap_bytes;
    return r;
}

bool read_process(pid_t pid, uint64_t address, void* to, uint64_t bytes) noexcept {
    for (uint64_t done = 0; done < bytes;) {
        const iovec own{static_cast<char*>(to) + done, bytes - done};
        const iovec other{reinterpret_cast<void*>(address + done), bytes - done};
        const ssize_t n = ::process_vm_readv(pid, &own, 1, &other, 1, 0);
        if (n <= 0)
            return false;
        done += static_cast<uint64_t>(n);
    }
    return true;
}

} // namespace nixl::test
