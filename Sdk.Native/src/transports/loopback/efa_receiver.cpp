#include "transports/loopback/efa_receiver.hpp"

#include <algorithm>
#include <utility>

namespace nixl::loopback {

void efa_receiver::handle(efa_frame&& f) {
    if (f.is == efa_frame::kind::opened)
        return open(f);
    const auto known = numbers_.find(f.from.get());
    if (known == numbers_.end())
        return;
    const uint32_t number = known->second;
    if (f.is == efa_frame::kind::closed)
        return close(number);
    if (connections_[number].broken)
        return;
    switch (f.is) {
    case efa_frame::kind::immediate: {
        apply(ledger_.count(f.immediate, f.rail));
        late_.store(ledger_.late(), std::memory_order_relaxed);
        if (const uint32_t n = ledger_.take_credits(number, f.rail, window / 2); n != 0)
            f.from->answer({efa_answer::kind::credit, f.from, f.rail, n});
        break;
    }
    case efa_frame::kind::notify:
        notify(number, std::move(f));
        break;
    case efa_frame::kind::retire: {
        bool withdrew = false;
        const auto r = ledger_.retire(number, arrival_tag::from(f.immediate), f.expected, withdrew);
        if (withdrew)
            answer(r.ticket, number, false);
        apply(r);
        break;
    }
    case efa_frame::kind::fence:
        f.from->rail(f.rail).close(deadline::never()); // whoever is inside leaves after one operation
        changes_.clear();
        ledger_.fence_rail(number, f.rail, changes_);
        for (const auto& r : changes_)
            apply(r);
        f.from->answer({efa_answer::kind::fenced, f.from, f.rail});
        break;
    case efa_frame::kind::opened:
    case efa_frame::kind::closed:
        break;
    }
}

void efa_receiver::open(const efa_frame& f) {
    const uint32_t number = ledger_.connect(f.rail);
    connections_.resize(std::max<std::size_t>(connections_.size(), number + 1));
    connections_[number] = {f.from, false};
    numbers_[f.from.get()] = number;
    efa_answer slots{efa_answer::kind::granted, f.from};
    ledger_.grant(number, slots_per_connection, slots.immediates);
    f.from->answer(std::move(slots));
    for (uint32_t rail = 0; rail < f.rail; ++rail)
        f.from->answer({efa_answer::kind::credit, f.from, rail, window});
}

void efa_receiver::close(uint32_t number) {
    for (uint32_t rail = 0; rail < max_rails; ++rail)
        connections_[number].from->rail(rail).close(deadline::never());
    changes_.clear();
    ledger_.fence(number, changes_);
    for (const auto& r : changes_)
        held_.erase(r.ticket);
    ledger_.release(number);
    numbers_.erase(connections_[number].from.get());
    connections_[number] = {};
}

void efa_receiver::notify(uint32_t number, efa_frame&& f) {
    const uint64_t ticket = ++tickets_;
    held_[ticket] = {f.sequence, std::move(f.what)};
    arrival_ledger::result r;
    r.is = arrival_ledger::verdict::complete;
    r.connection = number;
    r.ticket = ticket;
    if (f.immediate != 0)
        r = ledger_.announce(number, arrival_tag::from(f.immediate), f.expected, ticket);
    apply(r);
}

void efa_receiver::apply(const arrival_ledger::result& r) {
    switch (r.is) {
    case arrival_ledger::verdict::counted:
    case arrival_ledger::verdict::late:
        break;
    case arrival_ledger::verdict::complete: {
        const std::shared_ptr<inbound> from = connections_[r.connection].from;
        const auto delivery = here_.deliver(from, std::move(held_[r.ticket].what));
        if (delivery == endpoint::delivery::done)
            answer(r.ticket, r.connection, true);
        else if (delivery == endpoint::delivery::no_credit)
            break_off(r.connection, "more notifications than there were credits for");
        break;
    }
    case arrival_ledger::verdict::withdrawn:
        answer(r.ticket, r.connection, false);
        break;
    case arrival_ledger::verdict::retired: {
        const std::shared_ptr<inbound>& to = connections_[r.connection].from;
        efa_answer granted{efa_answer::kind::granted, to};
        granted.immediates.push_back(r.tag.immediate());
        to->answer(std::move(granted));
        break;
    }
    case arrival_ledger::verdict::wrong:
        break_off(r.connection, arrival_ledger::text(r));
        break;
    }
}

void efa_receiver::answer(uint64_t ticket, uint32_t number, bool shown) {
    const auto at = held_.find(ticket);
    if (at == held_.end())
        return;
    const std::shared_ptr<inbound>& to = connections_[number].from;
    efa_answer a{efa_answer::kind::acknowledged, to};
    a.sequence = at->second.sequence;
    a.shown = shown;
    held_.erase(at);
    to->answer(std::move(a));
}

void efa_receiver::break_off(uint32_t number, const std::string& why) {
    const std::shared_ptr<inbound>& to = connections_[number].from;
    connections_[number].broken = true;
    efa_answer a{efa_answer::kind::broken, to};
    a.why = why;
    to->answer(std::move(a));
}

} // namespace nixl::loopback
