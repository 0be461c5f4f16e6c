#include "control/session.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

namespace nixl::control {
namespace {

constexpr std::size_t greeting_body_bytes = 8 * 1024; // HELLO at its longest

// A failure whose text ends with what the peer said, made safe to print.
failure quoting(std::int32_t status, const char* what, std::string_view said) noexcept {
    failure f = fail(status, "%s%.*s", what, static_cast<int>(said.size()), said.data());
    for (char* c = f.text; *c != 0; ++c)
        if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7f)
            *c = '?';
    return f;
}

} // namespace

session::session(role r, unique_fd socket, const session_settings& settings, session_events& events, std::uint64_t now)
    : role_(r), channel_(std::move(socket), settings.descriptors), settings_(settings), events_(events), started_(now),
      last_heard_(now), last_ping_(now), last_tick_(now) {}

session::~session() = default;

std::unique_ptr<session> session::initiate(unique_fd socket, bool is_connected, const hello& greeting,
                                           const session_settings& settings, session_events& events,
                                           std::uint64_t now) {
    std::unique_ptr<session> s(new session(role::initiator, std::move(socket), settings, events, now));
    s->hello_low_ = greeting.protocol_low;
    s->hello_high_ = greeting.protocol_high;
    s->channel_.send(greeting);
    s->state_ = is_connected ? state::greeting : state::connecting;
    return s;
}

std::unique_ptr<session> session::receive(unique_fd socket, const session_settings& settings, session_events& events,
                                          std::uint64_t now) {
    std::unique_ptr<session> s(new session(role::target, std::move(socket), settings, events, now));
    s->channel_.limit_body(greeting_body_bytes);
    return s;
}

std::uint32_t session::wanted_events() const noexcept {
    if (state_ == state::closed)
        return 0;
    if (state_ == state::connecting)
        return EPOLLOUT;
    return EPOLLIN | EPOLLRDHUP | (channel_.wants_write() ? static_cast<std::uint32_t>(EPOLLOUT) : 0u);
}

void session::connected() noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(channel_.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == ECONNREFUSED)
        return end(fail_errno(NIXL_ERR_REMOTE_DISCONNECT, error,
                              "nobody listens at the peer's control address: its process has ended"));
    if (error != 0)
        return end(fail_errno(NIXL_ERR_BACKEND, error, "connecting failed"));
    state_ = state::greeting;
    flush();
}

