#include "transports/local/connection.hpp"

#include <sys/epoll.h>

namespace nixl::local {

failure connection::attach(std::unique_ptr<control::session> s) noexcept {
    interest_ = s->wanted_events();
    if (const failure f = context_.loop().watch(s->fd(), interest_, *this); !f.ok())
        return f;
    session_ = std::move(s);
    return failure::success();
}

failure connection::watch_exit(int pidfd) noexcept {
    if (const failure f = context_.loop().watch(pidfd, EPOLLIN, exit_watch_); !f.ok())
        return f;
    exit_fd_ = pidfd;
    return failure::success();
}

void connection::detach() noexcept {
    if (session_)
        context_.loop().forget(session_->fd());
    context_.loop().forget(exit_fd_);
    exit_fd_ = -1;
}

void connection::update() noexcept {
    if (!session_ || finished_)
        return;
    session_->flush();
    const std::uint32_t wanted = session_->wanted_events();
    if (wanted != interest_) {
        interest_ = wanted;
        context_.loop().change(session_->fd(), wanted, *this);
    }
}

} // namespace nixl::local
