#include "transports/local/control_page.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace nixl::local {

failure control_page::create(control_page& out) noexcept {
    control::unique_fd fd(::memfd_create("nixl-control-page", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int error = fd ? 0 : errno;
    if (error == 0 && ::ftruncate(fd.get(), bytes) != 0)
        error = errno;
    if (error != 0)
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, error, "creating the shared control page failed");
    control_page page;
    if (const failure f = mapping::map(fd.get(), bytes, false, page.mapping_); !f.ok())
        return f;
    if (const failure f = seal_size(fd.get()); !f.ok())
        return f;
    page.fd_ = std::move(fd);
    for (std::uint32_t i = 0; i < region_slots; ++i)
        page.at(i).store(revoked, std::memory_order_relaxed);
    out = std::move(page);
    return failure::success();
}

failure control_page::open(int fd, control_page& out) noexcept {
    if (const failure f = check_sealed(fd, bytes); !f.ok())
        return f;
    control_page page;
    if (const failure f = mapping::map(fd, bytes, false, page.mapping_); !f.ok())
        return f;
    out = std::move(page);
    return failure::success();
}

void control_page::grant(std::uint32_t slot, std::uint32_t generation) noexcept {
    at(slot).store(static_cast<std::uint64_t>(generation) << 32, std::memory_order_seq_cst);
}

void control_page::revoke(std::uint32_t slot) noexcept {
    at(slot).fetch_or(revoked, std::memory_order_seq_cst);
}

void control_page::revoke_all() noexcept {
    for (std::uint32_t i = 0; i < region_slots; ++i)
        revoke(i);
}

bool control_page::in_use(std::uint32_t slot) const noexcept {
    return (at(slot).load(std::memory_order_acquire) & count_mask) != 0;
}

bool control_page::any_in_use() const noexcept {
    for (std::uint32_t i = 0; i < region_slots; ++i)
        if (in_use(i))
            return true;
    return false;
}

bool control_page::enter(std::uint32_t slot, std::uint32_t generation) noexcept {
    word& w = at(slot);
    std::uint64_t value = w.load(std::memory_order_relaxed);
    do {
        if (value >> 32 != generation || (value & revoked) != 0 || (value & count_mask) == count_mask)
            return false;
    } while (!w.compare_exchange_weak(value, value + 1, std::memory_order_acquire, std::memory_order_relaxed));
    return true;
}

bool control_page::granted(std::uint32_t slot, std::uint32_t generation) const noexcept {
    const std::uint64_t value = at(slot).load(std::memory_order_acquire);
    return value >> 32 == generation && ((value & revoked) == 0 || (value & count_mask) != 0);
}

void control_page::leave(std::uint32_t slot) noexcept {
    at(slot).fetch_sub(1, std::memory_order_release);
}

} // namespace nixl::local
