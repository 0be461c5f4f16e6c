#include "core/arrival_model.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace nixl {

namespace {
constexpr uint8_t reused = 0xEE; // what the application writes into a block after it has read the notification
}

arrival_model::arrival_model(const setup& s)
    : setup_(s), ledger_(s.rails, s.slots), connection_(ledger_.connect(s.rails)), requests_(s.requests),
      memory_(std::size_t{s.requests} * s.writes) {
    std::vector<uint32_t> immediates;
    ledger_.grant(connection_, s.slots, immediates);
    for (const uint32_t immediate : immediates)
        slots_.grant(immediate);
    for (request& r : requests_)
        r.unsent = (1u << s.writes) - 1;
}

void arrival_model::fail(const std::string& what) {
    if (violation_.empty())
        violation_ = what;
}

void arrival_model::enabled(std::vector<step>& out) const {
    out.clear();
    const auto live = [&](uint32_t rail) { return (dead_ >> rail & 1) == 0; };
    for (uint32_t q = 0; q < requests_.size(); ++q) {
        const request& r = requests_[q];
        if (is_over(r))
            continue;
        if (r.unsent != 0 && (r.attempt.current() != nullptr || slots_.any_free()))
            for (uint32_t rail = 0; rail < setup_.rails; ++rail)
                if (live(rail))
                    out.push_back({step_kind::send, q, rail});
        if (may_announce(r))
            out.push_back({step_kind::announce, q});
        if (cancels_ < setup_.cancels)
            out.push_back({step_kind::cancel, q});
    }
    for (uint32_t i = 0; i < flights_.size(); ++i) {
        const flight& f = flights_[i];
        if (!f.placed && !f.dropped)
            out.push_back({step_kind::place, i});
        if (f.placed && !f.counted)
            out.push_back({step_kind::count, i});
        if (f.placed && !f.ended && live(f.rail))
            out.push_back({step_kind::acknowledge, i});
    }
    const bool two_live = (dead_ ^ ((1u << setup_.rails) - 1)) != 0 &&
                          ((dead_ ^ ((1u << setup_.rails) - 1)) & ((dead_ ^ ((1u << setup_.rails) - 1)) - 1)) != 0;
    for (uint32_t rail = 0; rail < setup_.rails; ++rail)
        if (kills_ < setup_.kills && two_live && live(rail))
            out.push_back({step_kind::kill, rail});
    for (uint32_t i = 0; i < finished_.size(); ++i)
        if (replays_ < setup_.replays)
            out.push_back({step_kind::replay, i});
    if (!to_target_.empty())
        out.push_back({step_kind::to_target});
    if (!to_initiator_.empty())
        out.push_back({step_kind::to_initiator});
}

bool arrival_model::may_announce(const request& r) const {
    if (r.unsent != 0 || r.attempt.current() == nullptr || r.sequence != 0)
        return false;
    return r.attempt.may_announce(slots_) ||
           (setup_.wrong == mistake::earlier_attempt_unproven && !slots_.on_dying_rail(*r.attempt.current())) ||
           setup_.wrong == mistake::announces_a_dying_rail;
}

void arrival_model::take(const step& s) {
    switch (s.kind) {
    case step_kind::send:
        send(requests_[s.a], s.a, s.b);
        break;
    case step_kind::place: {
        flight& f = flights_[s.a];
        if ((closed_ >> f.rail & 1) != 0) {
            f.dropped = true;
            break;
        }
        f.placed = true;
        if (requests_[f.request].times_shown != 0)
            fail("a write changes a block whose notification was shown");
        cell(f.request, f.write) = value(f.request, f.write);
        break;
    }
    case step_kind::count: {
        flight& f = flights_[s.a];
        f.counted = true;
        handle(ledger_.count(f.tag.immediate(), f.rail));
        break;
    }
    case step_kind::acknowledge: {
        flight& f = flights_[s.a];
        f.ended = true;
        requests_[f.request].acknowledged |= 1u << f.write;
        requests_[f.request].attempt.ended(slots_, *f.under, f.rail, true);
        break;
    }
    case step_kind::announce:
        announce(requests_[s.a], s.a);
        break;
    case step_kind::kill:
        ++kills_;
        dead_ |= 1u << s.a;
        slots_.dying(s.a);
        if (setup_.wrong == mistake::repeats_before_the_fence) {
            repeat(s.a);
            fence_later_ = s.a;
        } else {
            to_target_.push_back({message_kind::fence, {}, {}, s.a});
        }
        break;
    case step_kind::cancel:
        ++cancels_;
        requests_[s.a].cancelled = true;
        requests_[s.a].attempt.abandon(slots_);
        break;
    case step_kind::replay: {
        ++replays_;
        const auto [immediate, rail] = finished_[s.a];
        if (ledger_.count(immediate, rail).is != arrival_ledger::verdict::late)
            fail("an immediate of a finished attempt was counted");
        break;
    }
    case step_kind::to_target: {
        const message m = to_target_.front();
        to_target_.pop_front();
        at_target(m);
        break;
    }
    case step_kind::to_initiator: {
        const message m = to_initiator_.front();
        to_initiator_.pop_front();
        at_initiator(m);
        break;
    }
    }
    retire();
}