void session::ready(std::uint32_t epoll_events, std::uint64_t now) noexcept {
    if (state_ == state::closed)
        return;
    if (state_ == state::connecting) {
        if ((epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0)
            return;
        connected();
    }
    if (state_ != state::closed && (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        auto r = channel::result::failed;
        try {
            r = channel_.receive([&](received_frame& frame) {
                heard(now);
                return dispatch(frame) && state_ != state::closed;
            });
        } catch (const std::exception& e) {
            return end(fail(NIXL_ERR_OUT_OF_MEMORY, "control connection: %s", e.what()));
        }
        if (r != channel::result::ok)
            return ended(r);
    }
    flush();
}

void session::heard(std::uint64_t now) noexcept {
    last_heard_ = std::max(last_heard_, now);
    if (silent_) {
        silent_ = false;
        events_.on_silence(*this, false);
    }
}

bool session::protocol_error(const received_frame& frame, wire_error e) {
    end(fail(NIXL_ERR_BACKEND, "protocol error in %s: %s", message_name(frame.header.type), e));
    return false;
}

bool session::dispatch(received_frame& frame) {
    if (state_ == state::greeting && frame.header.type != message_type::bye)
        return dispatch_greeting(frame);
    switch (frame.header.type) {
    case message_type::ping: {
        ping m;
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        channel_.send(pong{m.sequence});
        return true;
    }
    case message_type::pong: {
        pong m;
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        return true;
    }
    case message_type::bye: {
        bye m;
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        end(quoting(NIXL_ERR_REMOTE_DISCONNECT, "the peer closed the connection: ", m.text));
        return false;
    }
    case message_type::notify: {
        control::notify m;
        if (role_ != role::target)
            return protocol_error(frame, "only an initiator sends it");
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        if (m.sequence != sequence_ + 1)
            return protocol_error(frame, "out of sequence");
        if (credits_ == 0)
            return protocol_error(frame, "more notifications than were granted");
        sequence_ = m.sequence;
        --credits_;
        events_.on_notify(*this, m);
        return true;
    }
    case message_type::notify_ack: {
        notify_ack m;
        if (role_ != role::initiator)
            return protocol_error(frame, "only a target sends it");
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        if (m.sequence == 0 || m.sequence > sequence_)
            return protocol_error(frame, "acknowledges what was not sent");
        events_.on_notify_ack(*this, m);
        return true;
    }
    case message_type::credit: {
        credit m;
        if (role_ != role::initiator)
            return protocol_error(frame, "only a target sends it");
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        if (m.count > max_credits - credits_)
            return protocol_error(frame, "more credits than the limit");
        credits_ += m.count;
        events_.on_credit(*this);
        return true;
    }
    case message_type::hello:
    case message_type::welcome:
    case message_type::reject:
        return protocol_error(frame, "a second handshake");
    default:
        return events_.on_message(*this, frame) || protocol_error(frame, "not understood in this place");
    }
}

bool session::dispatch_greeting(received_frame& frame) {
    if (role_ == role::target) {
        hello m;
        if (frame.header.type != message_type::hello || hello_high_ != 0)
            return protocol_error(frame, "before the handshake has ended");
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        hello_low_ = m.protocol_low;
        hello_high_ = m.protocol_high;
        if (m.protocol_low > protocol_version) {
            refuse(fail(NIXL_ERR_MISMATCH, "no common version of the control protocol: this end speaks %u",
                        static_cast<unsigned>(protocol_version)));
            return false;
        }
        events_.on_hello(*this, m);
        return true;
    }
    if (frame.header.type == message_type::reject) {
        reject m;
        if (auto e = decode(frame.body, m))
            return protocol_error(frame, e);
        end(quoting(m.status, "the peer refuses: ", m.text));
        return false;
    }
    welcome m;
    if (frame.header.type != message_type::welcome)
        return protocol_error(frame, "before the handshake has ended");
    if (auto e = decode(frame.body, m))
        return protocol_error(frame, e);
    if (m.protocol < hello_low_ || m.protocol > hello_high_)
        return protocol_error(frame, "a version that was not offered");
    credits_ = m.credits;
    state_ = state::open;
    events_.on_welcome(*this, m, frame.fds);
    return true;
}

void session::accept(std::uint32_t granted, std::string_view transport_bytes, std::vector<unique_fd> fds) {
    if (state_ != state::greeting || role_ != role::target)
        return;
    state_ = state::open;
    credits_ = std::clamp<std::uint32_t>(granted, 1, max_credits);
    channel_.limit_body(max_body_bytes);
    const welcome m{std::min(hello_high_, protocol_version), credits_, transport_bytes};
    if (fds.empty())
        channel_.send(m);
    else
        channel_.send(m, std::move(fds));
    flush();
}

void session::refuse(const failure& why) {
    if (state_ != state::greeting || role_ != role::target)
        return;
    channel_.send(reject{why.status, why.text});
    (void)channel_.flush(); // a few hundred bytes into an empty socket buffer
    ::shutdown(channel_.fd(), SHUT_WR);
    end(why);
}

std::uint64_t session::notify(control::notify m) {
    if (credits_ == 0 || state_ != state::open)
        return 0;
    --credits_;
    m.sequence = ++sequence_;
    channel_.send(m);
    return m.sequence;
}

void session::grant(std::uint32_t count) {
    if (count == 0 || state_ != state::open)
        return;
    count = std::min(count, max_credits - credits_);
    credits_ += count;
    channel_.send(credit{count});
}

void session::flush() noexcept {
    if (state_ == state::closed || state_ == state::connecting)
        return;
    // Closed: what the peer said before it closed (REJECT, BYE) explains more than EPIPE, and the next read finds it.
    if (channel_.flush() == channel::result::failed)
        ended(channel::result::failed);
}

std::uint64_t session::next_tick() const noexcept {
    switch (state_) {
    case state::connecting:
    case state::greeting:
        return started_ + settings_.handshake_ns;
    case state::open:
        return last_tick_ + settings_.suspect_after_ns / 3;
    default:
        return UINT64_MAX;
    }
}

void session::tick(std::uint64_t now) noexcept {
    if (state_ == state::closed)
        return;
    const std::uint64_t interval = settings_.suspect_after_ns / 3;
    // If it was this process that slept (stopped, suspended), the peer is not to blame for the silence.
    const std::uint64_t slept = now > last_tick_ ? now - last_tick_ : 0;
    if (slept > 2 * interval)
        last_heard_ = now;
    last_tick_ = now;
    if (state_ != state::open) {
        if (now > started_ && now - started_ >= settings_.handshake_ns) // the owner's now may be a little older
            end(fail(NIXL_ERR_TIMEOUT, "%s",
                     role_ == role::initiator ? "the peer did not answer the handshake in time"
                                              : "no handshake came in time"));
        return;
    }
    if (now > last_ping_ && now - last_ping_ >= interval) {
        last_ping_ = now;
        try {
            channel_.send(ping{++ping_sequence_});
        } catch (const std::exception& e) {
            return end(fail(NIXL_ERR_OUT_OF_MEMORY, "control connection: %s", e.what()));
        }
        flush();
    }
    if (state_ == state::open && !silent_ && now > last_heard_ && now - last_heard_ > settings_.suspect_after_ns) {
        silent_ = true;
        events_.on_silence(*this, true);
    }
}

void session::ended(channel::result r) noexcept {
    const auto status = r == channel::result::closed ? NIXL_ERR_REMOTE_DISCONNECT : NIXL_ERR_BACKEND;
    const char* text =
        channel_.error().empty() ? "the peer closed the connection without a goodbye" : channel_.error().c_str();
    end(fail(status, "%s", text).system(channel_.system_error()));
}

void session::end(const failure& why) noexcept {
    if (state_ == state::closed)
        return;
    state_ = state::closed;
    events_.on_closed(*this, why);
}

void session::close(const failure& why) noexcept {
    if (state_ == state::closed)
        return;
    const bool say = state_ == state::open || (state_ == state::greeting && role_ == role::initiator);
    state_ = state::closed;
    try {
        if (say) {
            channel_.send(bye{why.status, why.text});
            (void)channel_.flush();
        }
    } catch (...) {
        // the peer learns from the end of the stream
    }
    ::shutdown(channel_.fd(), SHUT_WR);
}

} // namespace nixl::control
