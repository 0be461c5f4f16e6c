// The data path: moves one chunk of a request between this process and a peer of this machine.
//
// Arena memory is copied through our mapping of it; other memory goes through process_vm in full batches. Around every
// access the region's slot in the control page is held, so that the peer can take memory back between any two chunks.
// Used by the progress thread only.
#pragma once

#include "core/request.hpp"
#include "transports/local/control_page.hpp"
#include "transports/local/copy.hpp"
#include "transports/local/foreign.hpp"

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace nixl::local {

// How a peer's regions are reached.
struct route {
    control_page* page = nullptr;
    pid_t pid = 0;
    int pidfd = -1;
};

// What a remote_region's slot holds once the region has been resolved (outbound::resolve):
//   key = generation << 32 | slot, word = one of these, handle = where it is mapped here (arena), state = the mapping.
inline constexpr std::uint64_t region_unresolved = 0; // not looked at yet
inline constexpr std::uint64_t region_mapped = 1;
inline constexpr std::uint64_t region_foreign = 2;
inline constexpr std::uint64_t region_missing = 3; // the peer did not hand over its arena, or cannot be reached

class mover {
  public:
    enum class result {
        more,    // the chunk is done, the request is not
        done,    // every byte has been moved
        blocked, // the next piece lies in a region that has not been looked at yet
        failed   // `why` says which piece
    };
    // Updates r.cursor, r.bytes_done and r.operations. On return nothing of the request is being touched.
    result step(request& r, const route& via, std::uint64_t chunk_bytes, failure& why) noexcept;

  private:
    static constexpr std::size_t capacity = foreign_batch::capacity;

    bool hold(remote_region& m, control_page& page) noexcept;
    void add(const request& r, const piece& p) noexcept;
    // Moves what has been gathered and lets go of its regions.
    bool flush(request& r, const route& via, failure& why) noexcept;
    bool move_gathered(request& r, const route& via, failure& why) noexcept;

    // Gathered pieces, all mapped or all foreign. Their regions are held.
    std::array<copy_piece, capacity> copies_{};
    std::size_t copy_count_ = 0;
    foreign_batch batch_;
    std::array<std::uint64_t, capacity> entries_{}; // of batch_
    std::array<std::uint32_t, capacity> held_{};    // slots
    std::size_t held_count_ = 0;
};

} // namespace nixl::local
