#include "transports/loopback/endpoint.hpp"

#include "core/identity.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace nixl::loopback {

bool gate::close(deadline until) noexcept {
    closed_.store(true);
    // A copy is at most one chunk long, so this is a matter of microseconds.
    while (inside_.load() != 0) {
        if (until.passed())
            return false;
        std::this_thread::yield();
    }
    return true;
}

endpoint::endpoint(const agent_settings& settings, transport_events& events, efa_mailbox& mailbox)
    : key_(random_u64()), name_(settings.name), incarnation_(settings.incarnation),
      credits_(settings.max_notifications), events_(events), mailbox_(mailbox) {}

uint64_t endpoint::add_window(uint64_t base, uint64_t length) {
    auto made = std::make_shared<window>(base, length);
    const std::lock_guard lock(mutex_);
    uint64_t window_key = random_u64();
    while (!windows_.try_emplace(window_key, made).second)
        window_key = random_u64();
    return window_key;
}

bool endpoint::remove_window(uint64_t window_key, deadline until) noexcept {
    const std::shared_ptr<window> w = find_window(window_key);
    if (!w)
        return true;
    if (!w->revoke(until))
        return false;
    const std::lock_guard lock(mutex_);
    windows_.erase(window_key);
    return true;
}

std::shared_ptr<window> endpoint::find_window(uint64_t window_key) const {
    const std::lock_guard lock(mutex_);
    const auto at = windows_.find(window_key);
    return at != windows_.end() ? at->second : nullptr;
}

std::shared_ptr<inbound> endpoint::accept(const std::string& expected_name, uint64_t expected_incarnation,
                                          const std::string& initiator, uint64_t initiator_incarnation, watcher* w,
                                          failure& why) {
    auto made = std::make_shared<inbound>(initiator, initiator_incarnation, credits_, w);
    const std::lock_guard lock(mutex_);
    if (closed_)
        why = fail(NIXL_ERR_REMOTE_DISCONNECT, "the agent has closed").of(expected_name);
    else if (expected_name != name_ || expected_incarnation != incarnation_)
        why = fail(NIXL_ERR_STALE_PEER, "another agent or another incarnation answers there").of(expected_name);
    if (!why.ok())
        return nullptr;
    connections_.push_back(made);
    return made;
}

void endpoint::drop(const std::shared_ptr<inbound>& connection) noexcept {
    connection->initiator_closed();
    const std::lock_guard lock(mutex_);
    std::erase(connections_, connection);
}

endpoint::delivery endpoint::deliver(const std::shared_ptr<inbound>& from, arrival&& a) noexcept {
    const std::lock_guard lock(mutex_); // close() waits for it, so that events_ is alive
    if (closed_)
        return delivery::closed;
    if (!from->has_credit())
        return delivery::no_credit;
    if (!events_.notification_arrived(std::move(a)))
        return delivery::no_credit;
    delivered_.fetch_add(1, std::memory_order_relaxed);
    return delivery::done;
}

void endpoint::send(efa_frame&& f) noexcept {
    const std::lock_guard lock(mutex_); // close() waits for it, so that the mailbox is alive
    if (!closed_)
        mailbox_.arrived(std::move(f));
}

void endpoint::close() noexcept {
    std::vector<std::shared_ptr<inbound>> connections;
    std::unordered_map<uint64_t, std::shared_ptr<window>> windows;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        connections.swap(connections_);
        windows.swap(windows_);
    }
    for (const auto& [window_key, w] : windows)
        w->revoke(deadline::never()); // whoever is inside leaves after one chunk
    for (const auto& c : connections)
        c->tell_closed(key_);
}

namespace {

struct registry {
    std::mutex mutex;
    std::unordered_map<uint64_t, std::weak_ptr<endpoint>> endpoints;
};

registry& the_registry() {
    static auto* r = new registry; // never destroyed: agents may close during static destruction
    return *r;
}

} // namespace

void publish(const std::shared_ptr<endpoint>& e) {
    registry& r = the_registry();
    const std::lock_guard lock(r.mutex);
    r.endpoints[e->key()] = e;
}

void withdraw(uint64_t key) noexcept {
    registry& r = the_registry();
    const std::lock_guard lock(r.mutex);
    r.endpoints.erase(key);
}

std::shared_ptr<endpoint> find_endpoint(uint64_t key) {
    registry& r = the_registry();
    const std::lock_guard lock(r.mutex);
    const auto at = r.endpoints.find(key);
    return at != r.endpoints.end() ? at->second.lock() : nullptr;
}

} // namespace nixl::loopback
