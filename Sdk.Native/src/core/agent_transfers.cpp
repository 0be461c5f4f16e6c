// Posting: everything is checked here, on the caller's thread, so that a transport gets only requests that make sense.
#include "core/agent.hpp"

#include "core/id_checks.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <memory>

namespace nixl {

namespace {

// Flat lists whose pieces differ in length: compared id by id.
failure check_flat_lengths(const prepared_list& local, const prepared_list& remote, const uint32_t* local_ids,
                           const uint32_t* remote_ids, uint64_t count) noexcept {
    if (local.uniform_length != 0 && local.uniform_length == remote.uniform_length)
        return failure::success();
    for (uint64_t i = 0; i < count; ++i) {
        const list_region& from = local.region_of(local_ids[i]);
        const list_region& to = remote.region_of(remote_ids[i]);
        if (from.length != to.length)
            return fail(NIXL_ERR_INVALID_PARAM,
                        "position %" PRIu64 ": local piece %u has %" PRIu64 " bytes, remote piece %u has %" PRIu64, i,
                        local_ids[i], from.length, remote_ids[i], to.length)
                .at(i, to.address_of(remote_ids[i] - to.first), to.length);
    }
    return failure::success();
}

// What the ids add up to must fit 64 bits: a sum that wraps around would look like a short transfer that succeeded.
failure check_total(const prepared_list& local, const uint32_t* ids, uint64_t count) noexcept {
    uint64_t total = 0;
    bool wraps = false;
    if (local.bytes_per_entry != 0) {
        wraps = __builtin_mul_overflow(local.bytes_per_entry, count, &total);
    } else {
        for (uint64_t i = 0; i < count && !wraps; ++i)
            wraps = __builtin_add_overflow(total, local.region_of(ids[i]).length, &total);
    }
    return wraps ? fail(NIXL_ERR_INVALID_PARAM, "the pieces of %" PRIu64 " ids add up to more than 64 bits can count",
                        count)
                 : failure::success();
}

failure check_revoked(const prepared_list& remote) noexcept {
    for (const auto& r : remote.remote_holds)
        if (r->revoked.load(std::memory_order_acquire))
            return fail(NIXL_ERR_NOT_FOUND,
                        "the peer has deregistered %#" PRIx64 " + %" PRIu64
                        " bytes since the list was prepared; prepare it again",
                        r->base, r->length)
                .at(0, r->base, r->length);
    return failure::success();
}

failure check_params(const nixl_post_params_t& p) noexcept {
    if (p.op > NIXL_OP_WRITE)
        return fail(NIXL_ERR_INVALID_PARAM, "there is no operation %u", p.op);
    if ((p.flags & ~static_cast<uint32_t>(NIXL_POST_NOTIFY | NIXL_POST_NOW)) != 0 || p.source_ready_event != 0 ||
        p.request.reserved != 0)
        return fail(NIXL_ERR_INVALID_PARAM, "unknown flags, or a reserved field is not 0");
    if ((p.flags & NIXL_POST_NOW) != 0 && p.done == nullptr)
        return fail(NIXL_ERR_INVALID_PARAM, "NIXL_POST_NOW needs `done`: no event would tell the outcome");
    if (p.id_count == 0 || p.local_ids == nullptr || p.remote_ids == nullptr)
        return fail(NIXL_ERR_INVALID_PARAM, "a transfer needs at least one pair of ids; to move nothing and notify, "
                                            "send a notification");
    if ((p.flags & NIXL_POST_NOTIFY) == 0 && p.notification_length != 0)
        return fail(NIXL_ERR_INVALID_PARAM, "there is a notification but the flag NIXL_POST_NOTIFY is not set");
    return failure::success();
}

// What an operation that ended inside its post tells instead of an event.
void fill_done(nixl_event_t& done, const request& r, uint64_t user_data) noexcept {
    done = {};
    done.user_data = user_data;
    done.kind = r.kind == request_kind::transfer ? NIXL_EVENT_TRANSFER : NIXL_EVENT_NOTIFICATION_SENT;
    done.flags = NIXL_EVENT_OUTCOME | NIXL_EVENT_QUIESCED;
    done.peer = r.target->id();
    done.bytes = r.bytes_done;
    done.operations = r.operations;
    done.entry = UINT64_MAX;
    done.posted_ns = r.posted_ns;
    done.started_ns = r.started_ns;
    done.data_done_ns = r.data_done_ns;
    done.settled_ns = r.settled_ns;
}

failure not_now() noexcept {
    return fail(NIXL_ERR_NOT_POSTED, "it cannot be completed by the call itself; post without NIXL_POST_NOW");
}

failure in_progress() noexcept {
    failure f;
    f.status = NIXL_IN_PROGRESS;
    return f;
}

failure check_payload(const uint8_t* payload, uint64_t length) noexcept {
    if (length > NIXL_NOTIFICATION_MAX || (payload == nullptr && length != 0))
        return fail(NIXL_ERR_INVALID_PARAM, "a notification has at most %u bytes; this one has %" PRIu64,
                    NIXL_NOTIFICATION_MAX, length);
    return failure::success();
}

} // namespace

failure agent::check_peer(const peer& p) const noexcept {
    switch (p.state.load()) {
    case NIXL_PEER_CONNECTED:
        return failure::success();
    case NIXL_PEER_CONNECTING:
        return fail(NIXL_ERR_NOT_POSTED, "the peer is not connected yet; wait for its event").of(p.name());
    case NIXL_PEER_SUSPECT:
        return fail(NIXL_ERR_SUSPECT_PEER,
                    "the peer has been silent for too long; new work is refused until it answers")
            .of(p.name());
    case NIXL_PEER_DISCONNECTED:
        return fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer is gone; connect again with its newer metadata").of(p.name());
    case NIXL_PEER_INVALIDATED:
        break;
    }
    return fail(NIXL_ERR_STALE_PEER,
                "the peer was invalidated or has been started again; connect with its newer metadata")
        .of(p.name());
}

failure agent::post(const nixl_post_params_t& p, uint64_t& operation_id) noexcept {
    if (failure f = check_params(p); !f.ok())
        return f;
    if (failure f = check_payload(p.notification, p.notification_length); !f.ok())
        return f;
    std::shared_ptr<const prepared_list> local;
    std::shared_ptr<const prepared_list> remote;
    lists_.find_both(p.local_list, local, p.remote_list, remote);
    if (!local || !remote)
        return fail(NIXL_ERR_NOT_FOUND, "the %s list does not exist or was released", !local ? "local" : "remote");
    if (local->target || !remote->target)
        return fail(NIXL_ERR_INVALID_PARAM, local->target ? "the local list was prepared for a peer (sides swapped?)"
                                                          : "the remote list was prepared for this agent's own memory");
    if (failure f = check_compatible(*local, *remote); !f.ok())
        return f;
    if (failure f = check_ids_in_range(p.local_ids, p.id_count, local->entries, "local"); !f.ok())
        return f;
    if (failure f = check_ids_in_range(p.remote_ids, p.id_count, remote->entries, "remote"); !f.ok())
        return f;
    const bool write = p.op == NIXL_OP_WRITE;
    if (failure f = check_ids_distinct(write ? p.remote_ids : p.local_ids, p.id_count,
                                       write ? remote->entries : local->entries, buffers_);
        !f.ok())
        return f;
    if (local->mode == NIXL_LIST_FLAT)
        if (failure f = check_flat_lengths(*local, *remote, p.local_ids, p.remote_ids, p.id_count); !f.ok())
            return f;
    if (failure f = check_total(*local, p.local_ids, p.id_count); !f.ok())
        return f;
    if (failure f = check_peer(*remote->target); !f.ok())
        return f;
    if (failure f = check_revoked(*remote); !f.ok())
        return f.of(remote->target->name());
    transport* const t = remote->target->chosen.load();
    if ((local->transports & remote->transports & t->kind()) == 0)
        return fail(NIXL_ERR_INVALID_PARAM, "the transport to this peer does not reach all memory of the two lists")
            .of(remote->target->name());

    if (p.done != nullptr) {
        request now; // needs no slot: nobody hears of it but its poster
        now.op = static_cast<nixl_op_t>(p.op);
        now.notify = (p.flags & NIXL_POST_NOTIFY) != 0;
        now.target = remote->target.get();
        now.notification = {p.notification, p.notification_length};
        now.header = p.request;
        std::construct_at(&now.cursor, *local, *remote, p.local_ids, p.remote_ids, p.id_count); // in place
        now.total_bytes = now.cursor.remaining();
        if (t->complete_now(now)) {
            fill_done(*p.done, now, p.user_data);
            return failure::success();
        }
        if ((p.flags & NIXL_POST_NOW) != 0)
            return not_now();
    }

    operation* op = operations_.acquire();
    if (op == nullptr)
        return fail(NIXL_ERR_BUSY, "%u transfers are in flight or have unread completions; that is the agent's limit",
                    settings_.max_transfers);
    const uint64_t id_bytes = p.id_count * sizeof(uint32_t);
    if (!buffers_.acquire(id_bytes * 2, op->ids)) {
        operations_.release(*op);
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory for %" PRIu64 " ids", p.id_count);
    }
    auto* ids = reinterpret_cast<uint32_t*>(op->ids.data());
    std::memcpy(ids, p.local_ids, id_bytes);
    std::memcpy(ids + p.id_count, p.remote_ids, id_bytes);

    op->kind = request_kind::transfer;
    op->op = static_cast<nixl_op_t>(p.op);
    op->notify = (p.flags & NIXL_POST_NOTIFY) != 0;
    op->header = p.request;
    op->cursor = piece_cursor(*local, *remote, ids, ids + p.id_count, p.id_count);
    op->total_bytes = op->cursor.remaining();
    op->event.user_data = p.user_data;
    op->event.kind = NIXL_EVENT_TRANSFER;
    const std::shared_ptr<peer> target = remote->target;
    op->local_list = std::move(local);
    op->remote_list = std::move(remote);
    operation_id = op->id;
    const failure f = start(*op, target, {p.notification, p.notification_length}, p.timeout_ns);
    return f.ok() && p.done != nullptr ? in_progress() : f;
}

failure agent::send_notification(const nixl_notification_params_t& p, uint64_t& operation_id) noexcept {
    if (p.request.reserved != 0 || p.reserved != 0 || (p.flags & ~static_cast<uint32_t>(NIXL_POST_NOW)) != 0)
        return fail(NIXL_ERR_INVALID_PARAM, "unknown flags, or a reserved field is not 0");
    if (failure f = check_payload(p.payload, p.payload_length); !f.ok())
        return f;
    const std::shared_ptr<agent_peer> target = peers_.find(p.peer);
    if (!target)
        return fail(NIXL_ERR_NOT_FOUND, "no such peer");
    if (failure f = check_peer(*target); !f.ok())
        return f;
    if ((p.flags & NIXL_POST_NOW) != 0) {
        request now;
        now.kind = request_kind::notification;
        now.notify = true;
        now.target = target.get();
        now.notification = {p.payload, p.payload_length};
        now.header = p.request;
        return target->chosen.load()->complete_now(now) ? failure::success() : not_now();
    }
    operation* op = operations_.acquire();
    if (op == nullptr)
        return fail(NIXL_ERR_BUSY, "%u transfers are in flight or have unread completions; that is the agent's limit",
                    settings_.max_transfers);
    op->kind = request_kind::notification;
    op->notify = true;
    op->header = p.request;
    op->event.user_data = p.user_data;
    op->event.kind = NIXL_EVENT_NOTIFICATION_SENT;
    operation_id = op->id;
    return start(*op, target, {p.payload, p.payload_length}, p.timeout_ns);
}

failure agent::start(operation& op, const std::shared_ptr<peer>& target, std::span<const uint8_t> payload,
                     uint64_t timeout_ns) noexcept {
    if (!payload.empty()) {
        if (!buffers_.acquire(payload.size(), op.payload)) {
            operations_.release(op);
            return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory for the notification");
        }
        std::memcpy(op.payload.data(), payload.data(), payload.size());
        op.notification = {reinterpret_cast<const uint8_t*>(op.payload.data()), payload.size()};
    }
    op.target = target.get();
    op.holds_peer = target;
    op.posted_ns = now_ns();
    op.until = deadline::after(timeout_or_default(timeout_ns), op.posted_ns);
    op.event.peer = target->id();
    op.event.posted_ns = op.posted_ns;
    op.event.entry = UINT64_MAX;
    target->chosen.load()->submit(op); // from here on `op` belongs to the transport and may be gone already
    return failure::success();
}

failure agent::cancel(uint64_t id) noexcept {
    if (handle_is(id, handle_type::peer)) {
        const std::shared_ptr<agent_peer> p = peers_.find(id);
        if (!p)
            return fail(NIXL_ERR_NOT_FOUND, "no such peer");
        p->connect_canceled.store(true);
        if (p->state.load() == NIXL_PEER_CONNECTING)
            make_final(*p, NIXL_PEER_DISCONNECTED, fail(NIXL_ERR_CANCELED, "the connect was cancelled").of(p->name()));
        return failure::success();
    }
    const bool found = operations_.with(id, [](operation& op) {
        if (op.quiesced.load())
            return;
        op.cancel_requested.store(true);
        op.target->chosen.load()->cancel(op);
    });
    return found ? failure::success() : fail(NIXL_ERR_NOT_FOUND, "no such operation; it has ended");
}

failure agent::state(uint64_t id) noexcept {
    int32_t outcome = NIXL_ERR_NOT_FOUND;
    operations_.with(id, [&](operation& op) {
        if (!op.quiesced.load())
            outcome = op.outcome.load();
    });
    if (outcome < 0 && outcome != NIXL_ERR_NOT_FOUND)
        return fail(outcome, "the operation has failed; its event has the details");
    if (outcome == NIXL_ERR_NOT_FOUND)
        return fail(outcome, "no such operation, or it has ended and is quiesced");
    failure f;
    f.status = outcome;
    return f;
}

} // namespace nixl
