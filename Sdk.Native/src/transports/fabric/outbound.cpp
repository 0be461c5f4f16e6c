#include "transports/fabric/outbound.hpp"

#include "control/sockets.hpp"
#include "transports/fabric/wire.hpp"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>

namespace nixl::fabric {

namespace {

// A process that was killed takes its data connection and its control connection with it; which end is seen first is
// chance. Only after this time is a lost data connection of a living peer called that.
constexpr uint64_t lost_wait_ns = 100'000'000;

constexpr uint64_t cancel_look_ns = 20'000'000; // while connecting

} // namespace

outbound::outbound(environment& env, std::shared_ptr<peer> p, deadline until)
    : link(env), peer_(std::move(p)), connect_until_(until), operations_(env.window_operations()),
      stall_ns_(std::max<uint64_t>(env.settings.suspect_after_ns / 2, 1)) {}

std::shared_ptr<outbound> outbound::connect(environment& env, std::shared_ptr<peer> p, deadline until, uint64_t now) {
    std::shared_ptr<outbound> l(new outbound(env, std::move(p), until));
    if (const failure f = l->start(now); !f.ok()) {
        l->close(f, true);
    }
    return l;
}

failure outbound::start(uint64_t now) {
    const auto metadata = peer_->metadata();
    advertised_address to;
    if (const wire_error e = decode(metadata->address(NIXL_TRANSPORT_FABRIC), to)) {
        return fail(NIXL_ERR_MISMATCH, "metadata: %s", e);
    }
    target_virtual_addresses_ = to.virtual_addresses;
    check_at_ = now;
    failure why;
    socket_ = control::connect_tcp(to.host, to.port, socket_connected_, why);
    if (!socket_) {
        return why;
    }
    open_rails(socket_.get(), std::max(to.rails, static_cast<uint32_t>(env_.domains.size())));
    return failure::success();
}

void outbound::opened(endpoint_list endpoints, const std::string& why) {
    if (endpoints.empty()) {
        return close(fail(NIXL_ERR_BACKEND, "libfabric: %s", why.c_str()), true);
    }
    if (const failure f = attach(std::move(endpoints)); !f.ok()) {
        return close(f, true);
    }
    const uint64_t now = now_ns();
    const auto metadata = peer_->metadata();
    std::string bytes;
    encode(bytes, rail_names());
    control::hello h;
    h.transport = NIXL_TRANSPORT_FABRIC;
    h.initiator_name = env_.settings.name;
    h.initiator_incarnation = env_.settings.incarnation;
    h.target_name = metadata->name;
    h.target_incarnation = metadata->incarnation;
    h.token = metadata->access_token;
    h.transport_bytes = bytes;
    const uint64_t left = std::min<uint64_t>(connect_until_.remaining_ns(now), 3'600'000'000'000u);
    auto s = control::session::initiate(std::move(socket_), socket_connected_, h, session_settings(left), *this, now);
    if (const failure f = attach(std::move(s)); !f.ok()) {
        return close(f, true);
    }
    update_session();
}

void outbound::on_welcome(control::session&, const control::welcome& m, std::span<control::unique_fd>) {
    endpoint_names names;
    if (const wire_error e = decode(m.transport_bytes, names)) {
        return close(fail(NIXL_ERR_MISMATCH, "welcome: %s", e), true);
    }
    std::string why;
    if (names.provider != env_.provider().provider()) {
        why = "the peer uses provider " + names.provider;
    } else {
        (void)insert_peers(names.addresses, why);
    }
    if (!why.empty()) {
        return close(fail(NIXL_ERR_BACKEND, "libfabric: %s", why.c_str()), true);
    }
    advertised_key scratch;
    if (decode(names.scratch, scratch) == nullptr) {
        return warm_up(std::move(scratch));
    }
    welcomed();
}

void outbound::welcomed() {
    state_ = state::open;
    check_at_ = UINT64_MAX;
    peer_->transport_state = std::static_pointer_cast<outbound>(shared_from_this());
    {
        const auto lock = peer_->text_lock();
        peer_->provider = env_.provider().provider();
        peer_->rails.clear();
        for (rail& r : rails_) {
            r.report = std::make_shared<rail_report>();
            r.report->device = env_.domains[r.domain]->device();
            peer_->rails.push_back(r.report);
        }
    }
    const process_identity here = this_process();
    const process_identity& there = peer_->metadata()->process;
    if (!here.boot_id.empty() && here.boot_id == there.boot_id && here.pid_namespace == there.pid_namespace) {
        peer_->process_id = there.process_id;
        watch_process(there.process_id);
    }
    env_.events.peer_connected(*peer_, failure::success());
}

// Without it (an old kernel, no permission) the end of its sockets tells.
void outbound::watch_process(uint64_t id) {
    exit_watch_.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(id), 0)));
    if (exit_watch_.process && !env_.loop.watch(exit_watch_.process.get(), EPOLLIN, &exit_watch_).ok()) {
        exit_watch_.process.reset();
    }
}

void outbound::exit_watch::ready(uint32_t, uint64_t) {
    owner.close(
        fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer's process %" PRIu64 " has exited", owner.peer_->process_id.load()),
        true);
}

bool outbound::advance(uint64_t now) {
    if (state_ == state::connecting) {
        return advance_warm_up();
    }
    if (state_ != state::open) {
        return false;
    }
    bool busy = poll_completions(now);
    if (dying_) {
        bury_dying(now);
        busy = true;
    }
    if (state_ == state::open && lost_at_ == 0) {
        busy |= post_pieces(now);
        busy |= pack_slots(now);
    }
    if (state_ == state::open) {
        send_notifications(now);
        update_session();
    }
    return busy;
}

