#include "local/harness.hpp"

#include "core/identity.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>

namespace nixl::test {

endpoint::endpoint(std::string name, std::uint32_t max_notifications, std::uint32_t copier_threads) {
    settings.name = std::move(name);
    settings.incarnation = random_u64() | 1;
    settings.max_notifications = max_notifications;
    settings.copier_threads = copier_threads;
    random_bytes(settings.access_token, sizeof settings.access_token);
    failure why;
    transport_ = make_local_transport(settings, *this, why);
    EXPECT_NE(nullptr, transport_) << why.text;
}

endpoint::~endpoint() {
    (void)transport_->close(deadline::after(patience));
}

std::shared_ptr<local_region> endpoint::add_region(void* at, std::uint64_t length, std::shared_ptr<nixl::arena> arena) {
    auto r = std::make_shared<local_region>();
    r->id = ++last_id_;
    r->base = reinterpret_cast<std::uint64_t>(at);
    r->length = length;
    r->arena = std::move(arena);
    const failure f = transport_->register_region(*r);
    EXPECT_TRUE(f.ok()) << f.text;
    regions_.push_back(r);
    return r;
}

failure endpoint::remove_region(const std::shared_ptr<local_region>& r, std::uint64_t timeout_ns) {
    const failure f = transport_->deregister_region(*r, deadline::after(timeout_ns));
    if (f.ok())
        std::erase(regions_, r);
    return f;
}

std::shared_ptr<peer_metadata> endpoint::metadata() const {
    auto m = std::make_shared<peer_metadata>();
    m->name = settings.name;
    m->incarnation = settings.incarnation;
    m->process = this_process();
    std::copy(std::begin(settings.access_token), std::end(settings.access_token), m->access_token.begin());
    transport_->export_address(m->addresses[transport_index(NIXL_TRANSPORT_LOCAL)]);
    for (const auto& r : regions_) {
        auto remote = std::make_shared<remote_region>();
        remote->id = r->id;
        remote->base = r->base;
        remote->length = r->length;
        transport_->export_region(*r, remote->keys[transport_index(NIXL_TRANSPORT_LOCAL)]);
        m->regions.push_back(std::move(remote));
    }
    return m;
}

template <class Predicate>
bool endpoint::wait_until(std::uint64_t timeout_ns, Predicate&& done) {
    std::unique_lock lock(mutex_);
    // system_clock: the wait on the steady clock needs a newer libc than the sanitizers know.
    return changed_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::nanoseconds(timeout_ns), done);
}

std::shared_ptr<peer> endpoint::connect(std::shared_ptr<const peer_metadata> metadata, failure& why,
                                        std::uint64_t timeout_ns) {
    std::string reason;
    if (!transport_->reachable(*metadata, reason)) {
        why = fail(NIXL_ERR_BACKEND, "%s", reason.c_str());
        return nullptr;
    }
    auto p = std::make_shared<peer>(++last_id_, std::move(metadata));
    transport_->connect(*p, deadline::after(timeout_ns));
    if (!wait_until(timeout_ns + patience, [&] { return connects_.contains(p->id()); })) {
        why = fail(NIXL_ERR_UNKNOWN, "no answer from connect");
        return nullptr;
    }
    const std::lock_guard lock(mutex_);
    why = connects_[p->id()];
    return why.ok() ? p : nullptr;
}

std::shared_ptr<const prepared_list> endpoint::local_list(const std::shared_ptr<local_region>& r, block_list l) {
    auto list = std::make_shared<prepared_list>();
    list->regions.push_back({l.base, l.stride, l.length, l.count, 0, r.get(), nullptr});
    list->entries = l.count;
    list->uniform_length = list->bytes_per_entry = l.length;
    return list;
}

std::shared_ptr<const prepared_list> endpoint::remote_list(const std::shared_ptr<peer>& p, std::size_t region,
                                                           block_list l) {
    auto list = std::make_shared<prepared_list>();
    list->target = p;
    list->regions.push_back({l.base, l.stride, l.length, l.count, 0, nullptr, p->metadata()->regions[region].get()});
    list->entries = l.count;
    list->uniform_length = list->bytes_per_entry = l.length;
    return list;
}

