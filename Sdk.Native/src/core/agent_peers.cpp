// Peers: choosing a transport, connecting with fallback, invalidating.
#include "core/agent.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstring>

namespace nixl {

namespace {

constexpr const char* names[transport_count] = {"loopback", "local", "fabric"};
constexpr std::size_t buried_limit = 256; // final peers that nixl_peer_info still knows

bool is_final(nixl_peer_state_t s) noexcept {
    return s == NIXL_PEER_DISCONNECTED || s == NIXL_PEER_INVALIDATED;
}

void append_reason(std::string& reason, const char* transport, std::string_view text) {
    if (!reason.empty())
        reason += "; ";
    reason += transport;
    reason += ": ";
    reason += text;
}

// State and reason change together: whoever sees the state may ask for its reason. Without one the last reason stays.
void enter(agent_peer& p, nixl_peer_state_t state, std::string_view reason) noexcept {
    const auto text = p.text_lock();
    try {
        if (!reason.empty())
            p.reason = reason;
    } catch (...) { // only the explanation is lost
    }
    p.state.store(state);
}

template <std::size_t N>
void copy_text(char (&to)[N], std::string_view from) noexcept {
    const std::size_t n = std::min(from.size(), N - 1);
    std::memcpy(to, from.data(), n);
    to[n] = 0;
}

// Regions that are the same in both keep their object (and what the transport keeps in it); the rest of the older ones
// are revoked, so that posts to them fail from now on.
void carry_over_regions(const peer_metadata& older, peer_metadata& newer) {
    const auto same = [](const remote_region& a, const remote_region& b) {
        return a.id == b.id && a.base == b.base && a.length == b.length && a.kind == b.kind && a.device == b.device &&
               a.keys == b.keys;
    };
    const auto before = [](const std::shared_ptr<remote_region>& a, const std::shared_ptr<remote_region>& b) {
        return region_order(*a, *b);
    };
    for (const auto& old : older.regions) {
        auto [at, end] = std::equal_range(newer.regions.begin(), newer.regions.end(), old, before);
        at = std::find_if(at, end, [&](const auto& r) { return same(*r, *old); });
        if (at != end)
            *at = old;
        else
            old->revoked.store(true, std::memory_order_release);
    }
}

} // namespace

uint32_t agent::usable_transports(const peer_metadata& m, uint32_t allowed, std::string& why_not) const {
    uint32_t usable = 0;
    for (uint32_t i = 0; i < transport_count; ++i) {
        std::string why;
        if (!transports_[i])
            why = unavailable_[i];
        else if ((allowed & (1u << i)) == 0)
            why = "not allowed for this peer";
        else if (m.addresses[i].empty())
            why = "not offered by the peer";
        else if (transports_[i]->reachable(m, why))
            usable |= 1u << i;
        if ((usable & (1u << i)) == 0)
            append_reason(why_not, names[i], why);
    }
    return usable;
}

failure agent::connect(const nixl_peer_params_t& params, uint64_t& id) {
    if (params.metadata == nullptr || params.metadata_length == 0)
        return fail(NIXL_ERR_MISMATCH, "the peer's metadata is empty");
    auto metadata = std::make_shared<peer_metadata>();
    if (failure f = decode_metadata({params.metadata, params.metadata_length}, *metadata); !f.ok())
        return f;
    if (metadata->name == settings_.name)
        return fail(NIXL_ERR_INVALID_PARAM, "this is the metadata of an agent with this agent's own name")
            .of(metadata->name);
    const uint32_t allowed = params.transports != 0 ? params.transports & settings_.transports : settings_.transports;

    std::string why_not;
    const uint32_t usable = usable_transports(*metadata, allowed, why_not);

    std::shared_ptr<agent_peer> stale;
    std::shared_ptr<agent_peer> made;
    {
        const std::lock_guard lock(peers_mutex_);
        if (const auto known = peers_by_name_.find(metadata->name); known != peers_by_name_.end()) {
            std::shared_ptr<agent_peer> old = peers_.find(known->second);
            if (old && !is_final(old->state.load())) {
                if (old->incarnation() == metadata->incarnation) {
                    id = old->id();
                    return join_peer(*old, metadata, params.user_data);
                }
                stale = std::move(old);
            }
        }
        if (usable == 0)
            return fail(NIXL_ERR_BACKEND, "no transport reaches this peer: %.440s", why_not.c_str()).of(metadata->name);
        auto waiter = std::make_shared<connect_waiter>(params.user_data);
        id = peers_.insert([&](uint64_t handle) { return made = std::make_shared<agent_peer>(handle, metadata); });
        if (id == 0)
            return fail(NIXL_ERR_BUSY, "the agent's table of peers is full").of(metadata->name);
        made->waiters.push_back(std::move(waiter));
        made->candidates = usable;
        made->connect_until = deadline::after(timeout_or_default(params.timeout_ns));
        made->reason = why_not;
        peers_by_name_[metadata->name] = id;
    }
    if (stale)
        make_final(
            *stale, NIXL_PEER_INVALIDATED,
            fail(NIXL_ERR_STALE_PEER, "the agent has been started again: its incarnation changed").of(stale->name()));
    try_next_transport(*made);
    return failure::success();
}

// Under peers_mutex_. The same incarnation again: newer regions, and one more that waits for the outcome.
failure agent::join_peer(agent_peer& p, const std::shared_ptr<peer_metadata>& newer, uint64_t user_data) {
    const std::shared_ptr<const peer_metadata> older = p.metadata();
    if (older->addresses != newer->addresses)
        return fail(NIXL_ERR_NOT_ALLOWED, "the addresses in the metadata changed although the incarnation did not; "
                                          "invalidate the peer first")
            .of(p.name());
    auto waiter = std::make_shared<connect_waiter>(user_data);
    carry_over_regions(*older, *newer);
    p.replace_metadata(newer);
    if (p.connecting) {
        p.waiters.push_back(std::move(waiter));
        return failure::success();
    }
    p.chosen.load()->regions_changed(p); // hands over only
    publish_connect(waiter, p, failure::success());
    return failure::success();
}

void agent::try_next_transport(agent_peer& p) noexcept {
    transport* next = nullptr;
    deadline until;
    {
        const std::lock_guard lock(peers_mutex_);
        if (!p.connecting || p.candidates == 0)
            return;
        uint32_t left = 0;
        for (uint32_t i = transport_count; i-- > 0;)
            if ((p.candidates & (1u << i)) != 0) {
                next = transports_[i].get();
                ++left;
            }
        p.candidates &= ~static_cast<uint32_t>(next->kind());
        p.chosen.store(next);
        // A share of the time, so that a cheaper transport that hangs leaves some for the next one.
        const uint64_t now = now_ns();
        until = deadline::after(p.connect_until.remaining_ns(now) / left, now);
    }
    next->connect(p, until);
}

void agent::peer_connected(peer& base, const failure& result) noexcept {
    auto& p = static_cast<agent_peer&>(base);
    bool again = false;
    bool abandoned = false;
    if (const std::lock_guard lock(peers_mutex_); !p.connecting) {
        abandoned = true;
    } else {
        const char* name = names[transport_index(p.chosen.load()->kind())];
        const auto text = p.text_lock();
        try {
            append_reason(p.reason, name, result.ok() ? "chosen, the cheapest that reaches the peer" : result.text);
        } catch (...) { // only the explanation is lost
        }
        again = !result.ok() && p.candidates != 0 && !p.connect_until.passed() && !closed_.load();
    }
    if (abandoned) {
        // Cancelled or invalidated meanwhile. That has called disconnect, but perhaps just before connect.
        if (result.ok())
            p.chosen.load()->disconnect(p, fail(NIXL_ERR_CANCELED, "the connect was given up"));
        return;
    }
    if (again)
        try_next_transport(p);
    else
        finish_connect(p, result.ok() ? NIXL_PEER_CONNECTED : NIXL_PEER_DISCONNECTED, result);
}

void agent::finish_connect(agent_peer& p, nixl_peer_state_t state, const failure& result) noexcept {
    std::vector<std::shared_ptr<connect_waiter>> waiters;
    {
        const std::lock_guard lock(peers_mutex_);
        if (!p.connecting)
            return;
        p.connecting = false;
        p.state.store(state);
        waiters.swap(p.waiters);
    }
    // More than one waits: newer metadata may have been loaded while the transport was looking at the older.
    if (result.ok() && waiters.size() > 1)
        p.chosen.load()->regions_changed(p);
    for (const auto& w : waiters)
        publish_connect(w, p, result);
    if (is_final(state))
        bury(p);
}

void agent::publish_connect(const std::shared_ptr<connect_waiter>& w, agent_peer& p, const failure& result) noexcept {
    inbox_.publish(*w, [&](event_node& node) {
        node.keep = w;
        node.event.user_data = w->user_data;
        node.event.kind = NIXL_EVENT_PEER_CONNECTED;
        node.event.flags = NIXL_EVENT_OUTCOME | NIXL_EVENT_QUIESCED;
        node.event.status = result.status;
        node.event.system_error = result.system_error;
        node.event.peer = p.id();
        node.event.entry = UINT64_MAX;
        node.event.settled_ns = now_ns();
    });
}

void agent::peer_changed(peer& base, nixl_peer_state_t state, const std::string& reason) noexcept {
    auto& p = static_cast<agent_peer&>(base);
    {
        const std::lock_guard lock(peers_mutex_);
        if (p.connecting || is_final(p.state.load()) || p.state.load() == state)
            return;
        enter(p, state, state != NIXL_PEER_CONNECTED ? std::string_view(reason) : std::string_view());
    }
    report_peer_state(p, state == NIXL_PEER_SUSPECT        ? NIXL_ERR_SUSPECT_PEER
                         : state == NIXL_PEER_DISCONNECTED ? NIXL_ERR_REMOTE_DISCONNECT
                                                           : NIXL_SUCCESS);
    if (state == NIXL_PEER_DISCONNECTED)
        bury(p);
}

void agent::report_peer_state(agent_peer& p, int32_t status) noexcept {
    inbox_.publish(p.state_event, [&](event_node& node) {
        node.keep = p.shared_from_this();
        node.event.kind = NIXL_EVENT_PEER_STATE;
        node.event.status = status;
        node.event.peer = p.id();
        node.event.entry = UINT64_MAX;
        node.event.settled_ns = now_ns();
    });
}

// By us: invalidated, restarted under the same name, or its connect cancelled.
void agent::make_final(agent_peer& p, nixl_peer_state_t state, const failure& why) noexcept {
    const std::shared_ptr<peer> keep = p.shared_from_this();
    bool gone_before = false;
    bool was_connecting = false;
    {
        const std::lock_guard lock(peers_mutex_);
        gone_before = is_final(p.state.load());
        was_connecting = p.connecting;
        if (!was_connecting)
            enter(p, state, why.text);
    }
    if (was_connecting)
        finish_connect(p, state, why);
    if (!gone_before) {
        if (transport* t = p.chosen.load(); t != nullptr)
            t->disconnect(p, why);
        if (!was_connecting) {
            report_peer_state(p, why.status);
            bury(p);
        }
    }
}

void agent::bury(const agent_peer& p) noexcept {
    std::shared_ptr<agent_peer> evicted; // destroyed outside the lock
    const std::lock_guard lock(peers_mutex_);
    try {
        if (const auto at = peers_by_name_.find(p.name()); at != peers_by_name_.end() && at->second == p.id())
            peers_by_name_.erase(at);
        buried_.push_back(p.id());
        if (buried_.size() > buried_limit) {
            evicted = peers_.erase(buried_.front());
            buried_.pop_front();
        }
    } catch (...) { // the peer stays in the table: harmless
    }
}

failure agent::invalidate(uint64_t id) {
    const std::shared_ptr<agent_peer> p = peers_.find(id);
    if (!p || p->state.load() == NIXL_PEER_INVALIDATED)
        return fail(NIXL_ERR_NOT_FOUND, "no such peer, or it has been invalidated before");
    make_final(*p, NIXL_PEER_INVALIDATED,
               fail(NIXL_ERR_STALE_PEER, "the peer was invalidated by this agent").of(p->name()));
    return failure::success();
}

failure agent::peer_info(uint64_t id, nixl_peer_info_t& info) const {
    const std::shared_ptr<agent_peer> p = peers_.find(id);
    if (!p)
        return fail(NIXL_ERR_NOT_FOUND, "no such peer");
    info = {};
    copy_text(info.name, p->name());
    info.incarnation = p->incarnation();
    info.regions = p->metadata()->regions.size();
    info.in_flight_operations = p->in_flight_operations.load();
    info.in_flight_bytes = p->in_flight_bytes.load();
    info.process_id = p->process_id.load();
    const transport* t = p->chosen.load();
    transport_description described;
    if (t != nullptr)
        described = t->describe();
    info.transport = t != nullptr ? t->kind() : NIXL_TRANSPORT_NONE;
    const auto text = p->text_lock();
    info.state = p->state.load();
    copy_text(info.transport_version, p->transport_version.empty() ? described.library : p->transport_version);
    copy_text(info.provider, p->provider.empty() ? described.provider : p->provider);
    copy_text(info.reason, p->reason);
    return failure::success();
}

failure agent::peer_rails(uint64_t id, nixl_rail_info_t* rails, uint64_t capacity, uint64_t& count) const {
    const std::shared_ptr<agent_peer> p = peers_.find(id);
    if (!p)
        return fail(NIXL_ERR_NOT_FOUND, "no such peer");
    const auto text = p->text_lock();
    count = p->rails.size();
    if (capacity < count)
        return fail(NIXL_ERR_BUFFER_TOO_SMALL, "there are %zu rails", p->rails.size());
    for (std::size_t i = 0; i < p->rails.size(); ++i) {
        const rail_report& r = *p->rails[i];
        nixl_rail_info_t& out = rails[i];
        out = {};
        out.rail = static_cast<uint32_t>(i);
        out.state = r.state.load();
        out.written_bytes = r.written_bytes.load();
        out.read_bytes = r.read_bytes.load();
        out.operations = r.operations.load();
        out.repeated = r.repeated.load();
        out.losses = r.losses.load();
        copy_text(out.device, r.device);
    }
    return failure::success();
}

} // namespace nixl
