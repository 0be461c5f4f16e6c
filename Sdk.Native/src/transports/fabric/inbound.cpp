#include "transports/fabric/inbound.hpp"

#include "transports/fabric/rail_faults.hpp"
#include "transports/fabric/wire.hpp"

#include <algorithm>
#include <cstring>

namespace nixl::fabric {

namespace {

// The initiator opens its endpoint in this time too, on a machine that may be busy.
constexpr uint64_t greeting_ns = 30'000'000'000;

} // namespace

// The agent's view of this connection. Lives as long as there are unread notifications of it.
class inbound::sender final : public notification_sender {
  public:
    sender(std::string name, uint64_t incarnation, uint32_t limit, std::shared_ptr<waker> w)
        : notification_sender(std::move(name), incarnation, limit), waker_(std::move(w)) {}
    uint32_t take_returned() noexcept { return returned_.exchange(0, std::memory_order_relaxed); }

  private:
    void credit_returned() noexcept override {
        returned_.fetch_add(1, std::memory_order_relaxed);
        waker_->wake();
    }
    std::atomic<uint32_t> returned_{0};
    const std::shared_ptr<waker> waker_;
};

std::shared_ptr<inbound> inbound::accept(environment& env, inbound_owner& owner, control::unique_fd socket,
                                         uint64_t now) {
    std::shared_ptr<inbound> l(new inbound(env, owner, now));
    auto session = control::session::receive(std::move(socket), l->session_settings(greeting_ns), *l, now);
    return l->attach(std::move(session)).ok() ? l : nullptr;
}

void inbound::on_hello(control::session& s, const control::hello& m) {
    control::target_identity self;
    self.name = env_.settings.name;
    self.incarnation = env_.settings.incarnation;
    std::copy_n(env_.settings.access_token, self.token.size(), self.token.begin());
    self.transport = NIXL_TRANSPORT_FABRIC;
    if (const failure f = check_hello(m, self); !f.ok()) {
        return s.refuse(f);
    }
    endpoint_names names;
    if (const wire_error e = decode(m.transport_bytes, names)) {
        return s.refuse(fail(NIXL_ERR_MISMATCH, "%s", e));
    }
    if (names.provider != env_.provider().provider()) {
        return s.refuse(fail(NIXL_ERR_MISMATCH, "this agent uses libfabric provider '%s', not '%s'",
                             env_.provider().provider().c_str(), names.provider.c_str()));
    }
    peer_endpoints_ = std::move(names.addresses);
    const uint32_t credits = std::clamp<uint32_t>(env_.settings.max_notifications, 1, control::max_credits);
    sender_ = std::make_shared<sender>(std::string(m.initiator_name), m.initiator_incarnation, credits,
                                       env_.loop.shared_waker());
    open_rails(s.fd(), static_cast<uint32_t>(peer_endpoints_.size()));
}

void inbound::opened(endpoint_list endpoints, const std::string& why) {
    if (session_->current() != control::session::state::greeting) {
        return;
    }
    std::string reason = why;
    failure f;
    if (!endpoints.empty()) {
        f = attach(std::move(endpoints));
    }
    if (f.ok() && (rails_.empty() || !insert_peers(peer_endpoints_, reason))) {
        f = fail(NIXL_ERR_BACKEND, "libfabric: %s", reason.c_str());
    }
    if (!f.ok()) {
        session_->refuse(f);
        return update_session();
    }
    owner_.inbound_joins(*this);
    endpoint_names names = rail_names();
    encode(names.scratch, env_.scratch->published());
    std::string bytes;
    encode(bytes, names);
    if (bytes.size() > control::max_transport_bytes) { // then the first transfer connects
        names.scratch.clear();
        bytes.clear();
        encode(bytes, names);
    }
    session_->accept(sender_->limit(), bytes);
    if (closed_) {
        return; // the answer could not be written: on_closed has said so, and the owner must not count it as open
    }
    owner_.inbound_open(*this);
    update_session();
}

bool inbound::replaces(const inbound& other) const noexcept {
    return &other != this && other.sender_->name() == sender_->name() &&
           other.sender_->incarnation() == sender_->incarnation() && other.accepted_ns_ <= accepted_ns_;
}

bool inbound::advance(uint64_t) {
    if (closed_ || sender_ == nullptr) {
        return false;
    }
    // One-sided operations of the peer leave nothing here to look at: reading drives the provider. What it reports of a
    // lost connection comes over the control connection too.
    bool any = false;
    const uint64_t unpolled = pretended_rail_faults.unpolled.load(std::memory_order_relaxed);
    for (rail& r : rails_) {
        r.held = (unpolled >> r.index & 1) != 0;
        if (r.held) {
            continue;
        }
        std::string why;
        const int64_t n = r.path != nullptr ? r.path->poll(polled_.data(), polled_.size(), why) : 0;
        if (n < 0 && rails_.size() > 1) {
            drop(r); // the peer notices, and repeats on the others what it had given to this one
            any = true;
            continue;
        }
        if (n < 0) {
            close(fail(NIXL_ERR_BACKEND, "libfabric: %s", why.c_str()));
            return true;
        }
        any |= n > 0;
    }
    any |= scatter();
    if (closed_) {
        return true;
    }
    if (const uint32_t credits = sender_->take_returned(); credits != 0) {
        session_->grant(credits);
        update_session();
    }
    return any;
}

void inbound::tick(uint64_t now) {
    session_->tick(now);
    update_session();
}

uint64_t inbound::next_tick() const {
    return closed_ ? UINT64_MAX : session_->next_tick();
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
    // Every write of the request was acknowledged as delivered before this message was sent.
    if (!env_.events.notification_arrived(std::move(a))) {
        return close(fail(NIXL_ERR_BACKEND, "protocol error: more notifications than were granted"));
    }
    env_.count.notifications_received.fetch_add(1, std::memory_order_relaxed);
    s.acknowledge(m.sequence, NIXL_SUCCESS);
}

// Nothing of this peer can be written through the rail once this has been answered.
bool inbound::fence(control::session& s, const control::fence& f) {
    if (f.rail == control::every_rail) {
        drop_rails();
    } else if (f.rail < rails_.size()) {
        drop(rails_[f.rail]);
    } else {
        return false;
    }
    // A slot that waits to be scattered came through another rail, or was whole before.
    if (scatterer_ != nullptr &&
        std::none_of(rails_.begin(), rails_.end(), [](const rail& r) { return r.path != nullptr; })) {
        scatterer_->clear();
    }
    s.send(control::fence_ack{f.id, NIXL_SUCCESS});
    return true;
}

bool inbound::on_message(control::session& s, control::received_frame& frame) {
    if (frame.header.type == control::message_type::fence) {
        control::fence f;
        return control::decode(frame.body, f) == nullptr && fence(s, f);
    }
    control::extension m;
    uint64_t key = 0;
    if (frame.header.type != control::message_type::extension || control::decode(frame.body, m) != nullptr) {
        return false;
    }
    if (m.kind != static_cast<uint32_t>(extension_kind::revoked)) {
        return on_packing(s, m);
    }
    if (decode_key(m.bytes, key) != nullptr) {
        return false;
    }
    owner_.inbound_revoked(*this, key);
    return true;
}

void inbound::revoke(uint64_t key) {
    const std::string bytes = encode_key(key);
    session_->send(control::extension{static_cast<uint32_t>(extension_kind::revoke), bytes});
    update_session();
}

void inbound::close(const failure& why) {
    if (closed_) {
        return;
    }
    drop_rails(); // before the peer hears of it
    session_->close(why);
    update_session();
    ended();
}

void inbound::on_closed(control::session&, const failure&) {
    drop_rails();
    ended();
}

void inbound::ended() {
    closed_ = true;
    scatterer_.reset(); // nothing writes into its ring any more, and nothing of it is scattered
    owner_.inbound_closed(*this);
}

} // namespace nixl::fabric
