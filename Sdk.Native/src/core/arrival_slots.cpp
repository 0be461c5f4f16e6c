#include "core/arrival_slots.hpp"

#include <algorithm>

namespace nixl {

bool arrival_slots::grant(uint32_t immediate) {
    const arrival_tag tag = arrival_tag::from(immediate);
    if (tag.slot == 0)
        return false;
    const auto known = std::ranges::find_if(uses_, [&](const auto& u) { return u->tag.slot == tag.slot; });
    if (known != uses_.end()) {
        if ((*known)->is != stage::retiring || tag != (*known)->tag.next())
            return false;
        end(**known);
        return true;
    }
    if (uses_.size() == max_slots)
        return false;
    uses_.push_back(std::make_unique<use>());
    uses_.back()->tag = tag;
    push_free(*uses_.back());
    return true;
}

arrival_slots::use* arrival_slots::take() noexcept {
    use* const u = free_head_;
    if (u == nullptr)
        return nullptr;
    free_head_ = u->next;
    if (free_head_ == nullptr)
        free_tail_ = nullptr;
    u->is = stage::taken;
    return u;
}

void arrival_slots::ended(use& u, uint32_t rail, bool delivered) noexcept {
    if (is_fenced(rail))
        return;
    ++u.ended[rail];
    --u.outstanding;
    if (!delivered)
        u.uncertain |= 1u << rail;
    if (u.is == stage::ending && u.outstanding == 0)
        next_generation(u);
}

std::size_t arrival_slots::expected(const use& u, std::span<rail_count, max_rails> out) const noexcept {
    std::size_t n = 0;
    for (uint32_t rail = 0; rail < max_rails; ++rail)
        if (u.sent[rail] != 0 && !is_fenced(rail))
            out[n++] = {rail, u.sent[rail]};
    return n;
}

arrival_slots::use* arrival_slots::of_notification(uint64_t sequence) noexcept {
    const auto known = std::ranges::find_if(uses_, [&](const auto& u) { return u->notification == sequence; });
    return sequence != 0 && known != uses_.end() ? known->get() : nullptr;
}

void arrival_slots::abandon(use& u) noexcept {
    if (u.notification == 0 && std::ranges::all_of(u.sent, [](uint32_t n) { return n == 0; }))
        return push_free(u); // the target has not heard of it: the same generation
    u.left = true;
    u.is = stage::abandoned;
    ++abandoned_;
}

arrival_slots::use* arrival_slots::retire() noexcept {
    if (abandoned_ == 0)
        return nullptr;
    // One that was announced at once, so that its notification is withdrawn; its number of writes is final. Of another
    // one a write in flight may still fail.
    const auto ready = std::ranges::find_if(uses_, [](const auto& u) {
        return u->is == stage::abandoned && u->uncertain == 0 && (u->outstanding == 0 || u->notification != 0);
    });
    if (ready == uses_.end())
        return nullptr;
    --abandoned_;
    (*ready)->is = stage::retiring;
    return ready->get();
}

bool arrival_slots::on_dying_rail(const use& u) const noexcept {
    for (uint32_t rail = 0; dying_ != 0 && rail < max_rails; ++rail)
        if ((dying_ >> rail & 1) != 0 && u.sent[rail] != 0)
            return true;
    return false;
}

void arrival_slots::fence(uint32_t rail) noexcept {
    if (is_fenced(rail))
        return;
    dying_ &= ~(1u << rail);
    fenced_ |= 1u << rail;
    for (const auto& u : uses_) {
        u->outstanding -= u->sent[rail] - u->ended[rail];
        u->ended[rail] = u->sent[rail];
        u->uncertain &= ~(1u << rail);
        if (u->is == stage::ending && u->outstanding == 0)
            next_generation(*u);
    }
}

void arrival_slots::push_free(use& u) noexcept {
    u.is = stage::free;
    u.next = nullptr;
    (free_tail_ != nullptr ? free_tail_->next : free_head_) = &u;
    free_tail_ = &u;
}

void arrival_slots::end(use& u) noexcept {
    if (u.is == stage::abandoned)
        --abandoned_;
    u.is = stage::ending;
    u.notification = 0;
    if (u.outstanding == 0)
        next_generation(u);
}

void arrival_slots::next_generation(use& u) noexcept {
    u.tag = u.tag.next();
    u.left = false;
    u.uncertain = 0;
    u.sent.fill(0);
    u.ended.fill(0);
    push_free(u);
}

std::string arrival_slots::text() const {
    static constexpr const char* names[] = {"free", "taken", "announced", "ending", "abandoned", "retiring"};
    std::string all = "fenced rails " + std::to_string(fenced_);
    for (const auto& u : uses_) {
        all += "; " + std::to_string(u->tag.slot) + "." + std::to_string(u->tag.generation) + " " +
               names[static_cast<std::size_t>(u->is)];
        if (u->outstanding != 0)
            all += ", " + std::to_string(u->outstanding) + " in flight";
        if (u->uncertain != 0)
            all += ", uncertain on rails " + std::to_string(u->uncertain);
    }
    return all;
}

} // namespace nixl
