// The requests of an EFA connection: what is sent, announced, repeated.
#include "transports/loopback/efa_sender.hpp"

#include <algorithm>
#include <utility>

namespace nixl::loopback {

namespace {
constexpr uint32_t most_on_a_rail = 32; // operations
}

efa_sender::efa_sender(efa_owner& owner, const agent_settings& settings, std::shared_ptr<endpoint> target,
                       std::shared_ptr<inbound> connection)
    : owner_(owner), settings_(settings), target_(std::move(target)), connection_(std::move(connection)),
      rails_(std::clamp(owner.rules().rails, 1u, max_rails)), random_(static_cast<uint32_t>(owner.rules().seed)) {
    efa_frame f = frame(efa_frame::kind::opened);
    f.rail = rails_;
    target_->send(std::move(f));
}

void efa_sender::advance(request& r, uint64_t now, bool& busy) {
    if (r.started_ns == 0) {
        auto made = std::make_shared<state>();
        made->early = random_() % 2 == 0;
        r.context = made.get();
        r.holds = std::move(made);
        r.started_ns = now;
    }
    state& s = of(r);
    send_operations(r, now);
    if (r.settled || !r.cursor.done() || !s.again.empty())
        return;
    if (s.in_flight == 0 && r.data_done_ns == 0 && r.kind == request_kind::transfer)
        r.data_done_ns = now;
    const bool counted = s.attempt.current() != nullptr;
    if (!r.notify || s.acknowledged) {
        if (s.in_flight == 0) {
            owner_.settle(r, failure::success());
            busy = true;
        }
    } else if (s.sequence == 0 &&
               (counted ? s.attempt.may_announce(slots_) && (s.early || s.in_flight == 0) : s.in_flight == 0)) {
        announce(r);
    }
}

void efa_sender::send_operations(request& r, uint64_t now) {
    state& s = of(r);
    const nixl_loopback_faults_t& rules = owner_.rules();
    const bool counted = r.op == NIXL_OP_WRITE && r.notify && r.kind == request_kind::transfer;
    piece what;
    while (network_.size() < settings_.window_operations && bytes_ < settings_.window_bytes) {
        const bool again = !s.again.empty();
        if (again)
            what = s.again.back();
        else if (!r.cursor.peek(rules.operation_bytes != 0 ? rules.operation_bytes : 4096, what))
            return;
        uint32_t rail = 0;
        if ((counted && !s.attempt.begin(slots_)) || !choose_rail(counted, rail))
            return; // an answer or the end of an operation goes on with it
        if (again)
            s.again.pop_back();
        else
            r.cursor.advance(what.length);
        operation o;
        o.owner = &r;
        o.what = what;
        o.op = r.op;
        o.rail = rail;
        o.memory = std::static_pointer_cast<window>(what.remote_memory->slot.state);
        o.due_ns = some_time(now, rules.delay_ns);
        if (counted) {
            credits_.take(rail);
            slots_.sent(*s.attempt.current(), rail);
            o.under = s.attempt.current();
            o.immediate = o.under->tag.immediate();
        }
        ++r.operations;
        ++s.in_flight;
        ++on_rail_[rail];
        bytes_ += what.length;
        r.target->in_flight_operations.fetch_add(1);
        r.target->in_flight_bytes.fetch_add(what.length);
        network_.push_back(std::move(o));
    }
}

bool efa_sender::choose_rail(bool counted, uint32_t& rail) {
    const auto first = static_cast<uint32_t>(random_() % rails_);
    for (uint32_t i = 0; i < rails_; ++i) {
        rail = (first + i) % rails_;
        if (alive(rail) && on_rail_[rail] < most_on_a_rail && (!counted || credits_.available(rail) != 0))
            return true;
    }
    return false;
}

void efa_sender::announce(request& r) {
    if (connection_->unread() + reserved_ >= connection_->limit())
        return; // credit_returned wakes us
    state& s = of(r);
    efa_frame f = frame(efa_frame::kind::notify);
    f.sequence = ++sequence_;
    f.what.sender = connection_;
    f.what.request = r.header;
    f.what.op = r.op;
    f.what.with_transfer = r.kind == request_kind::transfer;
    if (f.what.with_transfer && r.op == NIXL_OP_WRITE) {
        f.what.request_bytes = r.total_bytes;
        f.what.request_operations = r.operations;
    }
    f.what.payload.assign(r.notification.begin(), r.notification.end());
    if (arrival_slots::use* const u = s.attempt.current(); u != nullptr) {
        expect(*u, f);
        f.what.arrival_slot = u->tag.slot;
        f.what.arrival_generation = u->tag.generation;
        slots_.announced(*u, f.sequence);
    }
    s.sequence = f.sequence;
    announced_[f.sequence] = &r;
    ++reserved_;
    target_->send(std::move(f));
}

void efa_sender::expect(const arrival_slots::use& u, efa_frame& f) const {
    std::array<rail_count, max_rails> counts;
    const auto n = static_cast<std::ptrdiff_t>(slots_.expected(u, counts));
    f.expected.assign(counts.begin(), counts.begin() + n);
    f.immediate = u.tag.immediate();
}

bool efa_sender::answered(const efa_answer& a, std::string& why) {
    bool ok = true;
    switch (a.is) {
    case efa_answer::kind::granted:
        for (const uint32_t granted : a.immediates)
            ok = slots_.grant(granted) && ok;
        why = "an arrival slot that was granted twice";
        break;
    case efa_answer::kind::credit:
        ok = credits_.grant(a.rail, a.count);
        why = "too many credits for counted writes";
        break;
    case efa_answer::kind::acknowledged:
        acknowledged(a.sequence, a.shown, now_ns());
        break;
    case efa_answer::kind::fenced:
        fenced(a.rail);
        break;
    case efa_answer::kind::broken:
        why = a.why;
        ok = false;
        break;
    }
    return ok;
}

void efa_sender::acknowledged(uint64_t sequence, bool shown, uint64_t now) {
    const auto at = announced_.find(sequence);
    if (at == announced_.end())
        return;
    request* const r = at->second;
    announced_.erase(at);
    --reserved_;
    arrival_slots::use* const u = slots_.of_notification(sequence);
    if (u != nullptr && !shown)
        slots_.withdrawn(*u);
    if (u != nullptr && shown) {
        // The immediates of a finished attempt come once more.
        for (uint32_t rail = 0; rail < rails_; ++rail)
            if (u->sent[rail] != 0 && random_() % 4 == 0)
                immediates_.push_back({u->tag.immediate(), rail, some_time(now, 1'000'000)});
        if (r != nullptr)
            of(*r).attempt.shown(slots_);
        else
            slots_.shown(*u);
    }
    if (r == nullptr)
        return;
    of(*r).sequence = 0;
    of(*r).acknowledged = shown;
    if (shown)
        owner_.notification_sent();
}

void efa_sender::retire() {
    while (const arrival_slots::use* u = slots_.retire()) {
        efa_frame f = frame(efa_frame::kind::retire);
        expect(*u, f);
        target_->send(std::move(f));
    }
}

void efa_sender::settled(request& r) noexcept {
    state& s = of(r);
    s.attempt.abandon(slots_); // if it was not shown: its announcement is withdrawn
    s.again.clear();
    if (s.sequence != 0)
        announced_[s.sequence] = nullptr;
}

bool efa_sender::drain(request& r, bool force) noexcept {
    state& s = of(r);
    if (force && s.in_flight != 0) {
        std::erase_if(network_, [&](operation& o) {
            if (o.owner != &r)
                return false;
            ended(o, false);
            return true;
        });
        for (operation& o : lost_)
            if (o.owner == &r) {
                ended(o, false);
                o.owner = nullptr;
            }
    }
    return s.in_flight == 0;
}

// FENCE_ACK: see arrival_attempt.
void efa_sender::fenced(uint32_t rail) {
    std::vector<request*> losers;
    std::erase_if(lost_, [&](operation& o) {
        if (o.rail != rail)
            return false;
        if (o.owner == nullptr)
            return true;
        request& r = *o.owner;
        state& s = of(r);
        const bool again = !r.settled && !s.acknowledged && (o.under == nullptr || s.attempt.lost(*o.under));
        if (again) {
            s.again.push_back(o.what);
            if (o.under != nullptr && !std::exchange(s.lost, true))
                losers.push_back(&r);
        } else if (!r.settled) {
            r.bytes_done += o.what.length; // the target has counted it
        }
        o.under = nullptr;
        ended(o, false);
        return true;
    });
    slots_.fence(rail);
    for (request* r : losers) {
        of(*r).lost = false;
        of(*r).attempt.fail_over(slots_);
    }
}

void efa_sender::close() noexcept {
    try {
        target_->send(frame(efa_frame::kind::closed));
    } catch (...) {
        // the target keeps its books a little longer
    }
}

} // namespace nixl::loopback
