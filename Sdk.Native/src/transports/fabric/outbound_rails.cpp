// What becomes of a connection's rails: their death, the fence, and the repetition of what they carried. See rail.hpp.
#include "transports/fabric/outbound.hpp"

#include <algorithm>
#include <cinttypes>

namespace nixl::fabric {

namespace {

// An operation fails when so many rails have ended it with an error. One with a wrong key kills each of them (tcp ends
// everything in flight for it) and must not take them all; two that really die one after the other are survived.
constexpr uint32_t most_attempts = 3;

} // namespace

size_t outbound::rails_left() const noexcept {
    return static_cast<size_t>(std::count_if(rails_.begin(), rails_.end(), [](const rail& r) { return r.open(); }));
}

// A rail's endpoint has lost its connection. False: it was the last one, so it is the connection that is lost. (Its
// process may be gone, which takes all rails at about the same time; the control connection's end says so.)
bool outbound::lose(rail& r, const std::string& why, uint64_t now) {
    if (r.open() && (rails_left() < 2 || lost_at_ != 0)) {
        return false;
    }
    if (r.open()) {
        r.now = rail::state::dying; // buried when nobody walks over its completions
        r.death = why;
        r.moved_ns = now;
        r.report->state = NIXL_RAIL_FENCING;
        r.report->losses.fetch_add(1, std::memory_order_relaxed);
        dying_ = true;
    }
    return true;
}

void outbound::bury_dying(uint64_t now) {
    dying_ = false;
    for (rail& r : rails_) {
        if (r.now == rail::state::dying && state_ == state::open) {
            (void)poll_rail(r, now); // what has been delivered is not repeated
            if (state_ == state::open) {
                bury(r);
            }
        }
    }
}

// Closes our endpoint and asks the peer to close its own.
void outbound::bury(rail& r) {
    r.now = rail::state::fencing;
    r.fence = ++fences_;
    session_->send(control::fence{r.fence, r.index});
    update_session(); // on its way while the endpoint closes
    drop(r);
    operations_.for_each_in_use([&](operation& op) {
        if (op.rail == r.index && op.where == operation::place::flying) {
            op.where = operation::place::aside;
        }
    });
    r.in_flight_operations = 0;
    r.in_flight_bytes = 0;
}

// The peer has closed its endpoint of a rail: nothing of the first attempt can arrive any more.
bool outbound::fenced(const control::fence_ack& m) {
    const auto found = std::find_if(rails_.begin(), rails_.end(),
                                    [&](const rail& r) { return r.now == rail::state::fencing && r.fence == m.id; });
    if (found == rails_.end()) {
        return false;
    }
    rail& r = *found;
    if (m.status < 0) {
        return true; // it could not: what was in flight keeps waiting, until its deadline and the connection's end
    }
    r.now = rail::state::closed;
    r.report->state = NIXL_RAIL_CLOSED;
    operations_.for_each_in_use([&](operation& op) {
        if (op.rail == r.index && op.where == operation::place::aside) {
            op.where = operation::place::repeating;
            repeats_.push_back(op);
            r.report->repeated.fetch_add(1, std::memory_order_relaxed);
        }
    });
    return true;
}

bool outbound::repeat_operations(uint64_t now) {
    bool any = false;
    while (!repeats_.empty() && state_ == state::open) {
        operation& op = repeats_.front();
        failure f = op.region != nullptr ? revoked(*op.region, op.remote_memory) : failure::success();
        if (op.owner->settled) {
            f = fail(NIXL_ERR_CANCELED, "its request was over"); // not done: counted nowhere
        } else if (op.refused != 0 && op.attempts >= most_attempts) {
            f = fail(NIXL_ERR_BACKEND, "%s of %" PRIu64 " bytes at 0x%" PRIx64 " of peer '%s' failed on %u rails: %s",
                     op.owner->op == NIXL_OP_WRITE ? "a write" : "a read", op.length, op.remote, peer_->name().c_str(),
                     op.attempts, rails_[op.rail].death.c_str())
                    .system(op.refused);
        }
        if (f.ok()) {
            const int64_t rc = launch(op, now);
            if (rc == -FI_EAGAIN) {
                blocked_ = true;
                break;
            }
            if (rc == 0) {
                repeats_.pop_front();
                any = true;
                continue;
            }
            f = refused(rc);
        }
        repeats_.pop_front();
        any = true;
        ended(op, f.at(op.entry, op.remote, op.length), now);
    }
    if (any && !revoking_.empty()) {
        answer_revokes();
    }
    return any;
}

// A network that swallows what it is given reports nothing for minutes. A rail on which nothing has moved for
// stall_ns_ although it has work, while another one has moved something since and the peer is heard, is called dead.
void outbound::watch_for_stalls(uint64_t now) {
    if (now < stall_look_at_ || rails_left() < 2 || now - session_->last_heard() > stall_ns_) {
        return;
    }
    stall_look_at_ = now + stall_ns_ / 8;
    for (rail& r : rails_) {
        if (!r.open() || r.in_flight_operations == 0 || now < r.moved_ns + stall_ns_) {
            continue;
        }
        const bool others_move = std::any_of(rails_.begin(), rails_.end(), [&](const rail& o) {
            return o.open() && &o != &r && o.moved_ns > r.moved_ns &&
                   (o.in_flight_operations == 0 || now < o.moved_ns + stall_ns_);
        });
        if (others_move) {
            const std::string ms = std::to_string((now - r.moved_ns) / 1'000'000);
            (void)lose(r, "nothing moved on it for " + ms + " ms while other rails moved", now);
        }
    }
    if (dying_) {
        bury_dying(now);
    }
}

uint64_t outbound::next_stall() const noexcept {
    if (rails_left() < 2) {
        return UINT64_MAX;
    }
    uint64_t at = UINT64_MAX;
    for (const rail& r : rails_) {
        if (r.open() && r.in_flight_operations != 0) {
            at = std::min(at, std::max(r.moved_ns + stall_ns_, stall_look_at_));
        }
    }
    return at;
}

} // namespace nixl::fabric
