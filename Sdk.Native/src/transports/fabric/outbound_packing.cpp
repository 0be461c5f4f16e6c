// Packed requests of one connection: small pieces are copied into a slot, the slot is written at once, and the peer
// scatters it. See packing/packer.hpp for a slot's states; its operation is in flight until the peer has answered.
#include "transports/fabric/outbound.hpp"
#include "transports/fabric/wire.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl::fabric {

using packing::message_kind;

bool outbound::pack_slots(uint64_t now) {
    if (unwritten_ != nullptr) {
        return write_slot(now) != posted::wait;
    }
    if (packing_.empty()) {
        return false;
    }
    if (packer_.current() == packing::packer::state::none) {
        packer_.asked();
        const packing::encoded bytes = packing::encode(packing::usual_ring);
        session_->send(control::extension{static_cast<uint32_t>(message_kind::ring_wanted), bytes.view()});
        return true;
    }
    if (packer_.refused()) { // one by one
        while (!packing_.empty()) {
            move(*packing_.front(), posting);
        }
        return true;
    }
    if (!packer_.ready()) {
        return false;
    }
    // One slot a round: copying it takes as long as the peer needs for it, and completions wait meanwhile.
    return pack_slot(*packing_.front(), now) != posted::wait;
}

outbound::posted outbound::pack_slot(request& r, uint64_t now) {
    if (operations_.in_use() != 0 && in_flight_bytes_ + packer_.slot_bytes() > env_.settings.window_bytes) {
        return posted::wait;
    }
    operation* op = choose_rail() != nullptr && packer_.begin() ? operations_.take() : nullptr;
    if (op == nullptr) {
        return posted::wait;
    }
    piece p;
    const remote_region* region = nullptr; // of `key`
    const advertised_key* key = nullptr;
    bool large = false;
    for (uint64_t room = packer_.room(); room != 0 && r.cursor.peek(env_.packing.piece_bytes, p);
         room = packer_.room()) {
        if (p.length >= env_.packing.piece_bytes) {
            large = true;
            break;
        }
        if (p.remote_memory != region) {
            failure why;
            key = key_of(p, why);
            if (key == nullptr) {
                operations_.give_back(*op); // what the slot holds goes nowhere
                settle(r, why.at(p.entry, p.remote, p.length));
                quiesce_if_idle(r);
                return posted::failed;
            }
            region = p.remote_memory;
        }
        if (registration::of(*p.local_memory) == nullptr) { // post_piece() refuses it
            large = true;
            break;
        }
        const uint64_t length = std::min(p.length, room);
        if (!packer_.add(p.local, length, p.remote, key->name(), p.entry)) {
            break;
        }
        r.cursor.advance(length);
    }
    if (packer_.empty()) {
        operations_.give_back(*op);
        move(r, posting);
        return posted::yes;
    }
    op->owner = &r;
    op->slot = packer_.end();
    const packing::origin first = packer_.origin_of(op->slot, 0);
    op->remote = first.address;
    op->entry = first.entry;
    op->length = packer_.payload();
    op->attempts = 0;
    op->refused = 0;
    op->region = nullptr; // the peer looks at its registrations when it scatters
    op->remote_memory = nullptr;
    count_posted(r, *op, now);
    if (r.cursor.done() || large) {
        move(r, r.cursor.done() ? draining : posting);
    } else { // the next request's turn
        packing_.remove(r);
        packing_.push_back(r);
    }
    unwritten_ = op;
    return write_slot(now);
}

outbound::posted outbound::write_slot(uint64_t now) {
    operation& op = *unwritten_;
    int64_t rc = 0;
    if (!op.owner->settled) {
        rc = launch(op, now);
        if (rc == 0) {
            unwritten_ = nullptr;
            return posted::yes;
        }
        if (rc == -FI_EAGAIN) {
            blocked_ = true;
            return posted::wait;
        }
    }
    unwritten_ = nullptr;
    failure f; // of a request that is over: nothing was given away
    if (rc != 0) {
        f = refused(rc).at(op.entry, op.remote, op.length);
    }
    ended(op, f, now);
    return posted::failed;
}

// Every byte of the slot is visible to the peer.
void outbound::tell(operation& op) {
    const packing::encoded bytes = packing::encode(packer_.tell(op.slot, op.owner->id));
    session_->send(control::extension{static_cast<uint32_t>(message_kind::filled), bytes.view()});
}

// The request is over: what the peer has not scattered yet, it shall not.
void outbound::forget(const request& r) {
    const packing::encoded bytes = packing::encode(packing::forget{r.id});
    session_->send(control::extension{static_cast<uint32_t>(message_kind::forget), bytes.view()});
}

bool outbound::on_packing(const control::extension& m) {
    if (m.kind == static_cast<uint32_t>(message_kind::ring)) {
        packing::ring what;
        return packing::decode(m.bytes, what) && on_ring(what);
    }
    packing::scattered what;
    return m.kind == static_cast<uint32_t>(message_kind::scattered) && packing::decode(m.bytes, what) &&
           on_scattered(what);
}

bool outbound::on_ring(const packing::ring& m) {
    advertised_key key;
    if (packer_.current() != packing::packer::state::asked || m.slots > packing::usual_ring.slots ||
        m.slot_bytes > packing::usual_ring.slot_bytes || (m.slots != 0 && decode(m.key, key) != nullptr)) {
        return false;
    }
    if (m.slots == 0) {
        packer_.refuse();
        return true;
    }
    packer_.granted(m.slots, m.slot_bytes, std::move(key));
    env_.openers.run([self = weak_from_this(), m, domains = env_.domains, budget = env_.staging, &loop = env_.loop] {
        auto made = std::make_shared<std::unique_ptr<packing::staging>>(); // std::function wants copyable captures
        (void)packing::staging::make(domains, budget, m.slots, m.slot_bytes, *made);
        loop.post([self, made] {
            if (const auto alive = self.lock(); alive != nullptr && !alive->finished()) {
                static_cast<outbound&>(*alive).ring_opened(std::move(*made));
            }
        });
    });
    return true;
}

void outbound::ring_opened(std::unique_ptr<packing::staging> own) {
    own != nullptr ? packer_.opened(std::move(own)) : packer_.refuse();
}

bool outbound::on_scattered(const packing::scattered& m) {
    if (!packer_.ready() || !packer_.answers(m)) {
        return false;
    }
    operation* op = nullptr;
    operations_.for_each_in_use([&](operation& o) { op = o.slot == m.slot ? &o : op; });
    if (op == nullptr) {
        return false;
    }
    failure f;
    if (m.status < 0) {
        const packing::origin o = packer_.origin_of(m.slot, m.run);
        f = fail(m.status == NIXL_ERR_CANCELED                                       ? NIXL_ERR_CANCELED
                 : m.status == NIXL_ERR_NOT_FOUND || m.status == NIXL_ERR_PERMISSION ? m.status
                                                                                     : NIXL_ERR_BACKEND,
                 m.status == NIXL_ERR_NOT_FOUND ? "peer '%s' has deregistered the region at 0x%" PRIx64
                                                  "; load its metadata again"
                                                : "peer '%s' did not store what was packed for 0x%" PRIx64,
                 peer_->name().c_str(), o.address)
                .at(o.entry, o.address, o.length)
                .of(peer_->name());
    }
    ended(*op, f, now_ns());
    return true;
}

} // namespace nixl::fabric
