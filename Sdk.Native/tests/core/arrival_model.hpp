// A model of two ends and the network between them, around the real arrival_ledger and arrival_slots. It knows every
// step that could come next; a test walks them all, or some at random. Memory is modelled byte by byte (one byte for
// each write): when a notification is shown every byte must be there, and then the application uses the block again, so
// that no write may touch it any more.
#pragma once

#include "core/arrival_ledger.hpp"
#include "core/arrival_slots.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace nixl {

// What the model gets wrong on purpose, to see that the checks find it.
enum class mistake {
    none,
    one_completion_early,     // announces one less than it sent: the same as a ledger that shows one early
    repeats_before_the_fence, // and sends FENCE when it has announced
    endpoint_stays_open,      // the target acknowledges a fence without closing the endpoint
    adds_two_attempts,        // repeats in the same slot and announces what the last attempt sent
    earlier_attempt_unproven, // announces the last attempt while writes of an earlier one are in flight
    announces_a_dying_rail,   // after FENCE was sent
    repeats_what_was_counted, // sends again what a fence did not withdraw
};

class arrival_model {
  public:
    struct setup {
        uint32_t rails = 2;
        uint32_t requests = 1;
        uint32_t writes = 2; // of each request
        uint32_t slots = 1;
        uint32_t kills = 1;
        uint32_t replays = 1; // immediates of finished attempts
        uint32_t cancels = 0;
        mistake wrong = mistake::none;
    };
    enum class step_kind : uint8_t {
        send,
        place,
        count,
        acknowledge,
        announce,
        kill,
        cancel,
        replay,
        to_target,
        to_initiator
    };
    struct step {
        step_kind kind;
        uint32_t a = 0; // request, flight or rail
        uint32_t b = 0; // rail
    };

    explicit arrival_model(const setup& s);

    void enabled(std::vector<step>& out) const;
    void take(const step& s);
    // Empty: all is well so far.
    const std::string& violation() const noexcept { return violation_; }
    // With no step left: is everything finished that should be?
    void check_end();
    // Everything that the future depends on.
    std::string signature() const;
    uint32_t shown() const noexcept;
    uint64_t late() const noexcept { return ledger_.late(); }

  private:
    struct request {
        arrival_attempt attempt;
        uint32_t unsent = 0; // masks of writes
        uint32_t acknowledged = 0;
        std::vector<uint32_t> before; // adds_two_attempts: sent per rail by earlier ones
        uint64_t sequence = 0;        // of the NOTIFY that waits for its answer
        uint32_t times_shown = 0;
        bool done = false;
        bool cancelled = false;
    };
    struct flight {
        uint32_t request = 0, write = 0, rail = 0;
        arrival_slots::use* under = nullptr;
        arrival_tag tag{};
        bool placed = false, dropped = false, counted = false, ended = false;
    };
    enum class message_kind : uint8_t { notify, retire, fence, ack, grant, fence_ack };
    struct message {
        message_kind kind;
        arrival_tag tag{};
        std::vector<rail_count> expected{};
        uint64_t number = 0; // sequence, rail
        uint32_t request = 0;
        bool ok = true;
    };

    uint8_t value(uint32_t q, uint32_t write) const { return static_cast<uint8_t>(1 + q * 16 + write); }
    uint8_t& cell(uint32_t q, uint32_t write) { return memory_[q * setup_.writes + write]; }
    bool may_announce(const request& r) const;
    bool is_over(const request& r) const { return r.done || r.cancelled; }
    void send(request& r, uint32_t number, uint32_t rail);
    void announce(request& r, uint32_t number);
    void at_target(const message& m);
    void at_initiator(const message& m);
    void handle(const arrival_ledger::result& r);
    void repeat(uint32_t rail);
    void retire();
    void fail(const std::string& what);
    std::vector<rail_count> expected(const arrival_slots::use& u) const;

    const setup setup_;
    arrival_ledger ledger_;
    uint32_t connection_ = 0;
    arrival_slots slots_;
    std::vector<request> requests_;
    std::vector<flight> flights_;
    std::vector<uint8_t> memory_;
    std::deque<message> to_target_, to_initiator_;
    std::vector<std::pair<uint32_t, uint32_t>> finished_; // immediates and rails that may be replayed
    uint32_t dead_ = 0;                                   // mask: this initiator has closed its endpoint
    uint32_t closed_ = 0;                                 // mask: the target has closed its endpoint
    uint32_t kills_ = 0, replays_ = 0, cancels_ = 0;
    uint64_t sequence_ = 0;
    uint32_t fence_later_ = max_rails;
    std::string violation_;
};

} // namespace nixl
