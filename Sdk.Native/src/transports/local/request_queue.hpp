// The requests of one peer, by what they wait for. Progress thread only.
//
//   submit ──▶ moving ──all bytes moved──▶ (notify?) ──▶ credit ──NOTIFY sent──▶ acknowledgement ──NOTIFY_ACK──▶
//   settled
//               │  ▲
//               ▼  │ regions known                      every stage ──deadline, peer gone, closing──▶ settled
//              regions                                  all but the last ──cancelled──▶ settled
//
// A request whose notification has been sent can no longer be cancelled: the peer may have acted on it. Copies are
// synchronous, so a request is quiesced at the moment it is settled.
#pragma once

#include "control/session.hpp"
#include "transports/local/context.hpp"
#include "transports/local/request_list.hpp"

namespace nixl::local {

class request_queue {
  public:
    explicit request_queue(context& c) noexcept : context_(c) {}

    void submit(request& r, std::uint64_t now) noexcept;
    // Moves one chunk of the next request. False: nothing can be moved now.
    bool move_chunk(const route& via) noexcept;
    // Requests for regions that are not known yet: the owner sends SYNC and says when that is done.
    bool waits_for_regions() const noexcept { return !regions_.empty(); }
    void regions_resolved() noexcept;
    // Sends what credits allow.
    void send_notifications(control::session& s);
    // False: the peer acknowledges out of order.
    bool acknowledged(const control::notify_ack& m) noexcept;

    bool idle() const noexcept { return moving_.empty(); }
    deadline next_deadline() const noexcept { return next_; }
    // Settles what is late.
    void expire(std::uint64_t now) noexcept;
    // Settles what was cancelled.
    void drop_cancelled() noexcept;
    // Settles everything.
    void fail_all(const failure& why) noexcept;

    // Reports both ends of a request that is in no list. Also for requests that never got into one.
    static void settle(context& c, request& r, const failure& why) noexcept;

  private:
    enum stage : std::uint32_t { in_moving = 1, in_regions, in_credit, in_acknowledgement };

    request_list& list_of(const request& r) noexcept;
    void enter(request& r, stage s) noexcept;
    void finish(request& r, const failure& why) noexcept;
    void data_done(request& r) noexcept;
    template <class Visit>
    void each(bool with_acknowledgement, Visit&& visit) noexcept;

    context& context_;
    request_list moving_;
    request_list regions_;
    request_list credit_;
    request_list acknowledgement_; // in the order of their sequence numbers
    deadline next_;
    std::uint64_t acknowledged_ = 0; // sequence numbers come back without gaps
};

} // namespace nixl::local
