// The initiator's books on counted writes, one per connection: slots that the target has granted, and what was sent
// under each.
//
//   free ──take──> taken ──announced──> announced ──shown──> ending ──all its writes ended──> free, next generation
//                    │ <──withdrawn───────┘ │                  ^
//                    └──────abandon─────────┴─> abandoned ──retire──> retiring (until it is granted again, or shown)
//
// One attempt of one request uses one slot. When a rail dies: the target closes its endpoint (FENCE, FENCE_ACK), this
// end calls fence(rail), and only then is work repeated: what was acknowledged stays, the rest goes out again under
// another slot (arrival_attempt). A slot that was abandoned is retired: the target is told how many writes were sent
// with its tag, counts them, and grants the next generation. After a failed write that number is not certain, and the
// slot stays out of use until the rail of that write is fenced.
//
// One thread, the connection's. Nothing is allocated but in grant, up to `max_slots`.
#pragma once

#include "core/arrival_tag.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nixl {

class arrival_slots {
  public:
    static constexpr uint32_t max_slots = 4096; // that a target may grant to one connection
    enum class stage : uint8_t { free, taken, announced, ending, abandoned, retiring };

    struct use {
        arrival_tag tag{};
        stage is = stage::free;
        bool left = false;         // the request goes on without it, or not at all
        uint32_t uncertain = 0;    // mask of rails with a failed write, not fenced
        uint32_t outstanding = 0;  // sent and not ended
        uint64_t notification = 0; // sequence of its NOTIFY; 0: none
        std::array<uint32_t, max_rails> sent{};
        std::array<uint32_t, max_rails> ended{};
        use* next = nullptr; // free slots, first in first out
    };

    // From ARRIVAL_GRANT: granted for the first time, or again after it was retired. False: a protocol error.
    bool grant(uint32_t immediate);
    // Null: none is free now; one becomes free by NOTIFY_ACK or ARRIVAL_GRANT.
    use* take() noexcept;

    void sent(use& u, uint32_t rail) noexcept {
        ++u.sent[rail];
        ++u.outstanding;
    }
    // A write has ended here. Delivered: acknowledged, its bytes are in the target's memory. Ignored for a fenced rail:
    // fence has ended all of it.
    void ended(use& u, uint32_t rail, bool delivered) noexcept;
    // It is certain that this write reached nothing and is not counted by the target; not for announced ones.
    void refused(use& u, uint32_t rail) noexcept {
        if (is_fenced(rail))
            return;
        --u.sent[rail];
        --u.outstanding;
    }

    // What NOTIFY and RETIRE say. Fenced rails are left out: what they carried was acknowledged or is repeated.
    std::size_t expected(const use& u, std::span<rail_count, max_rails> out) const noexcept;
    void announced(use& u, uint64_t sequence) noexcept {
        u.is = stage::announced;
        u.notification = sequence;
    }
    // The use that NOTIFY_ACK is about, also when its request has ended meanwhile; null: none (any more).
    use* of_notification(uint64_t sequence) noexcept;
    // NOTIFY_ACK with success: the target has counted all. It may be used again when all has ended here, too.
    void shown(use& u) noexcept { end(u); }
    // NOTIFY_ACK with NIXL_ERR_CANCELED: a fence came first. The attempt may be announced again, or abandoned.
    void withdrawn(use& u) noexcept {
        u.notification = 0;
        if (u.is == stage::announced)
            u.is = stage::taken;
    }
    // Its request failed, was cancelled or goes on under another slot. No more is sent with its tag.
    void abandon(use& u) noexcept;
    // The next one to send RETIRE for, with its expected(). Null: none.
    use* retire() noexcept;

    // FENCE was sent.
    void dying(uint32_t rail) noexcept { dying_ |= 1u << rail; }
    bool on_dying_rail(const use& u) const noexcept;
    // FENCE_ACK: the target has closed that rail, and so has this end. Nothing sent there can arrive any more.
    void fence(uint32_t rail) noexcept;

