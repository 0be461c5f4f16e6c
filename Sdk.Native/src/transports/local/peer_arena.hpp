// An arena of a peer as this process sees it: mapped, prefaulted in steps, and unmapped when the peer says that it is
// gone. If the peer lives in this process too, its own mapping is used: two addresses of one memory would hide from
// memmove that ranges overlap.
//
// Progress thread, except that copies go on in the mapped memory; unmap() only when nobody can be inside.
#pragma once

#include "control/unique_fd.hpp"
#include "control/wire.hpp"
#include "core/arena.hpp"
#include "core/failure.hpp"
#include "transports/local/mapping.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace nixl::local {

class peer_arena {
  public:
    // The descriptor comes from another process: it is checked, then no longer needed. Throws std::bad_alloc.
    static failure take(const control::arena& announced, const control::unique_fd& fd,
                        std::shared_ptr<peer_arena>& out);

    std::byte* address() const noexcept { return own_ ? own_->address() : mapping_.address(); }
    std::uint64_t length() const noexcept { return own_ ? own_->length() : mapping_.length(); }
    bool of_this_process() const noexcept { return own_ != nullptr; }
    bool huge_pages() const noexcept { return huge_; }

    // Sets up the page tables for some more of it, so that no transfer has to; changes no byte. False: that was all.
    bool prefault_some() noexcept;
    void unmap() noexcept;

  private:
    mapping mapping_;
    std::shared_ptr<nixl::arena> own_; // instead of a mapping
    bool huge_ = false;
    std::uint64_t prefaulted_ = 0;
};

} // namespace nixl::local
