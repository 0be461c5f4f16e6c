#include "core/arrival_ledger.hpp"

#include <algorithm>

namespace nixl {

arrival_ledger::arrival_ledger(uint32_t rails, uint32_t slots) noexcept
    : rails_(std::clamp(rails, 1u, max_rails)), limit_(std::min(slots, max_arrival_slot)) {}

uint32_t arrival_ledger::connect(uint32_t rails) {
    const auto unused = std::ranges::find_if(connections_, [](const connection_state& c) { return !c.used; });
    const auto number = static_cast<uint32_t>(unused - connections_.begin());
    if (unused == connections_.end())
        connections_.emplace_back();
    connection_state& c = connections_[number];
    c.consumed.assign(std::clamp(rails, 1u, rails_), 0);
    c.fenced = 0;
    c.used = true;
    return number;
}

void arrival_ledger::grant(uint32_t connection, uint32_t n, std::vector<uint32_t>& immediates) {
    if (slots_.empty()) {
        slots_.emplace_back();
        tallies_.resize(rails_);
    }
    connection_state& c = connections_[connection];
    for (uint32_t i = 0; i < n; ++i) {
        uint32_t slot = 0;
        if (slots_.size() - 1 < limit_) {
            slot = static_cast<uint32_t>(slots_.size());
            slots_.emplace_back();
            tallies_.resize(tallies_.size() + rails_);
        } else if (free_head_ != 0) {
            slot = free_head_;
            free_head_ = slots_[slot].next_free;
        } else {
            return;
        }
        slot_state& s = slots_[slot];
        s.owner = connection;
        s.is = stage::open;
        c.slots.push_back(slot);
        immediates.push_back(arrival_tag{slot, s.generation}.immediate());
    }
}

arrival_ledger::result arrival_ledger::count(uint32_t immediate, uint32_t rail) noexcept {
    result r;
    r.tag = arrival_tag::from(immediate);
    r.rail = rail;
    const bool known = r.tag.slot != 0 && r.tag.slot < slots_.size();
    if (!known || slots_[r.tag.slot].is == stage::free || slots_[r.tag.slot].generation != r.tag.generation) {
        ++late_;
        r.is = verdict::late;
        return r;
    }
    slot_state& s = slots_[r.tag.slot];
    connection_state& c = connections_[s.owner];
    r.connection = s.owner;
    if (rail >= c.consumed.size()) {
        r.is = verdict::wrong;
        r.why = "a completion on a rail that its connection does not have";
        return r;
    }
    if (is_fenced(c, rail)) {
        ++late_;
        r.is = verdict::late;
        return r;
    }
    tally& t = tallies(r.tag.slot)[rail];
    r.expected = t.expected;
    r.counted = t.counted + 1;
    if (s.is != stage::open && r.counted > r.expected) {
        r.is = verdict::wrong;
        r.why = "more completions than were announced";
        return r;
    }
    ++t.counted;
    ++c.consumed[rail];
    if (s.is != stage::open && t.counted == t.expected && --s.missing == 0)
        finish(s, r);
    return r;
}

// The slot, if it is the connection's and the generation the current one.
arrival_ledger::slot_state* arrival_ledger::owned(uint32_t connection, arrival_tag tag, result& r) noexcept {
    r.connection = connection;
    r.tag = tag;
    if (tag.slot == 0 || tag.slot >= slots_.size() || slots_[tag.slot].is == stage::free ||
        slots_[tag.slot].owner != connection)
        r.why = "an arrival slot that was not granted to this connection";
    else if (slots_[tag.slot].generation != tag.generation)
        r.why = "a generation of an arrival slot that is over, or not granted yet";
    else
        return &slots_[tag.slot];
    r.is = verdict::wrong;
    return nullptr;
}

// Writes down what is expected and counts the rails that are not complete. False: wrong.
bool arrival_ledger::expect(slot_state& s, std::span<const rail_count> expected, result& r) noexcept {
    const connection_state& c = connections_[s.owner];
    tally* const t = tallies(r.tag.slot);
    const auto refuse = [&](uint32_t rail, const char* why) {
        r.is = verdict::wrong;
        r.rail = rail;
        r.why = why;
        return false;
    };
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (expected[i].rail >= c.consumed.size())
            return refuse(expected[i].rail, "an announcement of a rail that its connection does not have");
        if (expected[i].count == 0 || (i != 0 && expected[i].rail <= expected[i - 1].rail))
            return refuse(expected[i].rail, "an announcement with a rail twice, out of order or without completions");
    }
    s.missing = 0;
    for (uint32_t rail = 0, i = 0; rail < c.consumed.size(); ++rail) {
        const bool listed = i < expected.size() && expected[i].rail == rail;
        t[rail].expected = listed ? expected[i++].count : 0;
        r.counted = t[rail].counted;
        r.expected = t[rail].expected;
        // Not named, but fenced: its writes were acknowledged, or are repeated.
        if (t[rail].counted > t[rail].expected && (listed || !is_fenced(c, rail)))
            return refuse(rail, "more completions than were announced");
        s.missing += t[rail].counted < t[rail].expected ? 1 : 0;
    }
    return true;
}

