// The requests of one connection: posting, completions, notifications, deadlines. See outbound.hpp for the states.
#include "transports/fabric/outbound.hpp"
#include "transports/fabric/registration.hpp"
#include "transports/fabric/wire.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl::fabric {

namespace {

// Errors that say "this connection is gone", not "this operation was wrong".
bool connection_error(int error) noexcept {
    switch (error) {
    case FI_ECANCELED:
    case FI_ENOTCONN:
    case FI_ECONNRESET:
    case FI_ECONNABORTED:
    case FI_ECONNREFUSED:
    case FI_ESHUTDOWN:
    case FI_EHOSTUNREACH:
    case FI_ENETUNREACH:
    case FI_ETIMEDOUT:
    case FI_EHOSTDOWN:
        return true;
    default:
        return false;
    }
}

// What the peer published for the region; read once, kept in its slot. Null if it published nothing for us.
const advertised_key* find_key(remote_region& r) {
    if (r.slot.handle == nullptr) {
        auto k = std::make_shared<advertised_key>();
        if (decode(r.key(NIXL_TRANSPORT_FABRIC), *k) != nullptr) {
            return nullptr;
        }
        r.slot.handle = k.get();
        r.slot.state = std::move(k);
    }
    return static_cast<const advertised_key*>(r.slot.handle);
}

} // namespace

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

bool outbound::post_pieces(uint64_t now) {
    bool any = false;
    blocked_ = false;
    while (!posting_.empty()) {
        request& r = *posting_.front();
        const posted p = post_piece(r, now);
        if (p == posted::wait) {
            break;
        }
        any = true;
        if (p == posted::failed || r.stage != posting) {
            continue; // settled and out of the list, or to be packed
        }
        if (r.cursor.done()) {
            move(r, draining);
        } else { // the next request's turn
            posting_.remove(r);
            posting_.push_back(r);
        }
    }
    return any;
}

// Null and the reason if this piece cannot be written or read.
const advertised_key* outbound::key_of(const piece& p, failure& why) const {
    const advertised_key* key = find_key(*p.remote_memory);
    if (p.remote_memory->revoked.load(std::memory_order_relaxed) ||
        (key != nullptr && revoked_.contains(key->name()))) {
        why = fail(NIXL_ERR_NOT_FOUND,
                   "peer '%s' has deregistered the region at 0x%" PRIx64 "; load its metadata again",
                   peer_->name().c_str(), p.remote_memory->base);
        return nullptr;
    }
    if (key == nullptr) {
        why = fail(NIXL_ERR_NOT_FOUND, "peer '%s' publishes no fabric key for the region at 0x%" PRIx64,
                   peer_->name().c_str(), p.remote_memory->base);
    }
    return key;
}

outbound::posted outbound::post_piece(request& r, uint64_t now) {
    piece p;
    if (!r.cursor.peek(env_.piece_bytes(), p)) {
        return posted::yes; // done; the caller moves it on
    }
    if (r.packed && p.length < env_.packing.piece_bytes) {
        if (!packer_.refused()) {
            move(r, packing_stage);
            return posted::yes;
        }
        r.packed = false;
    }
    const auto refuse = [&](failure f) {
        settle(r, f.at(p.entry, p.remote, p.length));
        quiesce_if_idle(r);
        return posted::failed;
    };
    failure why;
    const advertised_key* key = key_of(p, why);
    if (key == nullptr) {
        return refuse(why);
    }
    // A piece larger than the window goes alone.
    if (operations_.in_use() != 0 && in_flight_bytes_ + p.length > env_.settings.window_bytes) {
        return posted::wait;
    }
    rail* const over = choose_rail();
    operation* op = over != nullptr ? operations_.take() : nullptr;
    if (op == nullptr) {
        return posted::wait;
    }
    op->owner = &r;
    op->rail = over->index;
    op->remote = p.remote;
    op->length = p.length;
    op->entry = p.entry;
    op->key = key->name();

    rma_operation what;
    what.way = r.op == NIXL_OP_WRITE ? direction::write : direction::read;
    what.local = p.local;
    what.descriptor = registration::of(*p.local_memory)->descriptor(over->domain);
    what.remote = target_virtual_addresses_ ? p.remote : p.remote - key->base;
    what.key = key->of_rail(over->index);
    what.length = p.length;
    what.context = op;
    const int64_t rc = over->path->post(what);
    if (rc != 0) {
        operations_.give_back(*op);
        if (rc == -FI_EAGAIN) {
            blocked_ = true;
            return posted::wait;
        }
        return refuse(fail(NIXL_ERR_BACKEND, "%s refused an operation to '%s': %s", env_.provider().provider().c_str(),
                           peer_->name().c_str(), env_.provider().lib().error_text(rc).c_str())
                          .system(static_cast<int32_t>(-rc)));
    }
    r.cursor.advance(p.length);
    count_posted(r, *op, *over, now);
    return posted::yes;
}

