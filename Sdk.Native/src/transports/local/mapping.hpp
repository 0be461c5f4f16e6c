// A shared mapping of a memfd. Owns the address range; the file lives as long as any mapping or descriptor of it.
#pragma once

#include "core/failure.hpp"

#include <cstddef>
#include <cstdint>

namespace nixl::local {

inline constexpr std::uint64_t small_page = 4096;
inline constexpr std::uint64_t huge_page = 2u << 20;

class mapping {
  public:
    mapping() noexcept = default;
    mapping(mapping&& other) noexcept;
    mapping& operator=(mapping&& other) noexcept;
    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;
    ~mapping();

    // Maps `length` bytes (whole pages) readable, and writable unless read_only, at an address that is a multiple of
    // 2 MiB when the range is at least that long, so that huge pages can be used. Touches nothing yet.
    static failure map(int fd, std::uint64_t length, bool read_only, mapping& out) noexcept;

    // Makes the kernel set up page tables (and pages) for [offset, offset + bytes) now instead of at the first touch.
    // Best effort: a failure costs time later, not correctness.
    void prefault(std::uint64_t offset, std::uint64_t bytes) const noexcept;

    // Asks the kernel for huge pages in [offset, offset + bytes), whole huge pages: makes them of what is there, or
    // only maps what is huge already. Bytes do not change. False: some of it stays in small pages.
    bool collapse(std::uint64_t offset, std::uint64_t bytes) const noexcept;

    std::byte* address() const noexcept { return address_; }
    std::uint64_t length() const noexcept { return length_; }
    explicit operator bool() const noexcept { return address_ != nullptr; }
    // Gives up the ownership of the range.
    std::byte* release() noexcept;

  private:
    std::byte* address_ = nullptr;
    std::uint64_t length_ = 0;
    bool read_only_ = false;
    bool reserved_huge_ = false; // of the file system that has no small pages
};

// Refuses a descriptor from another process unless it is a memory file that can no longer shrink and holds `length`
// bytes: touching a page beyond the end of a file kills the process with SIGBUS.
failure check_sealed(int fd, std::uint64_t length) noexcept;

// F_SEAL_SHRINK, GROW and SEAL.
failure seal_size(int fd) noexcept;

} // namespace nixl::local