std::vector<rail_count> arrival_model::expected(const arrival_slots::use& u) const {
    std::array<rail_count, max_rails> counts;
    return {counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(slots_.expected(u, counts))};
}

void arrival_model::send(request& r, uint32_t number, uint32_t rail) {
    r.attempt.begin(slots_);
    const auto write = static_cast<uint32_t>(__builtin_ctz(r.unsent));
    r.unsent &= r.unsent - 1;
    arrival_slots::use& under = *r.attempt.current();
    slots_.sent(under, rail);
    flight f;
    f.request = number;
    f.write = write;
    f.rail = rail;
    f.under = &under;
    f.tag = under.tag;
    flights_.push_back(f);
}

void arrival_model::announce(request& r, uint32_t number) {
    r.sequence = ++sequence_;
    message m{message_kind::notify, r.attempt.current()->tag, expected(*r.attempt.current()), r.sequence, number};
    if (setup_.wrong == mistake::one_completion_early && !m.expected.empty() && --m.expected.back().count == 0)
        m.expected.pop_back();
    for (std::size_t i = 0; i < m.expected.size() && !r.before.empty(); ++i)
        m.expected[i].count -= r.before[m.expected[i].rail];
    std::erase_if(m.expected, [](const rail_count& c) { return c.count == 0; });
    slots_.announced(*r.attempt.current(), r.sequence);
    to_target_.push_back(std::move(m));
    if (fence_later_ != max_rails)
        to_target_.push_back({message_kind::fence, {}, {}, std::exchange(fence_later_, max_rails)});
}

void arrival_model::at_target(const message& m) {
    if (m.kind == message_kind::notify) {
        handle(ledger_.announce(connection_, m.tag, m.expected, m.request | m.number << 8));
    } else if (m.kind == message_kind::retire) {
        bool withdrew = false;
        const auto r = ledger_.retire(connection_, m.tag, m.expected, withdrew);
        if (withdrew)
            to_initiator_.push_back({message_kind::ack, {}, {}, r.ticket >> 8, 0, false});
        handle(r);
    } else {
        if (setup_.wrong != mistake::endpoint_stays_open)
            closed_ |= 1u << m.number;
        std::vector<arrival_ledger::result> changes;
        ledger_.fence_rail(connection_, static_cast<uint32_t>(m.number), changes);
        for (const auto& r : changes)
            handle(r);
        to_initiator_.push_back({message_kind::fence_ack, {}, {}, m.number});
    }
}

void arrival_model::handle(const arrival_ledger::result& r) {
    using verdict = arrival_ledger::verdict;
    const auto replayable = [&](arrival_tag tag) {
        for (uint32_t rail = 0; rail < setup_.rails; ++rail)
            finished_.emplace_back(tag.immediate(), rail);
    };
    if (r.is == verdict::complete) {
        const auto number = static_cast<uint32_t>(r.ticket & 0xFF);
        if (++requests_[number].times_shown > 1)
            fail("a notification was shown twice");
        for (uint32_t w = 0; w < setup_.writes; ++w) {
            if (cell(number, w) != value(number, w))
                fail("a notification was shown before all bytes were there");
            cell(number, w) = reused;
        }
        replayable(r.tag);
        to_initiator_.push_back({message_kind::ack, {}, {}, r.ticket >> 8, number});
    } else if (r.is == verdict::withdrawn) {
        to_initiator_.push_back({message_kind::ack, {}, {}, r.ticket >> 8, 0, false});
    } else if (r.is == verdict::retired) {
        replayable({r.tag.slot, (r.tag.generation - 1) & 0xFF});
        to_initiator_.push_back({message_kind::grant, r.tag});
    } else if (r.is == verdict::wrong && setup_.wrong != mistake::one_completion_early) {
        fail("a protocol error: " + arrival_ledger::text(r));
    }
}

