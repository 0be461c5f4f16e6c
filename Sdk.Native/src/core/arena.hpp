// Memory that the SDK allocates and that processes of the same machine can map: one memfd each, sealed against
// resizing. Implemented in transports/local/arena.cpp. The agent's table owns it; registrations of it hold it too,
// so the mapping outlives every operation on it.
#pragma once

#include "core/failure.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace nixl {

class arena {
  public:
    // On failure `out` is untouched.
    static failure create(const nixl_arena_params_t& params, std::shared_ptr<arena>& out) noexcept;
    // The living arena of this process with that key; null: there is none.
    static std::shared_ptr<arena> of_this_process(uint64_t key) noexcept;
    ~arena();
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;

    std::byte* address() const noexcept { return address_; }
    uint64_t length() const noexcept { return length_; }
    uint64_t page_size() const noexcept { return page_size_; }
    int fd() const noexcept { return fd_; }
    // Random: names the arena between processes (fd passing happens once per peer and arena).
    uint64_t key() const noexcept { return key_; }

    bool contains(uint64_t at, uint64_t bytes) const noexcept {
        const auto base = reinterpret_cast<uint64_t>(address_);
        return at >= base && bytes <= length_ && at - base <= length_ - bytes;
    }

  private:
    arena() = default;

    std::byte* address_ = nullptr;
    uint64_t length_ = 0;
    uint64_t page_size_ = 0;
    int fd_ = -1;
    uint64_t key_ = 0;
};

} // namespace nixl
