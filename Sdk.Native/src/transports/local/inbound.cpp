#include "transports/local/inbound.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

namespace nixl::local {
namespace {

constexpr std::uint64_t greeting_ns = 10'000'000'000;

// Credits go back through the inbox, which it keeps alive; a connection that has closed is not found any more.
class sender final : public notification_sender {
  public:
    sender(const control::hello& m, std::uint32_t limit, std::uint64_t connection, std::shared_ptr<inbox> mail)
        : notification_sender(std::string(m.initiator_name), m.initiator_incarnation, limit), connection_(connection),
          mail_(std::move(mail)) {}

  private:
    void credit_returned() noexcept override {
        try {
            command c;
            c.what = command::verb::credit;
            c.connection = connection_;
            c.count = 1 + owed_.exchange(0);
            (void)mail_->push(std::move(c));
        } catch (...) {
            ++owed_; // no memory: with the next one
        }
    }

    const std::uint64_t connection_;
    const std::shared_ptr<inbox> mail_;
    std::atomic<std::uint32_t> owed_{0};
};

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

failure inbound::let_in(const control::hello& m, control::unique_fd& page_fd) {
    const control::target_identity self{context_.settings.name, context_.settings.incarnation,
                                        token_of(context_.settings), NIXL_TRANSPORT_LOCAL};
    if (const failure f = control::check_hello(m, self); !f.ok())
        return f;
    sender_ = std::make_shared<sender>(m, context_.settings.max_notifications, id_, context_.mail);
    if (pidfd_)
        if (const failure f = watch_exit(pidfd_.get()); !f.ok())
            return f;
    auto for_page = pidfd_ ? duplicate(pidfd_.get()) : control::unique_fd();
    if (const failure f = context_.regions.open_page(std::string(m.initiator_name), std::move(for_page), page_);
        !f.ok())
        return f;
    page_fd = duplicate(page_->page.fd());
    if (!page_fd)
        return fail_errno(NIXL_ERR_BACKEND, errno, "no descriptor for the control page");
    permit(pid_);
    return failure::success();
}

void inbound::on_hello(control::session& s, const control::hello& m) {
    control::unique_fd page_fd;
    if (const failure f = let_in(m, page_fd); !f.ok())
        return s.refuse(f);
    std::vector<control::unique_fd> fds;
    fds.push_back(std::move(page_fd));
    welcome_bytes w;
    w.nonce_address = reinterpret_cast<std::uint64_t>(context_.own_nonce.data());
    w.nonce = context_.own_nonce;
    s.accept(context_.settings.max_notifications, encode(w), std::move(fds));
}

void inbound::on_notify(control::session& s, const control::notify& m) {
    arrival a;
    a.sender = sender_;
    a.request = m.request;
    a.op = m.op == NIXL_OP_READ ? NIXL_OP_READ : NIXL_OP_WRITE;
    a.with_transfer = m.with_transfer;
    a.request_bytes = m.request_bytes;
    a.request_operations = m.request_operations;
    a.arrival_slot = m.arrival.slot;
    a.arrival_generation = m.arrival.generation;
    a.payload.assign(m.payload.begin(), m.payload.end());
    if (!context_.events.notification_arrived(std::move(a))) {
        close(fail(NIXL_ERR_BACKEND, "more notifications than were granted"));
        return;
    }
    transport_counters::add(context_.counters.notifications_received, 1);
    s.acknowledge(m.sequence, NIXL_SUCCESS);
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
    std::set<std::uint64_t> current;
    for (const auto& a : context_.regions.arenas()) {
        current.insert(a->key());
        if (sent_.contains(a->key()))
            continue;
        std::vector<control::unique_fd> fds;
        fds.push_back(duplicate(a->fd()));
        if (!fds.front()) { // the initiator then says that it misses this arena
            current.erase(a->key());
            continue;
        }
        session_->send(control::arena{a->key(), a->length(), a->page_size(), false}, std::move(fds));
    }
    sent_.swap(current);
}

void inbound::grant(std::uint32_t count) noexcept {
    if (finished_ || !session_)
        return;
    try {
        session_->grant(count);
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
    if (page_)
        context_.regions.close_page(page_);
}

} // namespace nixl::local
