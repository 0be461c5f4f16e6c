// Moves the requests of the loopback transport on; all on its progress thread.
#include "transports/loopback/progress.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstring>
#include <utility>

namespace nixl::loopback {

bool loopback_transport::advance(request& r, bool& busy, deadline& next) noexcept {
    const uint64_t now = now_ns();
    if (!r.settled)
        check_fate(r, now);
    if (!r.settled && (r.stage == efa_moving || starts_in_efa_mode(r))) {
        r.stage = efa_moving;
        advance_efa(r, now, busy);
    }
    if (!r.settled && r.stage == moving)
        move_data(r, now, busy, next);
    if (!r.settled && r.stage == notifying)
        notify(r, busy);
    if (r.settled)
        return drain(r, now, next);
    next = earlier(next, r.until);
    return false;
}

// Things that end a request before its work is done.
void loopback_transport::check_fate(request& r, uint64_t now) noexcept {
    const auto* l = static_cast<const link*>(r.target->transport_state.get());
    if (l == nullptr || l->gone)
        settle(r, l != nullptr ? l->why : fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer is not connected"));
    else if (r.cancel_requested.load())
        settle(r, fail(NIXL_ERR_CANCELED, "cancelled"));
    else if (r.until.passed(now))
        settle(r, fail(NIXL_ERR_TIMEOUT, "the deadline passed"));
}

void loopback_transport::move_data(request& r, uint64_t now, bool& busy, deadline& next) noexcept {
    if (r.started_ns == 0)
        r.started_ns = now;
    if (faults_.move_nothing != 0) {
        move_nothing(r);
        busy = true;
    } else if (r.holds || (faulty() && !r.cursor.done())) {
        move_with_faults(r, now, busy, next);
    } else if (piece what; r.cursor.peek(settings_.chunk_bytes, what)) {
        r.cursor.advance(what.length);
        ++r.operations;
        copy(r, what);
        busy = true;
    }
    if (!r.settled && r.cursor.done() && !r.holds) {
        if (r.kind == request_kind::transfer)
            r.data_done_ns = now_ns();
        r.stage = notifying;
    }
}

// All that a transport does for a request but moving it.
void loopback_transport::move_nothing(request& r) noexcept {
    std::array<piece, 128> batch;
    r.bytes_done += r.cursor.remaining();
    while (const std::size_t n = r.cursor.next_batch(batch, settings_.chunk_bytes))
        r.operations += n;
    operations_.fetch_add(r.operations, std::memory_order_relaxed);
}

// Issues operations that land later, out of order, or never.
void loopback_transport::move_with_faults(request& r, uint64_t now, bool& busy, deadline& next) {
    if (!r.holds) {
        auto made = std::make_shared<flights>();
        r.context = made.get();
        r.holds = std::move(made);
    }
    auto& in_flight = *static_cast<flights*>(r.context);
    // Without reordering one operation follows the other; with it, as many as the window allows.
    const std::size_t most = faults_.seed != 0 ? settings_.window_operations : 1;
    piece what;
    while (in_flight.pending.size() < most && in_flight.bytes < settings_.window_bytes &&
           r.cursor.peek(settings_.chunk_bytes, what)) {
        r.cursor.advance(what.length);
        ++r.operations;
        in_flight.pending.push_back(
            {what, faults_.hang != 0 ? UINT64_MAX : deadline::after(faults_.delay_ns, now).at_ns});
        in_flight.bytes += what.length;
        r.target->in_flight_operations.fetch_add(1);
        r.target->in_flight_bytes.fetch_add(what.length);
    }
    // One that is due, a random one if asked for.
    const std::size_t n = in_flight.pending.size();
    const std::size_t first = faults_.seed != 0 && n > 0 ? random_() % n : 0;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t at = (first + i) % n;
        const flight f = in_flight.pending[at];
        if (f.due_ns > now) {
            next = earlier(next, deadline{f.due_ns});
            continue;
        }
        in_flight.pending.erase(in_flight.pending.begin() + static_cast<std::ptrdiff_t>(at));
        in_flight.bytes -= f.what.length;
        r.target->in_flight_operations.fetch_sub(1);
        r.target->in_flight_bytes.fetch_sub(f.what.length);
        copy(r, f.what);
        busy = true;
        break;
    }
    if (in_flight.pending.empty() && r.cursor.done()) {
        r.context = nullptr;
        r.holds.reset();
    }
}

void loopback_transport::copy(request& r, const piece& what) noexcept {
    failure why;
    auto* w = static_cast<window*>(what.remote_memory->slot.state.get());
    ++operation_count_;
    operations_.fetch_add(1, std::memory_order_relaxed);
    if (faults_.fail_every != 0 && operation_count_ % faults_.fail_every == 0) {
        why = fail(NIXL_ERR_BACKEND, "an injected fault");
    } else if (w == nullptr || !w->enter(what.remote, what.length)) {
        why = fail(NIXL_ERR_NOT_FOUND, "the peer has deregistered the memory");
    } else {
        // The peer's memory is this process's own; the window keeps it registered during the copy.
        auto* remote = reinterpret_cast<std::byte*>(what.remote);
        if (r.op == NIXL_OP_WRITE)
            std::memmove(remote, what.local, what.length); // one process: the two may overlap
        else
            std::memmove(what.local, remote, what.length);
        w->leave();
        r.bytes_done += what.length;
        (r.op == NIXL_OP_WRITE ? written_ : read_).fetch_add(what.length, std::memory_order_relaxed);
        return;
    }
    if (!r.settled)
        settle(r, why.at(what.entry, what.remote, what.length).of(r.target->name()));
}

void loopback_transport::notify(request& r, bool& busy) noexcept {
    if (!r.notify) {
        settle(r, failure::success());
        return;
    }
    if (faults_.hang != 0)
        return;
    const auto& l = static_cast<const link&>(*r.target->transport_state);
    if (l.connection->unread() + (l.efa ? l.efa->reserved() : 0) >= l.connection->limit())
        return; // credit_returned wakes us
    arrival a;
    a.sender = l.connection;
    a.request = r.header;
    a.op = r.op;
    a.with_transfer = r.kind == request_kind::transfer;
    if (a.with_transfer && r.op == NIXL_OP_WRITE) {
        a.request_bytes = r.total_bytes;
        a.request_operations = r.operations;
    }
    try {
        a.payload.assign(r.notification.begin(), r.notification.end());
    } catch (...) {
        settle(r, fail(NIXL_ERR_OUT_OF_MEMORY, "no memory for the notification").of(r.target->name()));
        return;
    }
    switch (l.target->deliver(l.connection, std::move(a))) {
    case endpoint::delivery::done:
        sent_.fetch_add(1, std::memory_order_relaxed);
        settle(r, failure::success());
        busy = true;
        break;
    case endpoint::delivery::no_credit:
    case endpoint::delivery::closed: // target_closed is on its way to us
        break;
    }
}

// Settled: waits for what is in flight. True: quiesced.
bool loopback_transport::drain(request& r, uint64_t now, deadline& next) noexcept {
    if (r.stage == efa_settled) {
        const auto& l = static_cast<const link&>(*r.target->transport_state);
        const deadline forced = deadline::after(settings_.quiesce_grace_ns, r.settled_ns);
        if (!l.efa->drain(r, l.gone || forced.passed(now))) {
            next = earlier(next, forced);
            return false;
        }
    } else if (auto* in_flight = static_cast<flights*>(r.context); in_flight != nullptr) {
        const auto& l = static_cast<const link&>(*r.target->transport_state);
        const deadline forced = deadline::after(settings_.quiesce_grace_ns, r.settled_ns);
        const bool give_up = l.gone || forced.passed(now);
        std::erase_if(in_flight->pending, [&](const flight& f) {
            if (!give_up && f.due_ns > now) {
                next = earlier(next, earlier(forced, deadline{f.due_ns}));
                return false;
            }
            r.target->in_flight_operations.fetch_sub(1);
            r.target->in_flight_bytes.fetch_sub(f.what.length);
            if (!give_up)
                copy(r, f.what); // lands after the outcome: that is why buffers stay locked until quiesced
            return true;
        });
        if (!in_flight->pending.empty())
            return false;
        r.context = nullptr;
    }
    events_.request_quiesced(r);
    return true;
}

void loopback_transport::settle(request& r, const failure& result) noexcept {
    r.settled = true;
    if (r.stage == efa_moving)
        static_cast<const link&>(*r.target->transport_state).efa->settled(r);
    r.stage = r.stage == efa_moving ? efa_settled : settled;
    (result.ok() ? transfers_ : failures_).fetch_add(1, std::memory_order_relaxed);
    events_.request_settled(r, result);
}

} // namespace nixl::loopback
