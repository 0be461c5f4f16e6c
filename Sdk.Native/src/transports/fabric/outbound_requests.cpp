// The requests of one connection: their states (see outbound.hpp), notifications, deadlines.
#include "transports/fabric/outbound.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl::fabric {

void outbound::submit(request& r, uint64_t now) {
    others_.push_back(r); // whatever happens, it is in a list
    r.stage = draining;
    if (state_ != state::open) {
        const bool stale = peer_->state.load() == NIXL_PEER_INVALIDATED;
        settle(r, fail(stale ? NIXL_ERR_STALE_PEER : NIXL_ERR_REMOTE_DISCONNECT, "the connection to '%s' is closed",
                       peer_->name().c_str()));
        return quiesce_if_idle(r);
    }
    check_at_ = std::min(check_at_, r.cancel_requested ? now : r.until.at_ns);
    if (r.kind == request_kind::notification || r.cursor.done()) {
        r.started_ns = now;
        r.data_done_ns = r.kind == request_kind::transfer ? now : 0;
        return data_done(r, now);
    }
    r.packed = !packer_.refused() && env_.packing.packs(r);
    move(r, posting);
}

request_list& outbound::list_of(uint32_t of) noexcept {
    return of == posting ? posting_ : of == packing_stage ? packing_ : others_;
}

// Also moves between the lists. Not for a request that has been settled.
void outbound::move(request& r, stage to) {
    if (&list_of(r.stage) != &list_of(to)) {
        list_of(r.stage).remove(r);
        list_of(to).push_back(r);
    }
    r.stage = to;
}

void outbound::data_done(request& r, uint64_t now) {
    if (r.notify) {
        move(r, crediting);
        crediting_.push_back(&r);
        return send_notifications(now);
    }
    settle(r, failure::success());
    quiesce_if_idle(r);
}

void outbound::send_notifications(uint64_t) {
    while (!crediting_.empty() && session_->credits() > 0) {
        request& r = *crediting_.front();
        control::notify m;
        m.request = r.header;
        m.op = static_cast<uint32_t>(r.op);
        m.with_transfer = r.kind == request_kind::transfer;
        m.request_bytes = m.with_transfer && r.op == NIXL_OP_WRITE ? r.bytes_done : 0;
        m.request_operations = m.with_transfer ? r.operations : 0;
        m.payload = r.notification;
        const uint64_t sequence = session_->notify(m);
        if (sequence == 0) {
            return; // closed; its end is reported by the session
        }
        crediting_.pop_front();
        r.notification_sequence = sequence;
        move(r, acknowledging);
        acknowledging_.push_back(&r);
    }
}

void outbound::on_credit(control::session&) {
    send_notifications(now_ns());
}

void outbound::on_notify_ack(control::session&, const control::notify_ack& m) {
    while (!acknowledging_.empty() && acknowledged_ < m.sequence) {
        ++acknowledged_;
        request* r = acknowledging_.front();
        acknowledging_.pop_front();
        if (r == nullptr) {
            continue; // settled before its acknowledgement
        }
        env_.count.notifications_sent.fetch_add(1, std::memory_order_relaxed);
        settle(*r, m.status >= 0 ? failure::success()
                                 : fail(m.status, "peer '%s' did not take the notification", peer_->name().c_str()));
        quiesce_if_idle(*r);
    }
}

void outbound::settle(request& r, const failure& f) {
    if (r.settled) {
        return;
    }
    if (r.stage == crediting) {
        std::erase(crediting_, &r);
    } else if (r.stage == acknowledging) {
        std::replace(acknowledging_.begin(), acknowledging_.end(), &r, static_cast<request*>(nullptr));
    }
    move(r, draining);
    r.settled = true;
    r.settled_ns = now_ns();
    if (r.outstanding_operations != 0) {
        check_at_ = std::min(check_at_, r.settled_ns + env_.settings.quiesce_grace_ns);
        if (r.packed && packer_.ready() && state_ == state::open) {
            forget(r);
        }
    }
    if (r.kind == request_kind::transfer) {
        (f.ok() ? env_.count.transfers : env_.count.failures).fetch_add(1, std::memory_order_relaxed);
    }
    failure named = f;
    named.of(peer_->name());
    env_.events.request_settled(r, f.ok() ? f : named);
}

void outbound::quiesce_if_idle(request& r) {
    if (!r.settled || r.outstanding_operations != 0) {
        return;
    }
    others_.remove(r);
    env_.events.request_quiesced(r); // last: the request belongs to the core again
}

// The endpoint is closed: nothing is in flight.
void outbound::settle_all(const failure& why) {
    operations_.for_each_in_use([this](operation& op) {
        op.owner->outstanding_operations = 0;
        op.owner->outstanding_bytes = 0;
        operations_.give_back(op);
    });
    repeats_.clear();
    unwritten_ = nullptr;
    peer_->in_flight_operations = 0;
    peer_->in_flight_bytes = 0;
    in_flight_bytes_ = 0;
    const auto end = [&](request& r) {
        if (!r.settled && r.failed) {
            failure f = why; // what became of the peer, and which piece felt it
            settle(r, f.at(r.first_failure.entry, r.first_failure.address, r.first_failure.length)
                          .system(r.first_failure.system_error));
        } else {
            settle(r, why);
        }
        quiesce_if_idle(r);
    };
    posting_.for_each(end);
    packing_.for_each(end);
    others_.for_each(end);
}

void outbound::check_requests(uint64_t now) {
    check_at_ = UINT64_MAX;
    bool force = false;
    const auto check = [&](request& r) {
        if (!r.settled && r.cancel_requested) {
            settle(r, fail(NIXL_ERR_CANCELED, "cancelled after %" PRIu64 " of %" PRIu64 " bytes", r.bytes_done,
                           r.total_bytes));
        } else if (!r.settled && r.until.passed(now)) {
            const char* waits = r.stage == crediting       ? "; the peer's application does not read its notifications"
                                : r.stage == acknowledging ? "; the notification was not acknowledged"
                                                           : "";
            settle(r, fail(NIXL_ERR_TIMEOUT, "deadline passed after %" PRIu64 " of %" PRIu64 " bytes to peer '%s'%s",
                           r.bytes_done, r.total_bytes, peer_->name().c_str(), waits));
        }
        if (!r.settled) {
            check_at_ = std::min(check_at_, r.until.at_ns);
        } else if (r.outstanding_operations == 0) {
            quiesce_if_idle(r);
        } else {
            const uint64_t grace_ends = r.settled_ns + env_.settings.quiesce_grace_ns;
            force |= now >= grace_ends;
            check_at_ = std::min(check_at_, grace_ends);
        }
    };
    others_.for_each(check);
    posting_.for_each(check);
    packing_.for_each(check);
    if (force) {
        close(
            fail(
                NIXL_ERR_REMOTE_DISCONNECT,
                "operations to '%s' did not end within %" PRIu64
                " ms after their request's deadline or cancellation; the endpoint was closed so that nothing can touch "
                "the memory any more; connect again",
                peer_->name().c_str(), env_.settings.quiesce_grace_ns / 1'000'000),
            true);
    }
}

} // namespace nixl::fabric
