#include "control/channel.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nixl::control {
namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t max_waiting_fds = 64;

} // namespace

channel::channel(unique_fd socket, bool descriptors) : socket_(std::move(socket)), descriptors_(descriptors) {}

channel::result channel::fail(int system_error, const char* what) noexcept {
    if (error_.empty()) {
        system_error_ = system_error;
        try {
            error_ = what;
            if (system_error != 0)
                error_ += std::string(": ") + std::strerror(system_error);
        } catch (...) {
            error_.clear(); // out of memory: the status alone must do
        }
    }
    return result::failed;
}

void channel::check_output() noexcept {
    if (output_bytes() > max_output_bytes)
        fail(0, "the peer does not read: too many bytes wait for it");
}

channel::result channel::flush() noexcept {
    if (!error_.empty())
        return result::failed;
    if (write_closed_)
        return result::closed;
    while (wants_write()) {
        std::size_t until = out_.size();
        std::vector<unique_fd>* fds = nullptr;
        if (!out_fds_.empty()) {
            const std::size_t at = static_cast<std::size_t>(out_fds_.front().position - out_base_);
            if (at == out_sent_) {
                fds = &out_fds_.front().fds;
                // Descriptors of the next frame must ride with that frame's first byte.
                if (out_fds_.size() > 1)
                    until = static_cast<std::size_t>(out_fds_[1].position - out_base_);
            } else {
                until = at;
            }
        }
        iovec iov{out_.data() + out_sent_, until - out_sent_};
        msghdr msg{};
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_frame_fds)] = {};
        if (fds != nullptr) {
            msg.msg_control = control;
            msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds->size());
            cmsghdr* c = CMSG_FIRSTHDR(&msg);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int) * fds->size());
            for (std::size_t i = 0; i < fds->size(); ++i) {
                const int fd = (*fds)[i].get();
                std::memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
            }
        }
        const ssize_t n = ::sendmsg(socket_.get(), &msg, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                break;
            if (errno == EPIPE || errno == ECONNRESET) {
                write_closed_ = true;
                return result::closed;
            }
            return fail(errno, "sending to the peer failed");
        }
        if (fds != nullptr && n > 0)
            out_fds_.pop_front();
        out_sent_ += static_cast<std::size_t>(n);
    }
    drop_sent();
    return result::ok;
}

void channel::drop_sent() noexcept {
    if (out_sent_ == out_.size()) {
        out_base_ += out_.size();
        out_.clear();
        out_sent_ = 0;
    } else if (out_sent_ > read_bytes && out_sent_ > out_.size() / 2) {
        out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_sent_));
        out_base_ += out_sent_;
        out_sent_ = 0;
    }
}

channel::result channel::read_some(std::size_t& got) noexcept {
    got = 0;
    try {
        if (in_begin_ == in_end_)
            in_begin_ = in_end_ = 0;
        if (in_.size() - in_end_ < read_bytes) {
            if (in_begin_ > 0) {
                std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
                in_end_ -= in_begin_;
                in_begin_ = 0;
            }
            if (in_.size() - in_end_ < read_bytes)
                in_.resize(in_end_ + read_bytes);
        }
    } catch (...) {
        return fail(ENOMEM, "no memory to read from the peer");
    }
    iovec iov{in_.data() + in_end_, in_.size() - in_end_};
    msghdr msg{};
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * max_frame_fds)];
    if (descriptors_) {
        msg.msg_control = control;
        msg.msg_controllen = sizeof control;
    }
    ssize_t n = 0;
    do {
        n = ::recvmsg(socket_.get(), &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return result::ok;
        const bool gone = errno == ECONNRESET;
        fail(errno, "reading from the peer failed");
        return gone ? result::closed : result::failed;
    }
    if (descriptors_) {
        for (cmsghdr* c = CMSG_FIRSTHDR(&msg); c != nullptr; c = CMSG_NXTHDR(&msg, c)) {
            if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                continue;
            const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < count; ++i) {
                int fd = -1;
                std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                take_descriptors(fd);
            }
        }
        if ((msg.msg_flags & MSG_CTRUNC) != 0)
            return fail(EMFILE, "descriptors from the peer were lost: too many in one message, or none left here");
        if (in_fds_.size() > max_waiting_fds)
            return fail(0, "protocol error: descriptors that no message claims");
    }
    if (n == 0) {
        if (in_begin_ != in_end_)
            fail(0, "the peer closed the connection in the middle of a message");
        return result::closed;
    }
    got = static_cast<std::size_t>(n);
    in_end_ += got;
    return result::ok;
}

void channel::take_descriptors(int fd) {
    unique_fd owned(fd);
    try {
        in_fds_.push_back(std::move(owned));
    } catch (...) {
        fail(ENOMEM, "no memory for descriptors from the peer");
    }
}

channel::result channel::next_frame(received_frame& frame, bool& whole) noexcept {
    whole = false;
    in_begin_ += std::exchange(frame_bytes_, 0);
    const std::size_t have = in_end_ - in_begin_;
    if (have < frame_header_bytes)
        return result::ok;
    const std::span<const std::uint8_t> bytes(in_.data() + in_begin_, have);
    if (auto e = decode(bytes.first(frame_header_bytes), frame.header))
        return fail(0, e);
    if (frame.header.body_length > body_limit_)
        return fail(0, "protocol error: frame length beyond what is allowed before the handshake");
    if (have - frame_header_bytes < frame.header.body_length)
        return result::ok;
    try {
        frame_fds_.clear();
        if (frame.header.fds > in_fds_.size())
            return fail(0, "protocol error: a message lacks its descriptors");
        for (std::size_t i = 0; i < frame.header.fds; ++i) {
            frame_fds_.push_back(std::move(in_fds_.front()));
            in_fds_.pop_front();
        }
    } catch (...) {
        return fail(ENOMEM, "no memory for descriptors from the peer");
    }
    frame.body = bytes.subspan(frame_header_bytes, frame.header.body_length);
    frame.fds = frame_fds_;
    frame_bytes_ = frame_header_bytes + frame.header.body_length;
    whole = true;
    return result::ok;
}

} // namespace nixl::control
