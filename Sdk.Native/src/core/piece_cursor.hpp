// Walks the pieces of a request as contiguous runs. Peek does not move, so that a transport that answers "try again"
// repeats the same peek later and rebuilds nothing; advance may consume less than was peeked.
//
// Neighbouring pieces are merged into one run while both their local and their remote addresses continue each other,
// and never across the end of a registration on either side. next_batch does all of it for many runs at once, several
// times as fast as peek and advance do it one by one. Order: block mode walks all ids of region 0, then of
// region 1, …; flat mode walks the ids.
#pragma once

#include "core/prepared_list.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

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
    // Consumes runs into `out` and returns how many; 0: all bytes are consumed. A run is at most `max_run` bytes, all
    // of them together at most `max_total`; pieces are cut only where one by itself is longer than that. A transport
    // that can fail to give them all keeps a copy of the cursor from before, and advances it by what it gave.
    std::size_t next_batch(std::span<piece> out, uint64_t max_run, uint64_t max_total = UINT64_MAX) noexcept;
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
    struct batch { // what next_batch has so far
        std::span<piece> out;
        uint64_t max_run = 0;
        uint64_t budget = 0; // left of max_total
        std::size_t count = 0;
        uint64_t local_end = 0; // of the last run
        uint64_t remote_end = 0;

        bool add(const position& here, uint64_t offset, uint64_t length, uint64_t entry) noexcept;
    };
    bool next(place& p) const noexcept;
    bool strided(position& out) const noexcept;
    bool take_strided(const position& regions, batch& b) noexcept;
    bool take_one(batch& b) noexcept;
    static uint64_t expand_strided(const list_region& local, const list_region& remote, const uint32_t* local_ids,
                                   const uint32_t* remote_ids, uint64_t first, uint64_t last, batch& b) noexcept;
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
