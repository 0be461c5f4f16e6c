#include "transports/local/worker.hpp"

#include "transports/local/quiet_thread.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <exception>
#include <system_error>

namespace nixl::local {
namespace {

constexpr std::uint64_t check_at_least_every = 100'000'000; // while busy
constexpr std::uint64_t linger_interval = 2'000'000;
constexpr std::uint64_t accept_pause = 100'000'000;
constexpr std::size_t most_strangers = 256; // connections that have not said HELLO yet

failure fate_of(const peer& p) noexcept {
    const auto state = p.state.load(std::memory_order_acquire);
    return (state == NIXL_PEER_INVALIDATED ? fail(NIXL_ERR_STALE_PEER, "the peer was invalidated")
                                           : fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer is not connected"))
        .of(p.name());
}

} // namespace

worker::~worker() {
    join();
}

failure worker::start(control::listener listener) noexcept {
    listener_ = std::move(listener);
    if (const failure f = context_.loop().watch(listener_.fd(), EPOLLIN, accept_handler_); !f.ok())
        return f;
    accepting_ = true;
    failure f;
    try {
        thread_ = quiet_thread("nixl-local", [this] { run(); });
    } catch (const std::system_error& e) {
        f = fail_errno(NIXL_ERR_BACKEND, e.code().value(), "no progress thread");
    }
    return f;
}

void worker::join() noexcept {
    if (thread_.joinable())
        thread_.join();
}

void worker::run() noexcept {
    while (turn()) {
    }
    outbound_.clear();
    inbound_.clear();
    listener_.close();
}

bool worker::turn() noexcept {
    std::uint64_t now = now_ns();
    take_mail(now);
    bool busy = false;
    for (auto& [peer, o] : outbound_)
        busy = o->work(now) || busy;
    bury();
    now = now_ns();
    if (busy)
        context_.loop().touch(now);
    if (now >= next_check_ || !busy)
        check_all(now);
    bury();
    if (closing_ && closed(now))
        return false;
    const deadline until = next_check();
    next_check_ = std::min(until.at_ns, now + check_at_least_every);
    context_.loop().wait(busy, until, context_.settings.spin_ns, [this] { return context_.mail->waiting(); });
    bury();
    return true;
}

void worker::take_mail(std::uint64_t now) noexcept {
    if (!context_.mail->take(mail_))
        return;
    context_.loop().touch(now);
    for (command& c : mail_.commands)
        obey(c, now);
    mail_.commands.clear();
    for (request *r = mail_.first, *following = nullptr; r != nullptr; r = following) {
        following = r->queue_next;
        submit(*r, now);
    }
    if (mail_.cancels)
        for (auto& [peer, o] : outbound_)
            o->look_for_cancels();
}

void worker::obey(command& c, std::uint64_t now) noexcept {
    switch (c.what) {
    case command::verb::connect:
        connect(c, now);
        break;
    case command::verb::regions_changed:
        if (auto* o = find(*c.peer))
            o->regions_changed();
        break;
    case command::verb::disconnect:
        if (auto* o = find(*c.peer))
            o->disconnect(*c.why);
        break;
    case command::verb::arenas_changed:
        for (auto& [id, i] : inbound_)
            i->arenas_changed();
        break;
    case command::verb::broken:
        if (auto i = inbound_.find(c.connection); i != inbound_.end())
            i->second->close(fail(NIXL_ERR_BACKEND, "protocol error: what lies in the ring is no notification"));
        break;
    case command::verb::close:
        begin_closing(c.until);
        break;
    }
}

void worker::connect(command& c, std::uint64_t now) noexcept {
    failure f = closing_ ? fail(NIXL_ERR_CLOSED, "the agent is closing") : failure::success();
    try {
        if (auto* old = find(*c.peer)) // finished, but not buried yet
            old->disconnect(fail(NIXL_ERR_CANCELED, "connected again"));
        bury();
        if (f.ok()) {
            auto made = std::make_unique<outbound>(context_, c.peer, c.until);
            auto& o = *(outbound_[c.peer.get()] = std::move(made));
            return o.start(now);
        }
    } catch (const std::exception& e) {
        f = fail(NIXL_ERR_OUT_OF_MEMORY, "connecting: %s", e.what());
    }
    context_.events.peer_connected(*c.peer, f.of(c.peer->name()));
}

outbound* worker::find(const nixl::peer& p) noexcept {
    const auto found = outbound_.find(&p);
    return found == outbound_.end() || found->second->finished() ? nullptr : found->second.get();
}

void worker::submit(request& r, std::uint64_t now) noexcept {
    if (auto* o = find(*r.target))
        o->submit(r, now);
    else
        request_queue::settle(context_, r,
                              closing_ ? fail(NIXL_ERR_CLOSED, "the agent is closing").of(r.target->name())
                                       : fate_of(*r.target));
}

void worker::accept_waiting(std::uint64_t now) noexcept {
    bool exhausted = false;
    while (auto socket = listener_.accept(exhausted)) {
        const auto strangers =
            std::count_if(inbound_.begin(), inbound_.end(), [](const auto& i) { return !i.second->greeted(); });
        if (static_cast<std::size_t>(strangers) >= most_strangers)
            continue; // closes it
        try {
            const std::uint64_t id = ++last_inbound_;
            auto made = std::make_unique<inbound>(context_, id);
            if (made->start(std::move(socket), now).ok())
                inbound_.emplace(id, std::move(made));
        } catch (const std::exception&) {
            break; // no memory: those who wait are taken later
        }
    }
    if (exhausted) {
        context_.loop().forget(listener_.fd());
        accepting_ = false;
        accept_again_ = now + accept_pause;
    }
}

void worker::check_all(std::uint64_t now) noexcept {
    for (auto& [peer, o] : outbound_) {
        o->check(now);
        if (!o->finished() && o->next_tick() <= now)
            o->tick(now);
    }
    for (auto& [id, i] : inbound_)
        if (!i->finished() && i->next_tick() <= now)
            i->tick(now);
    lingering_ = context_.regions.sweep();
    if (!accepting_ && !closing_ && now >= accept_again_)
        accepting_ = context_.loop().watch(listener_.fd(), EPOLLIN, accept_handler_).ok();
}

deadline worker::next_check() const noexcept {
    deadline next;
    const std::uint64_t now = now_ns();
    for (const auto& [peer, o] : outbound_)
        next = earlier(next, earlier(o->next_check(), deadline{o->next_tick()}));
    for (const auto& [id, i] : inbound_)
        next = earlier(next, deadline{i->next_tick()});
    if (lingering_ || closing_)
        next = earlier(next, deadline::after(linger_interval, now));
    if (!accepting_ && !closing_)
        next = earlier(next, deadline{accept_again_});
    return next;
}

void worker::bury() noexcept {
    std::erase_if(outbound_, [](const auto& o) { return o.second->finished(); });
    std::erase_if(inbound_, [](const auto& i) { return i.second->finished(); });
}

void worker::begin_closing(deadline until) noexcept {
    closing_ = until;
    context_.mail->shut();
    context_.loop().forget(listener_.fd());
    accepting_ = false;
    const failure why = fail(NIXL_ERR_CLOSED, "the agent is closing");
    for (auto& [peer, o] : outbound_)
        o->disconnect(why);
    for (auto& [id, i] : inbound_)
        i->close(why);
}

// Ends when no peer is inside our memory any more, or at the deadline.
bool worker::closed(std::uint64_t now) noexcept {
    take_mail(now);
    bury();
    return !context_.regions.sweep() || closing_->passed(now);
}

} // namespace nixl::local
