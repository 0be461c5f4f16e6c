#include "transports/fabric/link.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

namespace nixl::fabric {

uint64_t environment::window_operations() const noexcept {
    const uint64_t limit = provider->limits().operations;
    const uint64_t wanted = std::max<uint64_t>(settings.window_operations, 1);
    return limit == 0 ? wanted : std::min(wanted, limit);
}

uint64_t environment::piece_bytes() const noexcept {
    return std::max<uint64_t>(std::min(settings.chunk_bytes, provider->limits().max_message), 1);
}

link::~link() = default;

void link::retire() {
    drop_endpoint();
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

void link::open_endpoint(int control_socket) {
    ::sockaddr_storage own{};
    ::socklen_t length = sizeof own;
    const bool known = ::getsockname(control_socket, reinterpret_cast<::sockaddr*>(&own), &length) == 0;
    // Room for every operation of the window and, on the passive side, for what the provider itself reports.
    const uint64_t completions = std::max<uint64_t>(2 * env_.window_operations(), 64);
    env_.openers.run([self = weak_from_this(), own, known, completions, d = env_.provider, &loop = env_.loop] {
        std::string why;
        // std::function wants copyable captures.
        auto made = std::make_shared<std::unique_ptr<endpoint>>(
            endpoint::open(d, known ? reinterpret_cast<const ::sockaddr*>(&own) : nullptr, completions, why));
        loop.post([self, made, why] {
            if (const auto alive = self.lock(); alive != nullptr && !alive->finished()) {
                alive->opened(std::move(*made), why);
            }
        });
    });
}

failure link::attach(std::unique_ptr<endpoint> e) {
    endpoint_ = std::move(e);
    return endpoint_->wait_fd() < 0 ? failure::success() : env_.loop.watch(endpoint_->wait_fd(), EPOLLIN, nullptr);
}

void link::drop_endpoint() noexcept {
    if (endpoint_ == nullptr) {
        return;
    }
    if (endpoint_->wait_fd() >= 0) {
        env_.loop.unwatch(endpoint_->wait_fd());
    }
    endpoint_->drain();
    endpoint_.reset();
}

control::session_settings link::session_settings(uint64_t handshake_ns) const noexcept {
    control::session_settings s;
    s.handshake_ns = handshake_ns;
    s.suspect_after_ns = env_.settings.suspect_after_ns;
    return s;
}

} // namespace nixl::fabric
