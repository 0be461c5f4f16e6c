#include "transports/local/peer_arena.hpp"

#include <sys/stat.h>

namespace nixl::local {
namespace {

// Some milliseconds' worth: an entry for every 4 KiB costs 0.3 us, one for 2 MiB about as much.
constexpr std::uint64_t prefault_step = 8u << 20;
constexpr std::uint64_t prefault_step_huge = 256u << 20;

bool same_file(int a, int b) noexcept {
    struct stat sa {};
    struct stat sb {};
    return ::fstat(a, &sa) == 0 && ::fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

// The ring and the control page order what two agents of one process do to their memory, but they are mapped twice
// there, and ThreadSanitizer, which knows addresses, sees no order: under it such agents keep two addresses of an arena
// as well.
#if defined(__SANITIZE_THREAD__)
constexpr bool share_in_process = false;
#else
constexpr bool share_in_process = true;
#endif

} // namespace

failure peer_arena::take(const control::arena& announced, const control::unique_fd& fd,
                         std::shared_ptr<peer_arena>& out) {
    auto made = std::make_shared<peer_arena>();
    if (auto own = arena::of_this_process(announced.arena); share_in_process && own && same_file(own->fd(), fd.get())) {
        made->huge_ = own->page_size() >= huge_page;
        made->prefaulted_ = own->length();
        made->own_ = std::move(own);
        out = std::move(made);
        return failure::success();
    }
    if (const failure f = check_sealed(fd.get(), announced.length); !f.ok())
        return f;
    if (const failure f = mapping::map(fd.get(), announced.length, announced.read_only, made->mapping_); !f.ok())
        return f;
    made->huge_ = announced.page_size >= huge_page && announced.length % huge_page == 0;
    out = std::move(made);
    return failure::success();
}

bool peer_arena::prefault_some() noexcept {
    if (prefaulted_ >= length())
        return false;
    const std::uint64_t step = huge_ ? prefault_step_huge : prefault_step;
    // The pages are huge already: this only maps them as such.
    if (huge_ && !mapping_.collapse(prefaulted_, step))
        huge_ = false;
    mapping_.prefault(prefaulted_, step);
    prefaulted_ += step;
    return prefaulted_ < length();
}

void peer_arena::unmap() noexcept {
    mapping_ = mapping();
    own_.reset();
}

} // namespace nixl::local
