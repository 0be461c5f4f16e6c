#include "transports/local/notify_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace nixl::local {

failure notify_memory::create(notify_memory& out) noexcept {
    control::unique_fd fd(::memfd_create("nixl-notifications", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int error = fd ? 0 : errno;
    if (error == 0 && ::ftruncate(fd.get(), bytes) != 0)
        error = errno;
    // Every page now: a page that is missing later would be a SIGBUS, and perhaps in the other process.
    if (error == 0 && ::fallocate(fd.get(), 0, 0, bytes) != 0)
        error = errno;
    if (error != 0)
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, error, "creating the shared memory for notifications failed");
    notify_memory made;
    if (const failure f = mapping::map(fd.get(), bytes, false, made.mapping_); !f.ok())
        return f;
    if (const failure f = seal_size(fd.get()); !f.ok())
        return f;
    made.mapping_.prefault(0, bytes);
    made.fd_ = std::move(fd);
    out = std::move(made);
    return failure::success();
}

failure notify_memory::open(int fd, notify_memory& out) noexcept {
    if (const failure f = check_sealed(fd, bytes); !f.ok())
        return f;
    notify_memory made;
    if (const failure f = mapping::map(fd, bytes, false, made.mapping_); !f.ok())
        return f;
    made.mapping_.prefault(0, bytes);
    out = std::move(made);
    return failure::success();
}

} // namespace nixl::local