void arrival_model::at_initiator(const message& m) {
    if (m.kind == message_kind::grant) {
        if (!slots_.grant(m.tag.immediate()))
            fail("a grant that was not expected");
    } else if (m.kind == message_kind::fence_ack) {
        if (setup_.wrong != mistake::repeats_before_the_fence)
            repeat(static_cast<uint32_t>(m.number));
    } else if (arrival_slots::use* const u = slots_.of_notification(m.number); u == nullptr) {
        fail("an answer to a notification that nobody waits for");
    } else {
        const auto r = std::ranges::find_if(requests_, [&](const request& q) { return q.attempt.current() == u; });
        if (!m.ok) {
            slots_.withdrawn(*u);
            if (r != requests_.end())
                r->sequence = 0;
        } else if (r != requests_.end()) {
            r->done = true;
            r->attempt.shown(slots_);
        } else {
            slots_.shown(*u);
        }
    }
}

// What arrival_attempt says: lost, fence, fail over.
void arrival_model::repeat(uint32_t rail) {
    std::vector<bool> lost(requests_.size());
    for (flight& f : flights_) {
        request& r = requests_[f.request];
        if (f.rail != rail || f.ended)
            continue;
        f.ended = true;
        if (r.cancelled || (!r.attempt.lost(*f.under) && setup_.wrong != mistake::repeats_what_was_counted))
            continue;
        r.unsent |= 1u << f.write;
        r.done = false;
        r.sequence = 0;
        lost[f.request] = true;
    }
    slots_.fence(rail);
    for (uint32_t q = 0; q < requests_.size(); ++q)
        if (request& r = requests_[q]; lost[q] && setup_.wrong == mistake::adds_two_attempts)
            r.before.assign(r.attempt.current()->sent.begin(), r.attempt.current()->sent.end());
        else if (lost[q])
            r.attempt.fail_over(slots_);
}

void arrival_model::retire() {
    while (const arrival_slots::use* u = slots_.retire())
        to_target_.push_back({message_kind::retire, u->tag, expected(*u)});
}

uint32_t arrival_model::shown() const noexcept {
    uint32_t n = 0;
    for (const request& r : requests_)
        n += r.times_shown;
    return n;
}

void arrival_model::check_end() {
    for (const request& r : requests_)
        if (!r.cancelled && (!r.done || r.times_shown != 1))
            fail("a request does not end: " + signature());
    // Every slot is free again: as many requests could follow.
    for (uint32_t i = 0; i < setup_.slots; ++i)
        if (slots_.take() == nullptr)
            fail("a slot is lost: " + slots_.text() + " | " + ledger_.text(connection_));
}

std::string arrival_model::signature() const {
    std::string s = ledger_.text(connection_) + '|' + slots_.text() + '|';
    const auto add = [&](uint64_t n) { s += std::to_string(n) += ','; };
    for (const request& r : requests_) {
        add(r.unsent);
        add(r.acknowledged);
        add(r.sequence != 0);
        add(r.times_shown);
        add(r.done + 2 * r.cancelled);
        add(r.attempt.number());
        add(r.attempt.may_announce(slots_));
        add(r.attempt.current() != nullptr ? r.attempt.current()->tag.immediate() : 0);
    }
    std::vector<std::string> flights;
    for (const flight& f : flights_)
        if (!((f.dropped || f.counted) && f.ended)) // else nothing can happen to it any more
            flights.push_back(std::to_string(f.request) + '.' + std::to_string(f.write) + '.' + std::to_string(f.rail) +
                              '.' + std::to_string(f.tag.immediate()) + '.' +
                              std::to_string(f.placed + 2 * f.dropped + 4 * f.counted + 8 * f.ended) + '.' +
                              std::to_string(f.under->tag == f.tag));
    std::ranges::sort(flights);
    for (const std::string& f : flights)
        s += f + ';';
    for (const auto* queue : {&to_target_, &to_initiator_}) {
        s += '|';
        for (const message& m : *queue) {
            add(static_cast<uint64_t>(m.kind));
            add(m.tag.immediate());
            add(m.kind == message_kind::fence || m.kind == message_kind::fence_ack ? m.number : 0);
            add(m.request + 100 * m.ok);
            for (const rail_count& c : m.expected)
                add(c.rail << 8 | c.count);
        }
    }
    s += '|';
    for (const uint8_t b : memory_)
        add(b);
    for (const auto& [immediate, rail] : finished_)
        if (replays_ < setup_.replays)
            add(immediate << 5 | rail);
    add(dead_);
    add(closed_);
    add(kills_);
    add(replays_);
    add(cancels_);
    return s;
}

} // namespace nixl
