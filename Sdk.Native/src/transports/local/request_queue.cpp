#include "transports/local/request_queue.hpp"

#include <algorithm>

namespace nixl::local {

void request_queue::settle(context& c, request& r, const failure& why) noexcept {
    auto& n = c.counters;
    if (!why.ok())
        transport_counters::add(n.failures, 1);
    else if (r.kind == request_kind::transfer)
        transport_counters::add(n.transfers, 1);
    r.settled = true;
    r.failed = !why.ok();
    r.settled_ns = now_ns();
    r.context = nullptr;
    c.events.request_settled(r, why);
    c.events.request_quiesced(r); // the core may free or reuse it now
}

request_list& request_queue::list_of(const request& r) noexcept {
    switch (r.stage) {
    case in_regions:
        return regions_;
    case in_credit:
        return credit_;
    case in_acknowledgement:
        return acknowledgement_;
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
    r.context = this;
    next_ = earlier(next_, r.until);
    if (r.until.passed(now))
        return settle(context_, r, fail(NIXL_ERR_TIMEOUT, "the deadline passed before the operation started"));
    enter(r, r.kind == request_kind::notification ? in_credit : in_moving);
}

bool request_queue::move_chunk(const route& via) noexcept {
    request* const r = moving_.front();
    if (r == nullptr)
        return false;
    moving_.remove(*r);
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
        enter(*r, in_moving); // at the end: requests of one peer take turns
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
    else if (r.notify)
        enter(r, in_credit);
    else
        settle(context_, r, failure::success());
}

void request_queue::regions_resolved() noexcept {
    while (request* const r = regions_.front()) {
        regions_.remove(*r);
        enter(*r, in_moving);
    }
}

void request_queue::send_notifications(control::session& s) {
    while (s.credits() > 0 && !credit_.empty()) {
        request& r = *credit_.front();
        if (r.cancel_requested.load(std::memory_order_relaxed)) {
            finish(r, fail(NIXL_ERR_CANCELED, "canceled before its notification was sent"));
            continue;
        }
        if (r.started_ns == 0)
            r.started_ns = now_ns();
        control::notify m;
        m.request = r.header;
        m.op = r.op;
        m.with_transfer = r.kind == request_kind::transfer;
        if (m.with_transfer && r.op == NIXL_OP_WRITE) {
            m.request_bytes = r.total_bytes;
            m.request_operations = r.operations;
        }
        m.payload = r.notification;
        r.notification_sequence = s.notify(m);
        credit_.remove(r);
        enter(r, in_acknowledgement);
        transport_counters::add(context_.counters.notifications_sent, 1);
    }
}

bool request_queue::acknowledged(const control::notify_ack& m) noexcept {
    if (m.sequence != acknowledged_ + 1)
        return false;
    acknowledged_ = m.sequence;
    // One that ran into its deadline meanwhile is no longer here.
    request* const r = acknowledgement_.front();
    if (r == nullptr || r->notification_sequence != m.sequence)
        return true;
    if (r->kind == request_kind::notification)
        r->data_done_ns = now_ns();
    finish(*r, m.status >= 0 ? failure::success()
                             : fail(m.status, "the peer did not take the notification").of(r->target->name()));
    return true;
}

template <class Visit>
void request_queue::each(bool with_acknowledgement, Visit&& visit) noexcept {
    request_list* const lists[] = {&moving_, &regions_, &credit_, &acknowledgement_};
    for (std::size_t i = 0; i < (with_acknowledgement ? 4u : 3u); ++i)
        for (request *r = lists[i]->front(), *following = nullptr; r != nullptr; r = following) {
            following = r->next;
            visit(*r);
        }
}

void request_queue::expire(std::uint64_t now) noexcept {
    next_ = deadline::never();
    each(true, [&](request& r) {
        if (!r.until.passed(now)) {
            next_ = earlier(next_, r.until);
            return;
        }
        const char* waited = "its bytes to be moved";
        if (r.stage == in_regions)
            waited = "the peer to hand over its memory";
        else if (r.stage == in_credit)
            waited = "the peer to read its notifications (all credits are used up)";
        else if (r.stage == in_acknowledgement)
            waited = "the peer to acknowledge the notification";
        finish(r, fail(NIXL_ERR_TIMEOUT, "the deadline passed while waiting for %s; %llu of %llu bytes had been moved",
                       waited, static_cast<unsigned long long>(r.bytes_done),
                       static_cast<unsigned long long>(r.total_bytes))
                      .of(r.target->name()));
    });
}

void request_queue::drop_cancelled() noexcept {
    each(false, [&](request& r) {
        if (r.cancel_requested.load(std::memory_order_relaxed))
            finish(r,
                   fail(NIXL_ERR_CANCELED, "canceled after %llu of %llu bytes",
                        static_cast<unsigned long long>(r.bytes_done), static_cast<unsigned long long>(r.total_bytes))
                       .of(r.target->name()));
    });
}

void request_queue::fail_all(const failure& why) noexcept {
    each(true, [&](request& r) {
        failure f = why;
        finish(r, f.of(r.target->name()));
    });
    next_ = deadline::never();
}

} // namespace nixl::local
