#include "core/identity.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <mutex>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nixl {

namespace {

std::string read_boot_id() {
    const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return {};
    char text[64];
    const ssize_t n = ::read(fd, text, sizeof text);
    ::close(fd);
    std::string id(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!id.empty() && id.back() == '\n')
        id.pop_back();
    return id;
}

process_identity read_identity() {
    process_identity identity;
    identity.boot_id = read_boot_id();
    identity.process_id = static_cast<uint64_t>(::getpid());
    identity.process_nonce = random_u64();
    struct stat ns {};
    if (::stat("/proc/self/ns/pid", &ns) == 0)
        identity.pid_namespace = static_cast<uint64_t>(ns.st_ino);
    identity.user_id = ::getuid();
    return identity;
}

} // namespace

process_identity this_process() {
    static std::mutex mutex;
    static process_identity cached;
    const std::lock_guard lock(mutex);
    if (cached.process_id != static_cast<uint64_t>(::getpid()))
        cached = read_identity();
    return cached;
}

void random_bytes(void* destination, unsigned length) noexcept {
    auto* at = static_cast<unsigned char*>(destination);
    while (length > 0) {
        const ssize_t n = ::getrandom(at, length, 0);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            std::abort();
        }
        at += n;
        length -= static_cast<unsigned>(n);
    }
}

uint64_t random_u64() noexcept {
    uint64_t value = 0;
    while (value == 0)
        random_bytes(&value, sizeof value);
    return value;
}

} // namespace nixl