arrival_ledger::result arrival_ledger::announce(uint32_t connection, arrival_tag tag,
                                                std::span<const rail_count> expected, uint64_t ticket) noexcept {
    result r;
    r.ticket = ticket;
    slot_state* const s = owned(connection, tag, r);
    if (s == nullptr)
        return r;
    if (s->is != stage::open) {
        r.is = verdict::wrong;
        r.why = "an arrival slot announced for the second time";
        return r;
    }
    if (!expect(*s, expected, r))
        return r;
    // Sent after the fence: the initiator repeats what that rail carried, so it must not be shown, complete or not.
    for (const rail_count& e : expected)
        if (is_fenced(connections_[connection], e.rail)) {
            r.is = verdict::withdrawn;
            r.rail = e.rail;
            return r;
        }
    s->is = stage::announced;
    s->ticket = ticket;
    if (s->missing == 0)
        finish(*s, r);
    return r;
}

arrival_ledger::result arrival_ledger::retire(uint32_t connection, arrival_tag tag,
                                              std::span<const rail_count> expected, bool& withdrew) noexcept {
    result r;
    withdrew = false;
    // It crossed the acknowledgement of its announcement, which has granted the next generation already.
    if (tag.slot < slots_.size() && slots_[tag.slot].generation == tag.next().generation && tag.slot != 0 &&
        slots_[tag.slot].is != stage::free && slots_[tag.slot].owner == connection)
        return r;
    slot_state* const s = owned(connection, tag, r);
    if (s == nullptr)
        return r;
    if (s->is == stage::retiring) {
        r.is = verdict::wrong;
        r.why = "an arrival slot retired for the second time";
        return r;
    }
    withdrew = s->is == stage::announced;
    r.ticket = s->ticket;
    if (!expect(*s, expected, r))
        return r;
    s->is = stage::retiring;
    for (const rail_count& e : expected) { // fenced by this end meanwhile: nothing more comes from there
        tally& t = tallies(tag.slot)[e.rail];
        if (is_fenced(connections_[connection], e.rail) && t.counted < t.expected) {
            t.expected = t.counted;
            --s->missing;
        }
    }
    if (s->missing == 0)
        finish(*s, r);
    return r;
}

// All counted: the next generation begins.
void arrival_ledger::finish(slot_state& s, result& r) noexcept {
    const bool shown = s.is == stage::announced;
    r.is = shown ? verdict::complete : verdict::retired;
    if (shown)
        r.ticket = s.ticket;
    next_generation(s, r.tag.slot);
    if (!shown)
        r.tag.generation = s.generation;
}

void arrival_ledger::next_generation(slot_state& s, uint32_t slot) noexcept {
    std::fill_n(tallies(slot), rails_, tally{});
    ++s.generation;
    s.missing = 0;
    s.ticket = 0;
    s.is = stage::open;
}

