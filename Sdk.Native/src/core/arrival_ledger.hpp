// The target's books on counted writes: when may a notification be shown?
//
// The target grants slots to each connection; their numbers are unique in the target. The initiator tags every counted
// write of one attempt of one request with slot and generation, and announces (NOTIFY) how many it sent on each rail.
// Completions and announcement may come in any order. A slot:
//
//   free ──grant──> open ──announce──> announced ──all counted──> open, next generation   (the announcement is shown)
//    ^               │ └────retire───> retiring ───all counted──> open, next generation   (the slot is granted again)
//    │               │ <─fence, or retire of an announced one─┘                           (the announcement is
//    withdrawn) └──release──────┘
//
// One slot and generation belongs to one attempt, so completions of two attempts are never added. A completion with
// another generation, of a released slot or of a fenced rail is late: dropped and counted. fence_rail is called when
// the endpoint of that rail has been closed and the close has completed; from then on neither its completions nor,
// because it is closed, its writes count. A rail that was fenced stays so until its connection ends.
//
// A pure state machine: no I/O, no clock; one thread, the one that reads the completion queues. Nothing is allocated
// but in connect, grant and the first fences (the caller's vector).
#pragma once

#include "core/arrival_tag.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nixl {

class arrival_ledger {
  public:
    enum class verdict : uint8_t {
        counted,   // or waiting: nothing to do yet
        complete,  // show the announcement `ticket` now and acknowledge it: the initiator may use the next generation
        retired,   // tell the initiator (ARRIVAL_GRANT) that it may use `tag`
        withdrawn, // the announcement `ticket` is not shown and never will be: tell the initiator, forget it
        late,      // dropped
        wrong,     // the peer breaks the protocol; `why`: end its connection
    };
    struct result {
        verdict is = verdict::counted;
        uint32_t connection = 0;
        arrival_tag tag{};
        uint32_t rail = 0;
        uint32_t counted = 0;
        uint32_t expected = 0;
        uint64_t ticket = 0;
        const char* why = nullptr;
    };

    // Each connection has at most `rails`; at most `slots` are ever granted, to all connections together.
    explicit arrival_ledger(uint32_t rails = max_rails, uint32_t slots = max_arrival_slot) noexcept;

    // ---- connections ----
    uint32_t connect(uint32_t rails);
    // Appends up to n immediates that the initiator may use from now on.
    void grant(uint32_t connection, uint32_t n, std::vector<uint32_t>& immediates);
    // The endpoint of that rail is closed: appends what changes by it (withdrawn, retired).
    void fence_rail(uint32_t connection, uint32_t rail, std::vector<result>& changes);
    // All of them, the connection is over: appends its withdrawn announcements.
    void fence(uint32_t connection, std::vector<result>& changes);
    // After fence: its slots may be granted to others, the connection's number too.
    void release(uint32_t connection) noexcept;

    // ---- what arrives ----
    result count(uint32_t immediate, uint32_t rail) noexcept;
    result announce(uint32_t connection, arrival_tag tag, std::span<const rail_count> expected,
                    uint64_t ticket) noexcept;
    // The attempt was abandoned and nothing more is sent with this tag; counts of fenced rails are not given. If it was
    // announced and is not shown yet, the ticket comes back: `withdrew` is then true.
    result retire(uint32_t connection, arrival_tag tag, std::span<const rail_count> expected, bool& withdrew) noexcept;

    // Completions counted on that rail since the last call, if at least `enough`: credits to give back to the
    // initiator.
    uint32_t take_credits(uint32_t connection, uint32_t rail, uint32_t enough) noexcept;

    uint64_t late() const noexcept { return late_; }
    uint32_t granted(uint32_t connection) const noexcept;

    // For logs and BYE: names slot, rail and counts.
    static std::string text(const result& r);
    // What a connection's slots wait for, e.g. "17.3 announced rail 1: 4/5"; slots that rest show their generation
    // only.
    std::string text(uint32_t connection) const;

  private:
    enum class stage : uint8_t { free, open, announced, retiring };
    struct slot_state {
        uint32_t owner = 0;
        uint32_t missing = 0; // announced, retiring: rails that are not complete
        uint32_t next_free = 0;
        uint64_t ticket = 0;
        stage is = stage::free;
        uint8_t generation = 0;
    };
    struct tally { // of one slot on one rail
        uint32_t counted = 0;
        uint32_t expected = 0;
    };
    struct connection_state {
        std::vector<uint32_t> slots;
        std::vector<uint32_t> consumed; // per rail, for take_credits
        uint32_t fenced = 0;            // mask
        bool used = false;
    };

    slot_state* owned(uint32_t connection, arrival_tag tag, result& r) noexcept;
    bool expect(slot_state& s, std::span<const rail_count> expected, result& r) noexcept;
    void finish(slot_state& s, result& r) noexcept;
    void next_generation(slot_state& s, uint32_t slot) noexcept;
    bool is_fenced(const connection_state& c, uint32_t rail) const noexcept { return (c.fenced >> rail & 1) != 0; }
    tally* tallies(uint32_t slot) noexcept { return &tallies_[std::size_t{slot} * rails_]; }
    const tally* tallies(uint32_t slot) const noexcept { return &tallies_[std::size_t{slot} * rails_]; }

    const uint32_t rails_;
    const uint32_t limit_;
    std::vector<slot_state> slots_; // by slot number; [0] is never granted
    std::vector<tally> tallies_;
    uint32_t free_head_ = 0; // by next_free; first in, first out: a number rests as long as possible
    uint32_t free_tail_ = 0;
    std::vector<connection_state> connections_;
    uint64_t late_ = 0;
};

} // namespace nixl
