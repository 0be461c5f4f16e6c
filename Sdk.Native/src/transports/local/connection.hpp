// What both ends of a control connection have in common here: the session, its descriptor in epoll, and the watch on
// the other process. Progress thread only. Destroyed by the transport between two turns, never inside a callback.
#pragma once

#include "control/session.hpp"
#include "control/sockets.hpp"
#include "transports/local/context.hpp"
#include "transports/local/progress.hpp"

#include <memory>

namespace nixl::local {

class connection : public fd_handler, public control::session_events {
  public:
    explicit connection(context& c) noexcept : context_(c), exit_watch_(*this) {}
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    virtual ~connection() = default; // derived ones call detach() first

    void on_fd(std::uint32_t events, std::uint64_t now) noexcept final {
        if (session_)
            session_->ready(events, now);
        update();
    }
    // Sends what is queued and asks epoll for what is needed now. After anything that may have queued messages.
    void update() noexcept;
    void tick(std::uint64_t now) noexcept {
        if (session_)
            session_->tick(now);
        update();
    }
    std::uint64_t next_tick() const noexcept { return session_ ? session_->next_tick() : UINT64_MAX; }
    bool finished() const noexcept { return finished_; }

  protected:
    virtual void peer_exited() noexcept = 0;

    failure attach(std::unique_ptr<control::session> s) noexcept;
    failure watch_exit(int pidfd) noexcept; // the descriptor stays the caller's
    void detach() noexcept;

    control::session_settings session_settings(std::uint64_t handshake_ns) const noexcept {
        control::session_settings s;
        s.handshake_ns = handshake_ns;
        s.suspect_after_ns = context_.settings.suspect_after_ns;
        s.descriptors = true;
        return s;
    }

    context& context_;
    std::unique_ptr<control::session> session_;
    bool finished_ = false;

  private:
    struct exit_handler final : fd_handler {
        explicit exit_handler(connection& c) noexcept : owner(c) {}
        void on_fd(std::uint32_t, std::uint64_t) noexcept override { owner.peer_exited(); }
        connection& owner;
    };

    exit_handler exit_watch_;
    int exit_fd_ = -1;
    std::uint32_t interest_ = 0;
};

} // namespace nixl::local
