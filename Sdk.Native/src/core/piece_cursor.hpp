// Walks the pieces of a request as contiguous runs. Peek does not move, so that a transport that answers "try again"
// repeats the same peek later and rebuilds nothing; advance may consume less than was peeked.
//
// Neighbouring pieces are merged into one run while both their local and their remote addresses continue each other,
// and never across the end of a registration on either side. Order: block mode walks all ids of region 0, then of
// region 1, …; flat mode walks the ids.
#pragma once

#include "core/prepared_list.hpp"

#include <cstddef>
#include <cstdint>

namespace nixl {

// One contiguous run on both sides.
struct piece {
    std::byte* local = nullptr;
    uint64_t remote = 0; // the peer's virtual address
    uint64_t length = 0;
    local_region* local_memory = nullptr;
    remote_region* remote_memory = nullptr;
    uint64_t entry = 0; // position in the ids array of the run's first byte
};

class piece_cursor {
  public:
    piece_cursor() = default;
    // The lists and ids are borrowed: the request holds them until it is quiesced.
    piece_cursor(const prepared_list& local, const prepared_list& remote, const uint32_t* local_ids,
                 const uint32_t* remote_ids, uint64_t id_count) noexcept;

    // The next run, at most `max` bytes (max > 0). False: all bytes are consumed.
    bool peek(uint64_t max, piece& out) const noexcept;
    // Consumes n bytes, n <= the length of the last peek.
    void advance(uint64_t n) noexcept;
    bool done() const noexcept { return remaining_ == 0; }
    uint64_t remaining() const noexcept { return remaining_; }

  private:
    struct position {
        const list_region* local = nullptr;
        const list_region* remote = nullptr;
        uint64_t local_address = 0;
        uint64_t remote_address = 0;
        uint64_t length = 0;
    };
    struct place { // a piece: which region (block mode) and which id
        uint64_t region = 0;
        uint64_t index = 0;
    };
    bool next(place& p) const noexcept;
    void locate(const place& p, position& out) const noexcept;

    const prepared_list* local_ = nullptr;
    const prepared_list* remote_ = nullptr;
    const uint32_t* local_ids_ = nullptr;
    const uint32_t* remote_ids_ = nullptr;
    uint64_t count_ = 0;
    uint64_t remaining_ = 0;
    place at_;
    uint64_t offset_ = 0; // into the piece at at_
};

} // namespace nixl