uint64_t outbound::next_tick() const {
    uint64_t at = check_at_;
    if (session_ != nullptr) {
        at = std::min(at, session_->next_tick());
    }
    if (lost_at_ != 0) {
        at = std::min(at, lost_at_ + lost_wait_ns);
    }
    return std::min(at, next_stall());
}

void outbound::tick(uint64_t now) {
    if (session_ != nullptr) {
        session_->tick(now);
    }
    if (state_ == state::connecting) {
        if (peer_->connect_canceled) {
            return close(fail(NIXL_ERR_CANCELED, "connecting to '%s' was cancelled", peer_->name().c_str()), true);
        }
        if (connect_until_.passed(now)) {
            return close(fail(NIXL_ERR_TIMEOUT, "connecting to '%s' took longer than its deadline allows",
                              peer_->name().c_str()),
                         true);
        }
        check_at_ = now + cancel_look_ns;
        return update_session();
    }
    if (state_ == state::open && now >= check_at_) {
        check_requests(now);
    }
    if (state_ == state::open) {
        watch_for_stalls(now);
    }
    if (state_ == state::open && lost_at_ != 0 && now >= lost_at_ + lost_wait_ns) {
        return give_up_lost();
    }
    update_session();
}

void outbound::on_silence(control::session& s, bool silent) {
    if (state_ != state::open) {
        return;
    }
    const uint64_t ms = (now_ns() - s.last_heard()) / 1'000'000;
    env_.events.peer_changed(*peer_, silent ? NIXL_PEER_SUSPECT : NIXL_PEER_CONNECTED,
                             silent ? "nothing heard from it for " + std::to_string(ms) + " ms" : "heard again");
}

void outbound::on_closed(control::session&, const failure& why) {
    failure f = why;
    if (state_ == state::open && f.status != NIXL_ERR_BACKEND) {
        f.status = NIXL_ERR_REMOTE_DISCONNECT;
    }
    close(f, true);
}

void outbound::disconnect(const failure& why) {
    close(why, state_ == state::connecting);
}

// The data connection broke, but the process is alive: its control connection is.
void outbound::give_up_lost() {
    const failure alive = fail(
        NIXL_ERR_REMOTE_DISCONNECT,
        "the data connection to '%s' broke while its process lives (%s): a memory key that is no longer valid, or the "
        "network; connect again with fresh metadata",
        peer_->name().c_str(), lost_.text);
    close(alive, true);
}

void outbound::close(const failure& why, bool report) {
    if (state_ == state::closed) {
        return;
    }
    const bool connecting = state_ == state::connecting;
    state_ = state::closed;
    failure named = why;
    named.of(peer_->name());
    // First: afterwards nothing is in flight any more, here or from here.
    drop_rails();
    settle_all(named);
    if (session_ != nullptr) {
        session_->close(named);
        update_session();
    }
    socket_.reset();
    if (!report) {
        return;
    }
    if (connecting) {
        env_.events.peer_connected(*peer_, named);
    } else {
        env_.events.peer_changed(*peer_, NIXL_PEER_DISCONNECTED, named.text);
    }
}

void outbound::retire() {
    close(fail(NIXL_ERR_CLOSED, "the agent is closing"), state_ == state::connecting);
    if (exit_watch_.process) {
        env_.loop.unwatch(exit_watch_.process.get());
        exit_watch_.process.reset();
    }
    link::retire();
    if (peer_->transport_state.get() == this) {
        peer_->transport_state.reset(); // it holds us and we hold it
    }
}

bool outbound::on_message(control::session&, control::received_frame& frame) {
    if (control::fence_ack ack; frame.header.type == control::message_type::fence_ack) {
        return control::decode(frame.body, ack) == nullptr && fenced(ack);
    }
    control::extension m;
    uint64_t key = 0;
    if (frame.header.type != control::message_type::extension || control::decode(frame.body, m) != nullptr) {
        return false;
    }
    if (m.kind != static_cast<uint32_t>(extension_kind::revoke)) {
        return on_packing(m);
    }
    if (decode_key(m.bytes, key) != nullptr) {
        return false;
    }
    // Posts look at `revoked`; what is in flight is waited for.
    const auto metadata = peer_->metadata();
    for (const auto& region : metadata->regions) {
        advertised_key published;
        if (decode(region->key(NIXL_TRANSPORT_FABRIC), published) == nullptr && published.name() == key) {
            region->revoked = true;
        }
    }
    // Metadata that was exported before and is loaded later names the key once more. Keys of our own making are never
    // used again; a provider's are, and then its device refuses the old ones.
    if (!env_.provider().limits().provider_keys) {
        revoked_.insert(key);
    }
    revoking_.push_back(key);
    answer_revokes();
    return true;
}

void outbound::answer_revokes() {
    std::erase_if(revoking_, [this](uint64_t key) {
        bool in_flight = false;
        operations_.for_each_in_use(
            [&](const operation& op) { in_flight |= op.remote_memory != nullptr && op.remote_memory->name() == key; });
        if (!in_flight && session_ != nullptr) {
            const std::string bytes = encode_key(key);
            session_->send(control::extension{static_cast<uint32_t>(extension_kind::revoked), bytes});
        }
        return !in_flight;
    });
}

} // namespace nixl::fabric
