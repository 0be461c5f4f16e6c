// The network of an EFA connection: operations land, are acknowledged, are lost with their rail.
#include "transports/loopback/efa_sender.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nixl::loopback {

namespace {
constexpr uint64_t microsecond = 1'000;
constexpr uint64_t millisecond = 1'000'000;
constexpr uint32_t retries_not_ready = 7; // 1, 2, 4 … 64 ms: far below any deadline, and finite
constexpr std::size_t landings_at_once = 32;
} // namespace

uint64_t efa_sender::some_time(uint64_t now, uint64_t at_most_ns) {
    return deadline::after(random_() % (std::max(at_most_ns, 20 * microsecond) + 1), now).at_ns;
}

void efa_sender::progress(uint64_t now, bool& busy, deadline& next) {
    retire();
    std::erase_if(immediates_, [&](const immediate& i) {
        if (i.due_ns > now) {
            next = earlier(next, deadline{i.due_ns});
            return false;
        }
        efa_frame f = frame(efa_frame::kind::immediate);
        f.immediate = i.value;
        f.rail = i.rail;
        target_->send(std::move(f));
        return true;
    });
    for (std::size_t n = 0; n < landings_at_once && !network_.empty(); ++n) {
        // A random one of those that are due.
        const std::size_t first = random_() % network_.size();
        std::size_t at = network_.size();
        for (std::size_t i = 0; i < network_.size() && at == network_.size(); ++i)
            if (const std::size_t j = (first + i) % network_.size(); network_[j].due_ns <= now)
                at = j;
        if (at == network_.size())
            break;
        busy = true;
        land(network_[at], now);
        if (network_[at].due_ns == 0) {
            std::swap(network_[at], network_.back());
            network_.pop_back();
        }
        const nixl_loopback_faults_t& rules = owner_.rules();
        if (rules.kill_after != 0 && ++landed_ >= rules.kill_after)
            kill_rail(now);
    }
    for (const operation& o : network_)
        next = earlier(next, deadline{o.due_ns});
}

void efa_sender::land(operation& o, uint64_t now) {
    if (o.placed) { // its acknowledgement
        o.due_ns = 0;
        if (o.owner != nullptr) {
            o.owner->bytes_done += o.what.length;
            ended(o, true);
        }
        return;
    }
    if (o.owner != nullptr && o.under != nullptr &&
        (owner_.rules().withhold_receives != 0 || random_() % 64 == 0)) { // RNR
        if (++o.not_ready <= retries_not_ready) {
            o.due_ns = deadline::after(millisecond << (o.not_ready - 1), now).at_ns;
            return;
        }
        request& r = *o.owner;
        o.due_ns = 0;
        of(r).attempt.refused(slots_, *std::exchange(o.under, nullptr), o.rail);
        credits_.grant(o.rail, 1);
        ended(o, false);
        if (!r.settled)
            owner_.settle(r, fail(NIXL_ERR_BACKEND, "the peer had no receive ready for a write on rail %u, %u times",
                                  o.rail, o.not_ready)
                                 .at(o.what.entry, o.what.remote, o.what.length)
                                 .of(r.target->name()));
        return;
    }
    if (!place(o)) {
        o.due_ns = 0;
        return;
    }
    if (o.immediate != 0)
        immediates_.push_back({o.immediate, o.rail, some_time(now, owner_.rules().delay_ns)});
    o.placed = true;
    o.due_ns = o.owner != nullptr ? some_time(now, owner_.rules().delay_ns) : 0;
}

// False: nothing was placed, and the operation has ended.
bool efa_sender::place(operation& o) {
    failure why;
    gate& rail = connection_->rail(o.rail);
    if (o.owner != nullptr && owner_.injected_failure()) {
        why = fail(NIXL_ERR_BACKEND, "an injected fault");
    } else if (!rail.enter()) {
        target_->dropped_late(); // a ghost: this end does not send on a rail that is dead
        return false;
    } else if (o.memory == nullptr || !o.memory->enter(o.what.remote, o.what.length)) {
        rail.leave();
        why = fail(NIXL_ERR_NOT_FOUND, "the peer has deregistered the memory");
    } else {
        auto* const remote = reinterpret_cast<std::byte*>(o.what.remote);
        if (o.op == NIXL_OP_READ)
            std::memmove(o.what.local, remote, o.what.length);
        else
            std::memmove(remote, o.owner != nullptr ? o.what.local : o.ghost.data(), o.what.length);
        o.memory->leave();
        rail.leave();
        owner_.moved(o.op, o.what.length);
        return true;
    }
    if (o.owner == nullptr)
        return false;
    request& r = *o.owner;
    if (o.under != nullptr) {
        of(r).attempt.refused(slots_, *std::exchange(o.under, nullptr), o.rail);
        credits_.grant(o.rail, 1);
    }
    ended(o, false);
    if (!r.settled)
        owner_.settle(r, why.at(o.what.entry, o.what.remote, o.what.length).of(r.target->name()));
    return false;
}

// The operation is over for its request.
void efa_sender::ended(operation& o, bool delivered) noexcept {
    request& r = *std::exchange(o.owner, nullptr);
    state& s = of(r);
    --s.in_flight;
    if (alive(o.rail))
        --on_rail_[o.rail];
    bytes_ -= o.what.length;
    r.target->in_flight_operations.fetch_sub(1);
    r.target->in_flight_bytes.fetch_sub(o.what.length);
    if (o.under != nullptr)
        s.attempt.ended(slots_, *std::exchange(o.under, nullptr), o.rail, delivered);
}

void efa_sender::kill_rail(uint64_t now) {
    landed_ = 0;
    uint32_t living = 0;
    for (uint32_t rail = 0; rail < rails_; ++rail)
        living += alive(rail) ? 1 : 0;
    if (living < 2)
        return;
    auto rail = static_cast<uint32_t>(random_() % rails_);
    while (!alive(rail))
        rail = (rail + 1) % rails_;
    dead_ |= 1u << rail;
    slots_.dying(rail);
    // Our endpoint is closed: our memory is not read any more, nothing is acknowledged. What left it may still arrive.
    const std::size_t n = network_.size();
    for (std::size_t i = 0; i < n; ++i) {
        operation& o = network_[i];
        if (o.rail != rail || o.owner == nullptr)
            continue;
        if (o.op == NIXL_OP_WRITE && !o.placed) {
            operation ghost = o;
            ghost.owner = nullptr;
            ghost.under = nullptr;
            ghost.ghost.assign(o.what.local, o.what.local + o.what.length);
            ghost.due_ns = some_time(now, 3 * millisecond);
            network_.push_back(std::move(ghost));
        }
        lost_.push_back(network_[i]);
        network_[i].owner = nullptr;
        network_[i].placed = true; // nothing happens to it any more
        network_[i].due_ns = now;
    }
    efa_frame f = frame(efa_frame::kind::fence);
    f.rail = rail;
    target_->send(std::move(f));
}

} // namespace nixl::loopback
