// The operations of one connection: cut from requests, dealt to rails, completed. See outbound.hpp.
#include "transports/fabric/outbound.hpp"
#include "transports/fabric/registration.hpp"
#include "transports/fabric/wire.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl::fabric {

namespace {

constexpr uint64_t bulk_piece = 64u << 10; // pieces of this size and more leave room for smaller ones

// Below this a contiguous run is not split over rails: an operation costs more than the other rails would save.
constexpr uint64_t smallest_share = 128u << 10;
constexpr uint64_t share_unit = 4096; // parts begin at whole pages of the run

// Errors that say "this operation is wrong, and nothing of it was done". Any other one leaves open where its bytes are:
// only the end of the endpoint is an answer then.
bool refusal(int error) noexcept {
    switch (error) {
    case FI_EINVAL:
    case FI_EACCES:
    case FI_EPERM:
    case FI_EFAULT:
    case FI_EMSGSIZE:
    case FI_EOPNOTSUPP:
    case FI_ENOKEY:
    case FI_EKEYREJECTED:
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

bool outbound::post_pieces(uint64_t now) {
    blocked_ = false;
    for (rail& r : rails_) {
        r.blocked = false;
    }
    bool any = repeat_operations(now);
    const request* first_later = nullptr; // once it is the front again, everybody has been asked
    while (!posting_.empty() && repeats_.empty()) {
        request& r = *posting_.front();
        if (&r == first_later) {
            break;
        }
        const posted p = post_piece(r, now);
        if (p == posted::wait) {
            break;
        }
        if (p == posted::later) {
            first_later = first_later == nullptr ? &r : first_later;
            posting_.remove(r);
            posting_.push_back(r);
            continue;
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

// The peer has taken the region back.
failure outbound::revoked(const remote_region& region, const advertised_key* key) const {
    if (!region.revoked.load(std::memory_order_relaxed) && (key == nullptr || !revoked_.contains(key->name()))) {
        return failure::success();
    }
    return fail(NIXL_ERR_NOT_FOUND, "peer '%s' has deregistered the region at 0x%" PRIx64 "; load its metadata again",
                peer_->name().c_str(), region.base);
}

// Null and the reason if this piece cannot be written or read.
const advertised_key* outbound::key_of(const piece& p, failure& why) const {
    const advertised_key* key = find_key(*p.remote_memory);
    if (why = revoked(*p.remote_memory, key); !why.ok()) {
        return nullptr;
    }
    if (key == nullptr) {
        why = fail(NIXL_ERR_NOT_FOUND, "peer '%s' publishes no fabric key for the region at 0x%" PRIx64,
                   peer_->name().c_str(), p.remote_memory->base);
    }
    return key;
}

failure outbound::refused(int64_t code) const {
    return fail(NIXL_ERR_BACKEND, "%s refused an operation to '%s': %s", env_.provider().provider().c_str(),
                peer_->name().c_str(), env_.provider().lib().error_text(code).c_str())
        .system(static_cast<int32_t>(-code));
}

// The largest operation for the run that begins at the cursor: a run that is worth it goes over all rails at once.
uint64_t outbound::share(request& r) const noexcept {
    const uint64_t most = env_.piece_bytes();
    const uint64_t rails = rails_left();
    if (rails < 2) {
        return most;
    }
    if (piece run; r.run_left == 0 && r.cursor.peek(rails * most, run)) {
        const uint64_t parts = std::clamp<uint64_t>(run.length / smallest_share, 1, rails);
        r.run_left = run.length;
        r.run_share = std::min(most, (run.length / parts / share_unit + 1) * share_unit);
    }
    return std::min(r.run_share, r.run_left);
}

outbound::posted outbound::post_piece(request& r, uint64_t now) {
    piece p;
    if (!r.cursor.peek(share(r), p)) {
        return posted::yes; // done; the caller moves it on
    }
    const auto refuse = [&](failure f) {
        settle(r, f.at(p.entry, p.remote, p.length));
        quiesce_if_idle(r);
        return posted::failed;
    };
    const registration* local = registration::of(*p.local_memory);
    if (local == nullptr) {
        return refuse(fail(NIXL_ERR_NOT_SUPPORTED, "the fabric transport cannot move the local memory at %p",
                           static_cast<void*>(p.local)));
    }
    // By its run, as pack_slot() sees it: a part for one rail, or a chunk, may be shorter than what is packed.
    if (piece run; r.packed && p.length < env_.packing.piece_bytes && r.cursor.peek(env_.packing.piece_bytes, run) &&
                   run.length < env_.packing.piece_bytes) {
        if (!packer_.refused()) {
            r.run_left = 0;
            move(r, packing_stage);
            return posted::yes;
        }
        r.packed = false;
    }
    failure why;
    const advertised_key* key = key_of(p, why);
    if (key == nullptr) {
        return refuse(why);
    }
    // A piece larger than the window goes alone. A packed slot that waits has its room: beside a request that fills the
    // window with pieces it would never find any.
    if (operations_.in_use() != 0) {
        const bool slot_waits = !packing_.empty() && packer_.ready();
        if (in_flight_bytes_ + p.length + (slot_waits ? packer_.slot_bytes() : 0) > env_.settings.window_bytes ||
            (slot_waits && operations_.in_use() + 1 >= operations_.size())) {
            return posted::wait;
        }
        if (p.length >= bulk_piece && in_flight_bytes_ + p.length > env_.bulk_bytes(rails_left())) {
            return posted::later;
        }
    }
    operation* op = operations_.take();
    if (op == nullptr) {
        return posted::wait;
    }
    op->owner = &r;
    op->local = p.local;
    op->local_memory = local;
    op->remote = p.remote;
    op->remote_memory = key;
    op->region = p.remote_memory;
    op->length = p.length;
    op->entry = p.entry;
    op->attempts = 0;
    op->refused = 0;
    if (const int64_t rc = launch(*op, now); rc != 0) {
        operations_.give_back(*op);
        if (rc == -FI_EAGAIN) {
            blocked_ = true;
            return posted::wait;
        }
        return refuse(refused(rc));
    }
    r.cursor.advance(p.length);
    r.run_left -= std::min(r.run_left, p.length);
    count_posted(r, *op, now);
    return posted::yes;
}

void outbound::count_posted(request& r, const operation& op, uint64_t now) noexcept {
    if (r.started_ns == 0) {
        r.started_ns = now;
    }
    ++r.operations;
    ++r.outstanding_operations;
    r.outstanding_bytes += op.length;
    in_flight_bytes_ += op.length;
    peer_->in_flight_operations.fetch_add(1, std::memory_order_relaxed);
    peer_->in_flight_bytes.fetch_add(op.length, std::memory_order_relaxed);
}

// The open rail with the fewest bytes on their way and room for one more operation, in turn among equals; null if there
// is none.
rail* outbound::choose_rail() noexcept {
    rail* best = nullptr;
    for (size_t i = 0; i < rails_.size(); ++i) {
        rail& r = rails_[(next_rail_ + i) % rails_.size()];
        if (r.open() && !r.blocked && r.in_flight_operations < env_.rail_operations() &&
            (best == nullptr || r.in_flight_bytes < best->in_flight_bytes)) {
            best = &r;
        }
    }
    return best;
}

rma_operation outbound::describe(operation& op, const rail& over) const noexcept {
    rma_operation what;
    what.way = op.owner->op == NIXL_OP_WRITE ? direction::write : direction::read;
    what.context = &op;
    if (op.slot != packing::no_slot) {
        const advertised_key& ring = packer_.remote_key();
        what.local = packer_.local(op.slot);
        what.descriptor = packer_.memory().descriptor(over.domain);
        what.remote = packer_.remote_offset(op.slot) + (target_virtual_addresses_ ? ring.base : 0);
        what.key = ring.of_rail(over.index);
        what.length = packer_.written_bytes(op.slot);
        return what;
    }
    what.local = op.local;
    what.descriptor = op.local_memory->descriptor(over.domain);
    what.remote = target_virtual_addresses_ ? op.remote : op.remote - op.remote_memory->base;
    what.key = op.remote_memory->of_rail(over.index);
    what.length = op.length;
    return what;
}

// Gives the operation to a rail. 0; -FI_EAGAIN if none takes it now; or what the provider refused it with.
int64_t outbound::launch(operation& op, uint64_t now) {
    for (rail* over = choose_rail(); over != nullptr; over = choose_rail()) {
        const int64_t rc = over->path->post(describe(op, *over));
        if (rc == -FI_EAGAIN) {
            over->blocked = true;
            continue;
        }
        if (rc != 0) {
            // Whatever the error, this operation did not leave.
            if (refusal(static_cast<int>(-rc)) || rc == -FI_ENOMEM ||
                !lose(*over, env_.provider().lib().error_text(rc), now)) {
                return rc;
            }
            continue;
        }
        op.rail = over->index;
        op.where = operation::place::flying;
        ++op.attempts;
        op.refused = 0;
        if (over->in_flight_operations == 0) {
            over->moved_ns = now;
        }
        ++over->in_flight_operations;
        over->in_flight_bytes += op.length;
        next_rail_ = over->index + 1;
        return 0;
    }
    return -FI_EAGAIN;
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
    while (r.path != nullptr) { // a completion may close the connection
        std::string why;
        const int64_t n = r.path->poll(polled_.data(), polled_.size(), why);
        if (n < 0) {
            if (!lose(r, why, now)) {
                close(fail(NIXL_ERR_BACKEND, "libfabric: %s", why.c_str()), true);
            }
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

void outbound::completed(operation& op, const completion& c, uint64_t now) {
    request& r = *op.owner;
    rail& over = rails_[op.rail];
    const char* what = r.op == NIXL_OP_WRITE ? "a write" : "a read";
    --over.in_flight_operations;
    over.in_flight_bytes -= op.length;
    over.moved_ns = now;
    if (c.error == 0) {
        (r.op == NIXL_OP_WRITE ? over.report->written_bytes : over.report->read_bytes)
            .fetch_add(op.length, std::memory_order_relaxed);
        over.report->operations.fetch_add(1, std::memory_order_relaxed);
        op.where = operation::place::waiting;
        if (op.slot != packing::no_slot && !r.settled) {
            return tell(op); // ends when the peer has scattered it
        }
        return ended(op, failure::success(), now);
    }
    const std::string where = rails_.size() > 1 ? " over rail " + over.report->device : std::string();
    failure f = fail(NIXL_ERR_BACKEND, "%s of %" PRIu64 " bytes at 0x%" PRIx64 " of peer '%s'%s failed: %s", what,
                     op.length, op.remote, peer_->name().c_str(), where.c_str(), c.text.c_str());
    f.system(c.error).at(op.entry, op.remote, op.length).of(peer_->name());
    if (!refusal(c.error)) {
        if (lose(over, c.text, now)) {
            // Also after the last attempt: until the fence its bytes may still arrive, in memory or in a slot that
            // would be used again.
            op.where = operation::place::aside;
            op.refused = c.error;
            return;
        }
        if (lost_at_ == 0) {
            lost_at_ = now; // give_up_lost or on_closed follows and settles with what it then knows
            lost_ = f;
        }
    }
    ended(op, f, now);
}

// The last of an operation, which no rail has any more.
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

} // namespace nixl::fabric
