// The loopback transport in EFA mode: between its requests, its connections and the two ends of each.
#include "transports/loopback/progress.hpp"

#include <algorithm>

namespace nixl::loopback {

bool loopback_transport::starts_in_efa_mode(const request& r) const noexcept {
    return r.stage == moving && r.started_ns == 0 && faults_.rails != 0;
}

void loopback_transport::advance_efa(request& r, uint64_t now, bool& busy) noexcept {
    auto& l = static_cast<link&>(*r.target->transport_state); // check_fate has seen that it is not gone
    if (!l.efa)
        l.efa = std::make_unique<efa_sender>(static_cast<efa_owner&>(*this), settings_, l.target, l.connection);
    l.efa->advance(r, now, busy);
}

void loopback_transport::progress_efa(bool& busy, deadline& next) noexcept {
    const uint64_t now = now_ns();
    for (const auto& l : links_)
        if (l->efa && !l->gone)
            l->efa->progress(now, busy, next);
}

void loopback_transport::take_answer(const efa_answer& a) noexcept {
    const auto at = std::ranges::find_if(links_, [&](const auto& l) { return l->connection == a.to && !l->gone; });
    if (at == links_.end())
        return;
    const std::shared_ptr<link> l = *at;
    std::string why;
    if (l->efa->answered(a, why))
        return;
    lose_link(l, fail(NIXL_ERR_BACKEND, "a protocol error of the loopback transport: %s", why.c_str()), why.c_str());
    std::erase(links_, l);
}

void loopback_transport::lose_link(const std::shared_ptr<link>& l, const failure& why, const char* reason) noexcept {
    const std::shared_ptr<peer> p = l->owner;
    failure named = why;
    end_link(*l, named.of(p->name()));
    settle_link(*l);
    events_.peer_changed(*p, NIXL_PEER_DISCONNECTED, reason);
}

bool loopback_transport::injected_failure() noexcept {
    ++operation_count_;
    operations_.fetch_add(1, std::memory_order_relaxed);
    return faults_.fail_every != 0 && operation_count_ % faults_.fail_every == 0;
}

void loopback_transport::moved(nixl_op_t op, uint64_t bytes) noexcept {
    (op == NIXL_OP_WRITE ? written_ : read_).fetch_add(bytes, std::memory_order_relaxed);
}

} // namespace nixl::loopback
