#include "transports/local/request_queue.hpp"

#include <algorithm>

namespace nixl::local {
namespace {

constexpr unsigned most_small_in_a_row = 16;

} // namespace

void request_queue::settle(context& c, request& r, const failure& why) noexcept {
    auto& n = c.counters;
    if (!why.ok())
        transport_counters::add(n.failures, 1);
    else if (r.kind == request_kind::transfer)
        transport_counters::add(n.transfers, 1);
    r.settled = true;
    r.failed = !why.ok();
    r.settled_ns = now_ns();
    lane::leave_queue(r);
    c.events.request_settled(r, why);
    c.events.request_quiesced(r); // the core may free or reuse it now
}

request_list& request_queue::list_of(const request& r) noexcept {
    switch (r.stage) {
    case in_small:
        return small_;
    case in_regions:
        return regions_;
    case in_room:
        return room_;
    default:
        return moving_;
    }
}

void request_queue::enter(request& r, stage s) noexcept {
    r.stage = s;
    list_of(r).push_back(r);
}

void request_queue::finish(request& r, const failure& why) noexcept {
    list_of(r).remove(r);
    settle(context_, r, why);
}

void request_queue::submit(request& r, std::uint64_t now) noexcept {
    next_ = earlier(next_, r.until);
    if (r.until.passed(now))
        return settle(context_, r, fail(NIXL_ERR_TIMEOUT, "the deadline passed before the operation started"));
    if (r.kind == request_kind::notification && small_.empty())
        enter(r, in_room);
    else
        to_be_moved(r); // a notification too: behind the small writes that were posted before it
}

// Large ones are not kept waiting for ever either.
request* request_queue::next_to_move() noexcept {
    request* const small = small_.front();
    request* const large = moving_.front();
    if (small != nullptr && (large == nullptr || ++small_in_a_row_ <= most_small_in_a_row))
        return small;
    small_in_a_row_ = 0;
    return large;
}

bool request_queue::move_chunk(const route& via) noexcept {
    request* const r = next_to_move();
    if (r == nullptr)
        return false;
    list_of(*r).remove(*r);
    if (r->cancel_requested.load(std::memory_order_relaxed)) {
        settle(context_, *r,
               fail(NIXL_ERR_CANCELED, "canceled after %llu of %llu bytes",
                    static_cast<unsigned long long>(r->bytes_done), static_cast<unsigned long long>(r->total_bytes)));
        return true;
    }
    if (r->started_ns == 0)
        r->started_ns = now_ns();
    const std::uint64_t bytes_before = r->bytes_done;
    const std::uint64_t operations_before = r->operations;
    peer& target = *r->target;
    target.in_flight_operations.store(1, std::memory_order_relaxed);
    target.in_flight_bytes.store(std::min(context_.settings.chunk_bytes, r->cursor.remaining()),
                                 std::memory_order_relaxed);
    failure why;
    const auto result = context_.mover.step(*r, via, context_.settings.chunk_bytes, why);
    target.in_flight_operations.store(0, std::memory_order_relaxed);
    target.in_flight_bytes.store(0, std::memory_order_relaxed);

    auto& n = context_.counters;
    transport_counters::add(r->op == NIXL_OP_WRITE ? n.written_bytes : n.read_bytes, r->bytes_done - bytes_before);
    transport_counters::add(n.operations, r->operations - operations_before);
    switch (result) {
    case mover::result::more:
        if (lane::is_small(*r))
            small_.push_front(*r); // what was posted behind it stays behind it
        else
            to_be_moved(*r); // at the end: requests of one peer take turns
        break;
    case mover::result::blocked:
        enter(*r, in_regions);
        break;
    case mover::result::done:
        data_done(*r);
        break;
    case mover::result::failed:
        settle(context_, *r, why.of(target.name()));
        break;
    }
    return true;
}

void request_queue::data_done(request& r) noexcept {
    r.data_done_ns = now_ns();
    if (r.bytes_done != r.total_bytes)
        settle(context_, r,
               fail(NIXL_ERR_BACKEND, "%llu bytes were moved where %llu were asked for",
                    static_cast<unsigned long long>(r.bytes_done), static_cast<unsigned long long>(r.total_bytes))
                   .of(r.target->name()));
    else if (r.notify) {
        lane_.queue_up(r);
        enter(r, in_room);
    } else
        settle(context_, r, failure::success());
}

void request_queue::regions_resolved() noexcept {
    while (request* const r = regions_.front()) {
        regions_.remove(*r);
        to_be_moved(*r);
    }
}

bool request_queue::send_notifications() noexcept {
    while (request* const r = room_.front()) {
        if (r->cancel_requested.load(std::memory_order_relaxed)) {
            finish(*r, fail(NIXL_ERR_CANCELED, "canceled before its notification was sent"));
            continue;
        }
        if (r->started_ns == 0)
            r->started_ns = now_ns();
        switch (lane_.publish_or_wait(*r)) {
        case lane::result::full:
            return true;
        case lane::result::broken:
            return false;
        case lane::result::done:
            break;
        }
        transport_counters::add(context_.counters.notifications_sent, 1);
        if (r->kind == request_kind::notification)
            r->data_done_ns = now_ns();
        finish(*r, failure::success());
    }
    return true;
}

template <class Visit>
void request_queue::each(Visit&& visit) noexcept {
    for (request_list* const list : {&small_, &moving_, &regions_, &room_})
        for (request *r = list->front(), *following = nullptr; r != nullptr; r = following) {
            following = r->next;
            visit(*r);
        }
}

void request_queue::expire(std::uint64_t now) noexcept {
    next_ = deadline::never();
    each([&](request& r) {
        if (!r.until.passed(now)) {
            next_ = earlier(next_, r.until);
            return;
        }
        const char* waited = "its bytes to be moved";
        if (r.stage == in_regions)
            waited = "the peer to hand over its memory";
        else if (r.stage == in_room)
            waited = "the peer to read its notifications (all credits are used up)";
        finish(r, fail(NIXL_ERR_TIMEOUT, "the deadline passed while waiting for %s; %llu of %llu bytes had been moved",
                       waited, static_cast<unsigned long long>(r.bytes_done),
                       static_cast<unsigned long long>(r.total_bytes))
                      .of(r.target->name()));
    });
}

void request_queue::drop_cancelled() noexcept {
    each([&](request& r) {
        if (r.cancel_requested.load(std::memory_order_relaxed))
            finish(r,
                   fail(NIXL_ERR_CANCELED, "canceled after %llu of %llu bytes",
                        static_cast<unsigned long long>(r.bytes_done), static_cast<unsigned long long>(r.total_bytes))
                       .of(r.target->name()));
    });
}

void request_queue::fail_all(const failure& why) noexcept {
    each([&](request& r) {
        failure f = why;
        finish(r, f.of(r.target->name()));
    });
    next_ = deadline::never();
}

} // namespace nixl::local