void arrival_ledger::fence_rail(uint32_t connection, uint32_t rail, std::vector<result>& changes) {
    connection_state& c = connections_[connection];
    if (rail >= c.consumed.size() || is_fenced(c, rail))
        return;
    c.fenced |= 1u << rail;
    for (const uint32_t slot : c.slots) {
        slot_state& s = slots_[slot];
        tally& t = tallies(slot)[rail];
        if (s.is == stage::open || t.counted >= t.expected)
            continue; // complete on this rail: that stands
        result r;
        r.connection = connection;
        r.tag = {slot, s.generation};
        r.rail = rail;
        r.counted = t.counted;
        r.expected = t.expected;
        r.ticket = s.ticket;
        if (s.is == stage::announced) {
            r.is = verdict::withdrawn;
            s.is = stage::open; // until the initiator retires it
            s.missing = 0;
            changes.push_back(r);
        } else {
            t.expected = t.counted;
            if (--s.missing == 0) {
                finish(s, r);
                changes.push_back(r);
            }
        }
    }
}

void arrival_ledger::fence(uint32_t connection, std::vector<result>& changes) {
    connection_state& c = connections_[connection];
    c.fenced = ~0u;
    for (const uint32_t slot : c.slots) {
        slot_state& s = slots_[slot];
        if (s.is != stage::announced)
            continue;
        result r;
        r.is = verdict::withdrawn;
        r.connection = connection;
        r.tag = {slot, s.generation};
        r.ticket = s.ticket;
        s.is = stage::open;
        changes.push_back(r);
    }
}

void arrival_ledger::release(uint32_t connection) noexcept {
    connection_state& c = connections_[connection];
    for (const uint32_t slot : c.slots) {
        next_generation(slots_[slot], slot);
        slots_[slot].is = stage::free;
        slots_[slot].next_free = 0;
        (free_head_ != 0 ? slots_[free_tail_].next_free : free_head_) = slot;
        free_tail_ = slot;
    }
    c.slots.clear();
    c.used = false;
}

uint32_t arrival_ledger::take_credits(uint32_t connection, uint32_t rail, uint32_t enough) noexcept {
    uint32_t& consumed = connections_[connection].consumed[rail];
    const uint32_t n = consumed;
    if (n == 0 || n < enough)
        return 0;
    consumed = 0;
    return n;
}

uint32_t arrival_ledger::granted(uint32_t connection) const noexcept {
    return static_cast<uint32_t>(connections_[connection].slots.size());
}

std::string arrival_ledger::text(const result& r) {
    std::string s = r.why != nullptr ? r.why : "arrival";
    s += ": slot " + std::to_string(r.tag.slot) + " generation " + std::to_string(r.tag.generation) + ", rail " +
         std::to_string(r.rail);
    if (r.counted != 0 || r.expected != 0)
        s += ", " + std::to_string(r.counted) + " counted of " + std::to_string(r.expected);
    return s;
}

std::string arrival_ledger::text(uint32_t connection) const {
    static constexpr const char* names[] = {"free", "open", "announced", "retiring"};
    const connection_state& c = connections_[connection];
    std::string all = "fenced rails " + std::to_string(c.fenced);
    for (const uint32_t slot : c.slots) {
        const slot_state& s = slots_[slot];
        all += "; " + std::to_string(slot) + "." + std::to_string(s.generation) + " " +
               names[static_cast<std::size_t>(s.is)];
        for (uint32_t rail = 0; rail < c.consumed.size(); ++rail)
            if (const tally t = tallies(slot)[rail]; t.counted != 0 || (s.is != stage::open && t.expected != 0))
                all += " rail " + std::to_string(rail) + ": " + std::to_string(t.counted) + "/" +
                       std::to_string(s.is != stage::open ? t.expected : 0);
    }
    return all;
}

} // namespace nixl