std::unique_ptr<operation> endpoint::make(const std::shared_ptr<peer>& p, std::uint64_t timeout_ns) {
    auto o = std::make_unique<operation>();
    o->r.id = ++last_id_;
    o->r.target = p.get();
    o->r.holds_peer = p;
    o->r.until = deadline::after(timeout_ns);
    return o;
}

std::unique_ptr<operation>
endpoint::transfer(const std::shared_ptr<peer>& p, nixl_op_t op, std::shared_ptr<const prepared_list> local,
                   std::shared_ptr<const prepared_list> remote, std::vector<std::uint32_t> local_ids,
                   std::vector<std::uint32_t> remote_ids, std::optional<std::string> text, std::uint64_t timeout_ns) {
    auto o = make(p, timeout_ns);
    o->local_ids = std::move(local_ids);
    o->remote_ids = std::move(remote_ids);
    request& r = o->r;
    r.op = op;
    r.local_list = std::move(local);
    r.remote_list = std::move(remote);
    r.cursor =
        piece_cursor(*r.local_list, *r.remote_list, o->local_ids.data(), o->remote_ids.data(), o->local_ids.size());
    r.total_bytes = r.cursor.remaining();
    r.notify = text.has_value();
    if (text)
        o->payload.assign(text->begin(), text->end());
    r.notification = o->payload;
    return o;
}

std::unique_ptr<operation> endpoint::notification(const std::shared_ptr<peer>& p, const std::string& text,
                                                  std::uint64_t timeout_ns) {
    auto o = make(p, timeout_ns);
    o->r.kind = request_kind::notification;
    o->r.notify = true;
    o->payload.assign(text.begin(), text.end());
    o->r.notification = o->payload;
    return o;
}

std::int32_t endpoint::wait(operation& o, std::uint64_t timeout_ns) {
    if (!wait_until(timeout_ns, [&] { return o.quiesced > 0; }))
        return NIXL_IN_PROGRESS;
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(1, o.outcomes);
    EXPECT_EQ(1, o.quiesced);
    return o.outcome->status;
}

std::optional<arrival> endpoint::next_arrival(std::uint64_t timeout_ns) {
    if (!wait_until(timeout_ns, [&] { return !arrivals_.empty(); }))
        return {};
    arrival a;
    {
        const std::lock_guard lock(mutex_);
        a = std::move(arrivals_.front());
        arrivals_.pop_front();
    }
    a.sender->return_credit();
    return a;
}

bool endpoint::wait_for_state(const peer& p, nixl_peer_state_t state, std::uint64_t timeout_ns) {
    return wait_until(timeout_ns, [&] {
        const auto found = states_.find(p.id());
        return found != states_.end() && found->second == state;
    });
}

void endpoint::peer_connected(peer& p, const failure& result) noexcept {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(connects_.contains(p.id()));
    connects_[p.id()] = result;
    p.state = result.ok() ? NIXL_PEER_CONNECTED : NIXL_PEER_DISCONNECTED;
    changed_.notify_all();
}

void endpoint::peer_changed(peer& p, nixl_peer_state_t state, const std::string&) noexcept {
    const std::lock_guard lock(mutex_);
    states_[p.id()] = state;
    p.state = state;
    changed_.notify_all();
}

void endpoint::request_settled(request& r, const failure& result) noexcept {
    auto& o = reinterpret_cast<operation&>(r); // its first member
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(0, o.quiesced);
    o.outcome = result;
    ++o.outcomes;
}

void endpoint::request_quiesced(request& r) noexcept {
    auto& o = reinterpret_cast<operation&>(r);
    const std::lock_guard lock(mutex_);
    ++o.quiesced;
    changed_.notify_all();
}

bool endpoint::notification_arrived(arrival&& a) noexcept {
    if (!a.sender->take_credit())
        return false;
    const std::lock_guard lock(mutex_);
    arrivals_.push_back(std::move(a));
    changed_.notify_all();
    return true;
}

std::vector<std::uint32_t> shuffled(std::uint32_t count, std::uint32_t of, unsigned seed) {
    std::vector<std::uint32_t> ids(of);
    std::iota(ids.begin(), ids.end(), 0u);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
    ids.resize(count);
    return ids;
}

} // namespace nixl::test
