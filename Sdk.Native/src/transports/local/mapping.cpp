#include "transports/local/mapping.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <utility>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 // Linux 5.14
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 // Linux 6.1
#endif

namespace nixl::local {

mapping::mapping(mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), length_(std::exchange(other.length_, 0)),
      read_only_(other.read_only_), reserved_huge_(other.reserved_huge_) {}

mapping& mapping::operator=(mapping&& other) noexcept {
    if (this != &other) {
        std::swap(address_, other.address_);
        std::swap(length_, other.length_);
        std::swap(read_only_, other.read_only_);
        std::swap(reserved_huge_, other.reserved_huge_);
    }
    return *this;
}

mapping::~mapping() {
    if (address_ != nullptr)
        ::munmap(address_, length_);
}

std::byte* mapping::release() noexcept {
    length_ = 0;
    return std::exchange(address_, nullptr);
}

failure mapping::map(int fd, std::uint64_t length, bool read_only, mapping& out) noexcept {
    const std::uint64_t slack = length >= huge_page ? huge_page : 0;
    // Reserve more than needed, map over the aligned part of the reservation, give back the rest.
    void* const reserved =
        ::mmap(nullptr, length + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, errno, "no address range of %llu bytes",
                          static_cast<unsigned long long>(length));
    auto* const begin = static_cast<std::byte*>(reserved);
    std::byte* at = begin;
    if (slack != 0)
        at += (huge_page - reinterpret_cast<std::uint64_t>(begin) % huge_page) % huge_page;
    const int protection = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    if (::mmap(at, length, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        const int e = errno;
        ::munmap(reserved, length + slack);
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, e, "mapping %llu bytes of shared memory failed",
                          static_cast<unsigned long long>(length));
    }
    const auto before = static_cast<std::uint64_t>(at - begin);
    if (before != 0)
        ::munmap(begin, before);
    if (slack != before)
        ::munmap(at + length, slack - before);
    mapping m;
    m.address_ = at;
    m.length_ = length;
    m.read_only_ = read_only;
    struct statfs file_system {};
    m.reserved_huge_ = ::fstatfs(fd, &file_system) == 0 && file_system.f_type == HUGETLBFS_MAGIC;
    out = std::move(m);
    return failure::success();
}

void mapping::prefault(std::uint64_t offset, std::uint64_t bytes) const noexcept {
    if (offset >= length_)
        return;
    bytes = bytes > length_ - offset ? length_ - offset : bytes;
    (void)::madvise(address_ + offset, bytes, read_only_ ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
}

bool mapping::collapse(std::uint64_t offset, std::uint64_t bytes) const noexcept {
    if (offset >= length_ || reserved_huge_)
        return true;
    bytes = bytes > length_ - offset ? length_ - offset : bytes;
    // EAGAIN: somebody else held a page at that moment.
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (::madvise(address_ + offset, bytes, MADV_COLLAPSE) == 0)
            return true;
        if (errno != EAGAIN && errno != EBUSY)
            return false;
    }
    return false;
}

failure check_sealed(int fd, std::uint64_t length) noexcept {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return fail_errno(NIXL_ERR_PERMISSION, errno, "the peer's shared memory is not a sealed memory file");
    if ((seals & F_SEAL_SHRINK) == 0)
        return fail(NIXL_ERR_PERMISSION, "the peer's shared memory could shrink under us: it must be sealed");
    struct stat s {};
    if (::fstat(fd, &s) != 0)
        return fail_errno(NIXL_ERR_BACKEND, errno, "asking for the size of the peer's shared memory failed");
    if (s.st_size < 0 || static_cast<std::uint64_t>(s.st_size) < length)
        return fail(NIXL_ERR_MISMATCH, "the peer's shared memory has %lld bytes, but it announced %llu",
                    static_cast<long long>(s.st_size), static_cast<unsigned long long>(length));
    return failure::success();
}

failure seal_size(int fd) noexcept {
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail_errno(NIXL_ERR_BACKEND, errno, "sealing shared memory failed");
    return failure::success();
}

} // namespace nixl::local