void outbound::count_posted(request& r, operation& op, rail& over, uint64_t now) noexcept {
    if (r.started_ns == 0) {
        r.started_ns = now;
    }
    ++r.operations;
    ++r.outstanding_operations;
    r.outstanding_bytes += op.length;
    ++over.in_flight_operations;
    over.in_flight_bytes += op.length;
    in_flight_bytes_ += op.length;
    peer_->in_flight_operations.fetch_add(1, std::memory_order_relaxed);
    peer_->in_flight_bytes.fetch_add(op.length, std::memory_order_relaxed);
}

// The open rail with the fewest bytes on their way and room for one more operation; null if there is none.
rail* outbound::choose_rail() noexcept {
    rail* best = nullptr;
    for (rail& r : rails_) {
        if (r.open() && r.in_flight_operations < env_.rail_operations() &&
            (best == nullptr || r.in_flight_bytes < best->in_flight_bytes)) {
            best = &r;
        }
    }
    return best;
}

bool outbound::poll_completions(uint64_t now) {
    bool any = false;
    for (rail& r : rails_) {
        any |= poll_rail(r, now);
    }
    if (any && !revoking_.empty()) {
        answer_revokes();
    }
    return any;
}

bool outbound::poll_rail(rail& r, uint64_t now) {
    bool any = false;
    while (r.open()) { // a completion may close the connection
        std::string why;
        const int64_t n = r.path->poll(polled_.data(), polled_.size(), why);
        if (n < 0) {
            close(fail(NIXL_ERR_BACKEND, "libfabric: %s", why.c_str()), true);
            return true;
        }
        for (int64_t i = 0; i < n; ++i) {
            const completion& c = polled_[static_cast<size_t>(i)];
            if (operation* op = operations_.from_context(c.context); op != nullptr) {
                completed(*op, c, now);
            }
        }
        any |= n > 0;
        if (static_cast<size_t>(n) < polled_.size()) {
            break;
        }
    }
    return any;
}

failure outbound::name_piece(failure f, const operation& op) const noexcept {
    return f.at(op.entry, op.remote, op.length).of(peer_->name());
}

void outbound::completed(operation& op, const completion& c, uint64_t now) {
    request& r = *op.owner;
    rail& over = rails_[op.rail];
    --over.in_flight_operations;
    over.in_flight_bytes -= op.length;
    if (c.error == 0) {
        (r.op == NIXL_OP_WRITE ? over.written_bytes : over.read_bytes) += op.length;
        if (op.slot != packing::no_slot && !r.settled) {
            return tell(op); // ends when the peer has scattered it
        }
        return ended(op, failure::success(), now);
    }
    const failure f =
        name_piece(fail(NIXL_ERR_BACKEND, "%s of %" PRIu64 " bytes at 0x%" PRIx64 " of peer '%s' failed: %s",
                        r.op == NIXL_OP_WRITE ? "a write" : "a read", op.length, op.remote, peer_->name().c_str(),
                        c.text.c_str())
                       .system(c.error),
                   op);
    if (connection_error(c.error) && lost_at_ == 0) {
        lost_at_ = now; // give_up_lost or on_closed follows and settles with what it then knows
        lost_ = f;
    }
    ended(op, f, now);
}

void outbound::ended(operation& op, const failure& f, uint64_t now) {
    request& r = *op.owner;
    --r.outstanding_operations;
    r.outstanding_bytes -= op.length;
    in_flight_bytes_ -= op.length;
    peer_->in_flight_operations.fetch_sub(1, std::memory_order_relaxed);
    peer_->in_flight_bytes.fetch_sub(op.length, std::memory_order_relaxed);
    if (!f.ok()) {
        if (!r.failed) {
            r.failed = true;
            r.first_failure = f;
        }
    } else if (op.slot == packing::no_slot || packer_.told(op.slot)) {
        auto& bytes = r.op == NIXL_OP_WRITE ? env_.count.written_bytes : env_.count.read_bytes;
        bytes.fetch_add(op.length, std::memory_order_relaxed);
        env_.count.operations.fetch_add(1, std::memory_order_relaxed);
        if (!r.settled) {
            r.bytes_done += op.length;
        }
    }
    if (op.slot != packing::no_slot) {
        packer_.free(op.slot);
    }
    operations_.give_back(op);
    if (r.failed && !r.settled && lost_at_ == 0) {
        settle(r, r.first_failure);
    }
    if (r.settled) {
        return quiesce_if_idle(r);
    }
    if (!r.failed && r.outstanding_operations == 0 && r.cursor.done()) {
        r.data_done_ns = now;
        data_done(r, now);
    }
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
        if (r.packed && state_ == state::open) {
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
