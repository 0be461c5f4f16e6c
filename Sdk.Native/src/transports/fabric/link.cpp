#include "transports/fabric/link.hpp"

#include "transports/fabric/wire.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

namespace nixl::fabric {

uint64_t environment::rail_operations() const noexcept {
    const uint64_t limit = provider().limits().operations;
    return limit == 0 ? UINT64_MAX : limit;
}

uint64_t environment::window_operations() const noexcept {
    const uint64_t wanted = std::max<uint64_t>(settings.window_operations, 1);
    const uint64_t limit = rail_operations();
    return limit > wanted / domains.size() ? wanted : std::min(wanted, limit * domains.size());
}

uint64_t environment::piece_bytes() const noexcept {
    return std::max<uint64_t>(std::min(settings.chunk_bytes, provider().limits().max_message), 1);
}

uint64_t environment::bulk_bytes(uint64_t rails) const noexcept {
    constexpr uint64_t socket_bytes = 2u << 20; // measured: more makes a stream no faster
    return packing.cost.stream ? std::min(settings.window_bytes, rails * socket_bytes) : settings.window_bytes;
}

link::~link() = default;

bool link::wants_timer() const {
    return std::any_of(rails_.begin(), rails_.end(),
                       [](const rail& r) { return r.path != nullptr && r.path->wait_fd() < 0; });
}

bool link::may_sleep() {
    return std::all_of(rails_.begin(), rails_.end(),
                       [](const rail& r) { return r.path == nullptr || r.held || r.path->may_sleep(); });
}

void link::retire() {
    drop_rails();
    if (watched_fd_ >= 0) {
        env_.loop.unwatch(watched_fd_);
        watched_fd_ = -1;
    }
    session_.reset();
}

failure link::attach(std::unique_ptr<control::session> s) {
    session_ = std::move(s);
    watched_ = session_->wanted_events();
    watched_fd_ = session_->fd();
    return env_.loop.watch(watched_fd_, watched_, this);
}

void link::ready(uint32_t events, uint64_t now) {
    session_->ready(events, now);
    update_session();
}

void link::update_session() {
    if (session_ == nullptr || watched_fd_ < 0) {
        return;
    }
    session_->flush();
    if (session_->current() == control::session::state::closed) {
        env_.loop.unwatch(watched_fd_);
        watched_fd_ = -1;
        return;
    }
    const uint32_t wanted = session_->wanted_events();
    if (wanted != watched_) {
        watched_ = wanted;
        env_.loop.rewatch(watched_fd_, wanted, this);
    }
}

void link::open_rails(int control_socket, uint32_t count) {
    ::sockaddr_storage own{};
    ::socklen_t length = sizeof own;
    const bool known = ::getsockname(control_socket, reinterpret_cast<::sockaddr*>(&own), &length) == 0;
    // Room for every operation of the window and, on the passive side, for what the provider itself reports.
    const uint64_t completions = std::max<uint64_t>(2 * env_.window_operations(), 64);
    domain_list on;
    for (uint32_t i = 0; i < count; ++i) {
        on.push_back(env_.domains[env_.domain_of(i)]);
    }
    env_.openers.run([self = weak_from_this(), own, known, completions, on, &loop = env_.loop] {
        std::string why;
        auto made = std::make_shared<endpoint_list>(); // std::function wants copyable captures
        for (const auto& d : on) {
            auto e = endpoint::open(d, known ? reinterpret_cast<const ::sockaddr*>(&own) : nullptr, completions, why);
            if (e == nullptr) {
                made->clear();
                break;
            }
            made->push_back(std::move(e));
        }
        loop.post([self, made, why] {
            if (const auto alive = self.lock(); alive != nullptr && !alive->finished()) {
                alive->opened(std::move(*made), why);
            }
        });
    });
}

failure link::attach(endpoint_list endpoints) {
    rails_.reserve(endpoints.size());
    for (auto& e : endpoints) {
        const auto index = static_cast<uint32_t>(rails_.size());
        const int fd = e->wait_fd();
        if (fd >= 0) {
            if (const failure f = env_.loop.watch(fd, EPOLLIN, nullptr); !f.ok()) {
                return f;
            }
        }
        rails_.emplace_back(index, env_.domain_of(index), std::move(e));
    }
    return failure::success();
}

endpoint_names link::rail_names() const {
    endpoint_names names;
    names.provider = env_.provider().provider();
    for (const rail& r : rails_) {
        names.addresses.push_back(r.path->address());
    }
    return names;
}

bool link::insert_peers(const std::vector<std::string>& addresses, std::string& why) {
    if (addresses.size() != rails_.size()) {
        why = "the peer names " + std::to_string(addresses.size()) + " endpoints for " + std::to_string(rails_.size()) +
              " rails";
        return false;
    }
    for (size_t i = 0; i < addresses.size(); ++i) {
        if (!rails_[i].path->insert_peer(addresses[i], why)) {
            return false;
        }
    }
    return true;
}

void link::drop(rail& r, deadline until) noexcept {
    if (r.path == nullptr) {
        return;
    }
    if (r.path->wait_fd() >= 0) {
        env_.loop.unwatch(r.path->wait_fd());
    }
    r.path->drain(until);
    r.path.reset();
}

void link::drop_rails() noexcept {
    const deadline until = deadline::after(drain_wait_ns);
    for (rail& r : rails_) {
        drop(r, until);
    }
}

control::session_settings link::session_settings(uint64_t handshake_ns) const noexcept {
    control::session_settings s;
    s.handshake_ns = handshake_ns;
    s.suspect_after_ns = env_.settings.suspect_after_ns;
    return s;
}

} // namespace nixl::fabric
