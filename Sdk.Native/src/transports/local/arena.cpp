// Arenas: one sealed, preallocated memfd each, in the largest pages that can be had.
#include "core/arena.hpp"

#include "control/unique_fd.hpp"
#include "core/identity.hpp"
#include "transports/local/available_memory.hpp"
#include "transports/local/mapping.hpp"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <new>

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4u
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif

namespace nixl {
namespace {

using control::unique_fd;
using local::huge_page;
using local::mapping;
using local::small_page;

// The arenas of this process by key, of all agents. They take themselves out.
struct registry {
    std::mutex mutex;
    std::map<std::uint64_t, std::weak_ptr<arena>> arenas;
};
registry& all_arenas() {
    static auto* const r = new registry; // never destroyed: an arena may be disposed of by a static destructor
    return *r;
}

enum class huge_mode : std::uint32_t { attempt = 0, require = 1, never = 2 };

constexpr std::uint64_t longest = 1ull << 46;

std::uint64_t rounded_up(std::uint64_t n, std::uint64_t unit) noexcept {
    return (n + unit - 1) / unit * unit;
}

// Must come before the pages exist. The policy belongs to the file, so pages that a peer touches first obey it too.
failure bind_to_node(const mapping& m, std::uint32_t node) noexcept {
    constexpr std::uint32_t bits = 1024;
    if (node >= bits)
        return fail(NIXL_ERR_INVALID_PARAM, "NUMA node %u does not exist", node);
    unsigned long mask[bits / (8 * sizeof(unsigned long))] = {};
    mask[node / (8 * sizeof(unsigned long))] |= 1ul << (node % (8 * sizeof(unsigned long)));
    if (::syscall(SYS_mbind, m.address(), m.length(), MPOL_BIND, mask, bits + 1, 0) != 0)
        return fail_errno(NIXL_ERR_INVALID_PARAM, errno, "binding an arena to NUMA node %u failed", node);
    return failure::success();
}

int allocate(int fd, std::uint64_t offset, std::uint64_t bytes) noexcept {
    int error = 0;
    do {
        error = ::fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    } while (error == EINTR);
    return error;
}

// Huge pages for a file that has no pages yet. The kernel collapses what begins with a page and refuses a hole, so each
// huge page gets one small one first; allocating all of them would be copied, which takes twice as long (measured for
// 160 MiB: 385 against 670 ms). False: some of it stays in small pages.
bool make_huge(int fd, const mapping& m) noexcept {
    for (std::uint64_t at = 0; at < m.length(); at += huge_page)
        if (allocate(fd, at, small_page) != 0)
            return false; // the caller allocates everything next and reports it
    return m.collapse(0, m.length());
}

// A file of `length` bytes with every page allocated and its size sealed. Nothing may fail later by lack of memory: the
// failure would be a SIGBUS, and in another process.
failure build(std::uint64_t length, bool hugetlb, bool collapse, std::uint32_t node_plus_one, unique_fd& fd,
              mapping& where, std::uint64_t& page_size) noexcept {
    // The kernel would kill processes rather than refuse an allocation that is too large. Reserved huge pages are
    // refused.
    if (const std::uint64_t available = hugetlb ? UINT64_MAX : local::available_memory(); length > available)
        return fail(NIXL_ERR_OUT_OF_MEMORY, "an arena of %llu bytes does not fit: %llu bytes of memory are available",
                    static_cast<unsigned long long>(length), static_cast<unsigned long long>(available));
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (hugetlb ? MFD_HUGETLB | MFD_HUGE_2MB : 0u);
    fd.reset(::memfd_create("nixl-arena", flags));
    if (!fd)
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, errno, "creating shared memory failed");
    if (::ftruncate(fd.get(), static_cast<off_t>(length)) != 0)
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, errno, "an arena of %llu bytes cannot be had",
                          static_cast<unsigned long long>(length));
    if (const failure f = mapping::map(fd.get(), length, false, where); !f.ok())
        return f;
    if (node_plus_one != 0)
        if (const failure f = bind_to_node(where, node_plus_one - 1); !f.ok())
            return f;
    const bool collapsed = collapse && make_huge(fd.get(), where);
    if (const int error = allocate(fd.get(), 0, length); error != 0)
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, error, "there is no memory for an arena of %llu bytes",
                          static_cast<unsigned long long>(length));
    where.prefault(0, length);
    page_size = hugetlb || collapsed ? huge_page : small_page;
    return local::seal_size(fd.get());
}

} // namespace

failure arena::create(const nixl_arena_params_t& params, std::shared_ptr<arena>& out) noexcept {
    if (params.length == 0 || params.length > longest)
        return fail(NIXL_ERR_INVALID_PARAM, "an arena cannot have %llu bytes",
                    static_cast<unsigned long long>(params.length));
    if (params.huge_pages > static_cast<std::uint32_t>(huge_mode::never))
        return fail(NIXL_ERR_INVALID_PARAM, "huge_pages is %u: use 0 (try), 1 (require) or 2 (never)",
                    params.huge_pages);
    const auto mode = static_cast<huge_mode>(params.huge_pages);
    // Below one huge page there is nothing to gain, unless it was demanded.
    const bool huge = mode == huge_mode::require || (mode == huge_mode::attempt && params.length >= huge_page);
    const std::uint64_t length = rounded_up(params.length, huge ? huge_page : small_page);

    unique_fd fd;
    mapping where;
    std::uint64_t page_size = 0;
    failure f = fail(NIXL_ERR_NOT_SUPPORTED, "not tried");
    if (huge)
        f = build(length, true, false, params.numa_node_plus_one, fd, where, page_size); // reserved huge pages
    if (!f.ok()) {
        where = {};
        f = build(length, false, huge, params.numa_node_plus_one, fd, where, page_size);
    }
    if (!f.ok())
        return f;
    if (mode == huge_mode::require && page_size < huge_page)
        return fail(NIXL_ERR_NOT_SUPPORTED,
                    "no huge pages for an arena of %llu bytes: reserve some (vm.nr_hugepages) or do not require them",
                    static_cast<unsigned long long>(length));
    // The constructor is private, so make_shared cannot be used.
    auto* const made = new (std::nothrow) arena();
    if (made == nullptr)
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory");
    made->length_ = length;
    made->page_size_ = page_size;
    made->address_ = where.release();
    made->fd_ = fd.release();
    do {
        made->key_ = random_u64();
    } while (made->key_ == 0);
    try {
        std::shared_ptr<arena> owner(made);
        const std::lock_guard lock(all_arenas().mutex);
        all_arenas().arenas[made->key_] = owner;
        out = std::move(owner);
    } catch (...) { // has deleted it
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory");
    }
    return failure::success();
}

std::shared_ptr<arena> arena::of_this_process(std::uint64_t key) noexcept {
    const std::lock_guard lock(all_arenas().mutex);
    const auto found = all_arenas().arenas.find(key);
    return found == all_arenas().arenas.end() ? nullptr : found->second.lock();
}

arena::~arena() {
    {
        const std::lock_guard lock(all_arenas().mutex);
        all_arenas().arenas.erase(key_);
    }
    if (address_ != nullptr)
        ::munmap(address_, length_);
    if (fd_ >= 0)
        ::close(fd_);
}

} // namespace nixl
