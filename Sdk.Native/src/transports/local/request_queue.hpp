// The requests of one peer, by what they wait for. Progress thread only.
//
//   submit ──▶ small or moving ──all bytes moved──▶ (notify?) ──▶ room ──NOTIFY is in the peer's ring──▶ settled
//                   │  ▲
//                   ▼  │ regions known                  every stage ──deadline, cancelled, peer gone, closing──▶
//                   settled
//                  regions
//
// Requests come here that their poster could not complete itself (lane). Copies are synchronous, so a request is
// quiesced at the moment it is settled. Small ones (and notifications) do not wait for large ones longer than a chunk.
#pragma once

#include "transports/local/context.hpp"
#include "transports/local/lane.hpp"
#include "transports/local/request_list.hpp"

namespace nixl::local {

class request_queue {
  public:
    request_queue(context& c, lane& l) noexcept : context_(c), lane_(l) {}

    void submit(request& r, std::uint64_t now) noexcept;
    // Moves one chunk of the next request. False: nothing can be moved now.
    bool move_chunk(const route& via) noexcept;
    // Requests for regions that are not known yet: the owner sends SYNC and says when that is done.
    bool waits_for_regions() const noexcept { return !regions_.empty(); }
    void regions_resolved() noexcept;
    // Puts into the peer's ring what there is room for. False: the peer has spoilt the ring.
    bool send_notifications() noexcept;

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
    enum stage : std::uint32_t { in_small = 1, in_moving, in_regions, in_room };

    request_list& list_of(const request& r) noexcept;
    void enter(request& r, stage s) noexcept;
    void finish(request& r, const failure& why) noexcept;
    void data_done(request& r) noexcept;
    void to_be_moved(request& r) noexcept { enter(r, lane::is_small(r) ? in_small : in_moving); }
    request* next_to_move() noexcept;
    template <class Visit>
    void each(Visit&& visit) noexcept;

    context& context_;
    lane& lane_;
    request_list small_;
    request_list moving_;
    request_list regions_;
    request_list room_; // for their notifications
    unsigned small_in_a_row_ = 0;
    deadline next_;
};

} // namespace nixl::local
