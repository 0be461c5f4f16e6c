// The data path: moves one chunk of a request between this process and a peer of this machine.
//
// Arena memory is copied through our mapping of it; other memory goes through process_vm in full batches. Around every
// access the region's slot in the control page is held, so that the peer can take memory back between any two chunks. A
// chunk of a large request is shared among the copiers; whoever calls step() sees none of that.
// Used by the progress thread only.
#pragma once

#include "core/request.hpp"
#include "transports/local/control_page.hpp"
#include "transports/local/copiers.hpp"
#include "transports/local/copy.hpp"
#include "transports/local/foreign.hpp"

#include <sys/types.h>

#include <array>
#include <cstdint>

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
    explicit mover(copiers& c) noexcept : copiers_(c) {}

    enum class result {
        more,    // the chunk is done, the request is not
        done,    // every byte has been moved
        blocked, // the next piece lies in a region that has not been looked at yet
        failed   // `why` says which piece
    };
    // Moves chunk_bytes for each copier. Updates r.cursor, r.bytes_done and r.operations. On return nothing of the
    // request is being touched.
    result step(request& r, const route& via, std::uint64_t chunk_bytes, failure& why) noexcept;

  private:
    static constexpr std::size_t capacity = foreign_batch::capacity;
    // What one copier takes at a time: some 20 us, worth a wake-up, and little to wait for at the end.
    static constexpr std::uint64_t part_bytes = 256u << 10;
    static constexpr std::size_t most_parts = 64;
    struct part {
        std::size_t first = 0; // of the gathered pieces
        std::size_t last = 0;
        foreign_batch::outcome foreign;
    };

    bool hold(remote_region& m, control_page& page) noexcept;
    std::size_t gather(const request& r, const route& via, std::size_t first, std::size_t last,
                       failure& refused) noexcept;
    // Moves what has been gathered and lets go of its regions.
    bool flush(request& r, const route& via, failure& why) noexcept;
    void cut() noexcept;
    void copy_gathered(request& r) noexcept;
    bool move_foreign(request& r, const route& via, failure& why) noexcept;

    local::copiers& copiers_;
    std::array<piece, capacity> pieces_{};
    // Gathered pieces, all mapped or all foreign: pieces_ from first_ on. Their regions are held.
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    bool foreign_ = false;
    std::uint64_t longest_run_ = 0; // longer pieces are cut
    std::array<copy_piece, capacity> copies_{};
    foreign_batch batch_;
    std::array<std::uint32_t, capacity> held_{}; // slots
    std::size_t held_count_ = 0;
    std::array<part, most_parts> parts_{};
    std::size_t part_count_ = 0;
};

} // namespace nixl::local
