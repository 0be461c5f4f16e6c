#include "transports/local/inbound.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

namespace nixl::local {
namespace {

constexpr std::uint64_t greeting_ns = 10'000'000'000;

control::unique_fd duplicate(int fd) noexcept {
    return control::unique_fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

control::access_token token_of(const agent_settings& s) noexcept {
    control::access_token t;
    static_assert(sizeof s.access_token == sizeof t);
    std::copy(std::begin(s.access_token), std::end(s.access_token), t.begin());
    return t;
}

} // namespace

failure inbound::start(control::unique_fd socket, std::uint64_t now) {
    control::peer_process who;
    failure why;
    if (!control::peer_process_of(socket.get(), who, why))
        return why;
    if (who.uid != ::geteuid())
        return fail(NIXL_ERR_PERMISSION, "a process of user %u wanted to connect", static_cast<unsigned>(who.uid));
    pid_ = who.pid;
    pidfd_ = std::move(who.pidfd);
    return attach(control::session::receive(std::move(socket), session_settings(greeting_ns), *this, now));
}

failure inbound::let_in(const control::hello& m, std::vector<control::unique_fd>& fds) {
    const control::target_identity self{context_.settings.name, context_.settings.incarnation,
                                        token_of(context_.settings), NIXL_TRANSPORT_LOCAL};
    if (const failure f = control::check_hello(m, self); !f.ok())
        return f;
    if (pidfd_)
        if (const failure f = watch_exit(pidfd_.get()); !f.ok())
            return f;
    auto for_page = pidfd_ ? duplicate(pidfd_.get()) : control::unique_fd();
    if (const failure f = context_.regions.open_page(std::string(m.initiator_name), std::move(for_page), page_);
        !f.ok())
        return f;
    std::shared_ptr<inlet> made;
    control::unique_fd their_bell;
    if (const failure f = inlet::open(context_, m, id_, made, their_bell); !f.ok())
        return f;
    if (const failure f = context_.loop().watch(made->bell().fd(), EPOLLIN, bell_handler_); !f.ok())
        return f;
    inlet_ = std::move(made);
    context_.events.source_opened(inlet_);
    fds.push_back(duplicate(page_->page.fd()));
    fds.push_back(duplicate(inlet_->memory_fd()));
    fds.push_back(std::move(their_bell));
    if (!fds[0] || !fds[1])
        return fail_errno(NIXL_ERR_BACKEND, errno, "no descriptors for what is shared with an initiator");
    permit(pid_);
    return failure::success();
}

void inbound::on_hello(control::session& s, const control::hello& m) {
    std::vector<control::unique_fd> fds;
    if (const failure f = let_in(m, fds); !f.ok())
        return s.refuse(f);
    welcome_bytes w;
    w.nonce_address = reinterpret_cast<std::uint64_t>(context_.own_nonce.data());
    w.nonce = context_.own_nonce;
    s.accept(context_.settings.max_notifications, encode(w), std::move(fds));
}

void inbound::on_notify(control::session&, const control::notify&) {
    close(fail(NIXL_ERR_BACKEND, "protocol error: notifications of this transport come through shared memory"));
}

void inbound::rung() noexcept {
    if (!inlet_)
        return;
    if (!inlet_->bell().hear())
        context_.loop().forget(inlet_->bell().fd());
    context_.events.source_rang(*inlet_);
}

bool inbound::on_message(control::session& s, control::received_frame& frame) {
    control::sync m;
    if (frame.header.type != control::message_type::sync || control::decode(frame.body, m) != nullptr)
        return false;
    send_arenas();
    s.send(control::sync_done{m.sequence});
    return true;
}

void inbound::send_arenas() {
    const auto current = context_.regions.arenas();
    withdraw_arenas(current);
    for (const auto& a : current) {
        if (sent_.contains(a->key()))
            continue;
        std::vector<control::unique_fd> fds;
        fds.push_back(duplicate(a->fd()));
        if (!fds.front()) // the initiator then says that it misses this arena
            continue;
        sent_.insert(a->key());
        session_->send(control::arena{a->key(), a->length(), a->page_size(), false}, std::move(fds));
    }
}

void inbound::withdraw_arenas(const std::vector<std::shared_ptr<arena>>& current) {
    for (auto key = sent_.begin(); key != sent_.end();) {
        if (std::any_of(current.begin(), current.end(), [&](const auto& a) { return a->key() == *key; })) {
            ++key;
            continue;
        }
        const std::string bytes = encode(arena_gone_bytes{*key});
        session_->send(control::extension{arena_gone_bytes::kind, bytes});
        key = sent_.erase(key);
    }
}

void inbound::arenas_changed() noexcept {
    if (finished_ || !session_ || sent_.empty())
        return;
    try {
        withdraw_arenas(context_.regions.arenas());
    } catch (const std::exception& e) {
        return close(fail(NIXL_ERR_OUT_OF_MEMORY, "%s", e.what()));
    }
    update();
}

void inbound::close(const failure& why) noexcept {
    if (session_)
        session_->close(why);
    finish();
}

void inbound::on_closed(control::session&, const failure&) {
    finish();
}

void inbound::peer_exited() noexcept {
    close(fail(NIXL_ERR_REMOTE_DISCONNECT, "process %d has exited", static_cast<int>(pid_)));
}

void inbound::finish() noexcept {
    finished_ = true;
    if (const auto closing = std::exchange(inlet_, nullptr)) {
        context_.loop().forget(closing->bell().fd());
        context_.events.source_closed(*closing);
    }
    if (page_)
        context_.regions.close_page(page_);
}

} // namespace nixl::local