    bool is_fenced(uint32_t rail) const noexcept { return (fenced_ >> rail & 1) != 0; }
    bool any_free() const noexcept { return free_head_ != nullptr; }
    std::size_t granted() const noexcept { return uses_.size(); }
    // For logs: "17.3 retiring, 2 in flight".
    std::string text() const;

  private:
    void push_free(use& u) noexcept;
    void end(use& u) noexcept; // the target is done with it
    void next_generation(use& u) noexcept;

    std::vector<std::unique_ptr<use>> uses_;
    use* free_head_ = nullptr;
    use* free_tail_ = nullptr;
    uint32_t abandoned_ = 0;
    uint32_t dying_ = 0; // masks of rails
    uint32_t fenced_ = 0;
};

// A request's current attempt. Each write in flight remembers the `use` that it was sent under. When a rail dies:
//  1. close this end's endpoint, send FENCE, slots.dying(rail): nothing that names the rail is announced from now on;
//  2. with FENCE_ACK, for each write that was in flight there, of requests that still run: if lost(its use), it goes
//  back
//     to what is to be sent. Not lost: the target has counted it. The answers to announcements that the fence has
//     withdrawn came before FENCE_ACK;
//  3. slots.fence(rail);
//  4. for each request that lost one: fail_over(); begin() takes another slot. Without a loss all that the rail carried
//  is
//     in place: the attempt goes on, and its announcement leaves the rail out.
class arrival_attempt {
  public:
    arrival_slots::use* current() const noexcept { return current_; }
    uint32_t number() const noexcept { return number_; }
    // Once all is sent: what was sent before this attempt must be acknowledged, and no rail of it may be dying.
    bool may_announce(const arrival_slots& slots) const noexcept {
        return current_ != nullptr && current_->is == arrival_slots::stage::taken && earlier_ == 0 &&
               !slots.on_dying_rail(*current_);
    }

    bool begin(arrival_slots& slots) noexcept { // false: no slot is free now
        if (current_ == nullptr)
            current_ = slots.take();
        return current_ != nullptr;
    }
    void ended(arrival_slots& slots, arrival_slots::use& under, uint32_t rail, bool delivered) noexcept {
        if (under.left)
            --earlier_;
        slots.ended(under, rail, delivered);
    }
    void refused(arrival_slots& slots, arrival_slots::use& under, uint32_t rail) noexcept {
        if (under.left)
            --earlier_;
        slots.refused(under, rail);
    }
    bool lost(const arrival_slots::use& under) noexcept {
        if (under.left) {
            --earlier_;
            return true; // that its slot was retired proves nothing: the fence may have ended that, too
        }
        return under.is != arrival_slots::stage::announced && under.is != arrival_slots::stage::ending;
    }
    void fail_over(arrival_slots& slots) noexcept {
        abandon(slots);
        ++number_;
    }
    void abandon(arrival_slots& slots) noexcept {
        if (current_ == nullptr)
            return;
        earlier_ += current_->outstanding;
        slots.abandon(*current_);
        current_ = nullptr;
    }
    void shown(arrival_slots& slots) noexcept {
        slots.shown(*current_);
        current_ = nullptr;
    }

  private:
    arrival_slots::use* current_ = nullptr;
    uint32_t number_ = 0;
    uint32_t earlier_ = 0; // writes under uses that were left, in flight on rails that live
};

// Counted writes in flight never exceed what the target has room for in its completion and receive queues, per rail.
// The first credits come with the slots, further ones when the target has read completions (ARRIVAL_CREDIT).
class counted_window {
  public:
    static constexpr uint32_t limit = 1u << 20;

    bool grant(uint32_t rail, uint32_t n) noexcept { // false: a protocol error
        if (rail >= max_rails || n > limit - credits_[rail])
            return false;
        credits_[rail] += n;
        return true;
    }
    bool take(uint32_t rail) noexcept {
        if (credits_[rail] == 0)
            return false;
        --credits_[rail];
        return true;
    }
    uint32_t available(uint32_t rail) const noexcept { return credits_[rail]; }

  private:
    std::array<uint32_t, max_rails> credits_{};
};

} // namespace nixl
