// The target's side of packing: the ring that the peer asks for, and the slots that it has filled.
#include "transports/fabric/inbound.hpp"

#include <algorithm>

namespace nixl::fabric {

using packing::message_kind;

bool inbound::on_packing(control::session&, const control::extension& m) {
    switch (static_cast<message_kind>(m.kind)) {
    case message_kind::ring_wanted: {
        packing::ring_wanted wanted;
        if (!packing::decode(m.bytes, wanted) || ring_asked_) {
            return false;
        }
        ring_asked_ = true;
        make_ring({std::min(wanted.slots, packing::usual_ring.slots),
                   std::min(wanted.slot_bytes, packing::usual_ring.slot_bytes)});
        return true;
    }
    case message_kind::filled: {
        packing::filled what;
        return scatterer_ != nullptr && packing::decode(m.bytes, what) && scatterer_->take(what) == nullptr;
    }
    case message_kind::forget: {
        packing::forget what;
        if (scatterer_ == nullptr || !packing::decode(m.bytes, what)) {
            return false;
        }
        scatterer_->drop(what);
        return true;
    }
    default:
        return false;
    }
}

void inbound::make_ring(const packing::ring_wanted& m) {
    env_.openers.run([self = weak_from_this(), m, domains = env_.domains, budget = env_.staging, &loop = env_.loop] {
        auto made = std::make_shared<std::unique_ptr<packing::staging>>(); // std::function wants copyable captures
        const failure why = packing::staging::make(domains, budget, m.slots, m.slot_bytes, *made);
        loop.post([self, made, why] {
            if (const auto alive = self.lock(); alive != nullptr && !alive->finished()) {
                static_cast<inbound&>(*alive).ring_made(std::move(*made), why);
            }
        });
    });
}

void inbound::ring_made(std::unique_ptr<packing::staging> made, const failure&) {
    packing::ring answer; // no slots: refused; the peer then writes piece by piece
    std::string key;
    if (made != nullptr) {
        encode(key, made->published());
        answer = {made->slots(), made->slot_bytes(), key};
        scatterer_ = std::make_unique<packing::scatterer>(env_.granted, std::move(made));
    }
    const std::string bytes = packing::encode(answer);
    session_->send(control::extension{static_cast<uint32_t>(message_kind::ring), bytes});
    update_session();
}

// One slot a round, so that other connections and messages (a cancellation) have their turn.
bool inbound::scatter() {
    if (scatterer_ == nullptr || !scatterer_->waiting()) {
        return false;
    }
    packing::scattered answer;
    if (const char* error = scatterer_->scatter_one(answer)) {
        close(fail(NIXL_ERR_BACKEND, "protocol error in a packed slot: %s", error));
        return true;
    }
    const packing::encoded bytes = packing::encode(answer);
    session_->send(control::extension{static_cast<uint32_t>(message_kind::scattered), bytes.view()});
    update_session();
    return true;
}

} // namespace nixl::fabric
